"""The steps of `make deploy`, in order."""

from collections.abc import Callable, Mapping
from pathlib import Path

from deploy import preflight
from deploy.choices import Choices
from deploy.commands import Commands, Done, Stop
from deploy.failures import Lasting, Passing, diagnose
from deploy.given_secrets import GivenSecrets
from deploy.plan_words import changes, secrets_stored_anew, summary
from deploy.roles import missing_roles
from deploy.terminal import Terminal
from deploy.terraform import Terraform
from deploy.terraform_binary import Download, find_terraform, this_machine
from deploy.twilio_account import (
    ACCOUNT_SID,
    DEFAULT_REGION,
    Number,
    TwilioAccount,
    twilio_domains,
)

_TRIES = 4
_DATABASE = "google_firestore_database.this"
_UNTRIED = 3
"""The doctor's exit status when nothing is wrong, but not everything could be tried."""
_NEAREST = {"au1": "australia-southeast1", "ie1": "europe-west1", "us1": "us-east4"}
"""Where to run for each of Twilio's regions: see docs/deploy.md, Where it runs."""


class Guide:
    """Runs the steps. Raises Stop with what to do if it can't continue."""

    def __init__(
        self,
        root: Path,
        commands: Commands,
        terminal: Terminal,
        twilio_url: str,
        google_url: str,
        *,
        sleep: Callable[[float], None],
        download: Download,
    ) -> None:
        self._folder = root / "terraform"
        self._twilio_domains = twilio_domains(root)
        self._commands = commands
        self._terminal = terminal
        self._twilio_url = twilio_url
        self._google_url = google_url
        self._sleep = sleep
        self._download = download
        self._choices = Choices(self._folder / "terraform.tfvars", dry_run=commands.dry_run)
        self._secrets = GivenSecrets(commands, terminal, self._choices)

    def run(self) -> None:
        if self._choices.secrets:
            raise Stop(
                f"terraform/terraform.tfvars has {', '.join(self._choices.secrets)} in it. Others"
                " read that file: remove the secret and start again. You will be asked for it."
            )
        terraform = self._find_terraform()
        self._check_project()
        self._choose_numbers()
        self._choose_model()
        self._choices.write()
        self._keep_state()
        planned = self._plan(terraform)
        if self._commands.dry_run:
            self._say("\nDry run: nothing was changed. To deploy: make deploy")
            return
        if planned:
            self._confirm(planned)
            self._apply(terraform, len(planned))
        self._examine(terraform)

    # Before anything is created

    def _find_terraform(self) -> Terraform:
        self._step("Terraform")
        program = find_terraform(
            self._commands, self._folder / ".build", self._download, this_machine(), self._say
        )
        self._good(program)
        if program != "terraform":
            self._say(f"    To run it yourself:  export PATH={Path(program).parent}:$PATH")
        return Terraform(self._commands, self._folder, program)

    def _check_project(self) -> None:
        self._step("Google Cloud")
        self._good(f"signed in as {preflight.signed_in(self._commands)}")
        if not self._choices.has("project_id"):
            default = self._commands.read("gcloud", "config", "get", "project").output
            self._choices.keep("project_id", self._terminal.ask("Which project (its id)?", default))
        preflight.project_number(self._commands, self._project)
        if preflight.billing_is_on(self._commands, self._project):
            self._good(f"project {self._project}, with billing on")
        else:
            self._good(f"project {self._project}")
            self._unknown("gcloud doesn't say whether billing is on")
        self._check_roles()
        restricted = preflight.forbids_all_users(self._commands, self._project)
        if restricted and not self._choices.has("domain_restricted_sharing"):
            self._choices.keep("domain_restricted_sharing", self._restricted_from_now_on())
        match restricted:
            case None:
                self._unknown("gcloud doesn't list the organisation policies")
            case True if self._choices.get("domain_restricted_sharing") == "true":
                self._good(
                    "the organisation forbids allUsers: using services without authentication"
                    " instead"
                )
            case True:
                self._say("  ! the organisation forbids allUsers: existing grants stay")
            case False:
                self._good("no organisation policy is in the way")
        self._choices.write()
        self._check_region()

    def _restricted_from_now_on(self) -> str:
        """Ask before changing an existing line: the policy may be newer, and then the line's grants
        stay in force."""
        if not (self._choices.has("phone_numbers") or self._choices.has("phone_number")):
            return "true"
        question = (
            "Your organisation forbids grants to allUsers. Working without them changes the"
            " webhook's URL, so a line in use won't answer for some minutes. Change it?"
        )
        return "true" if self._terminal.ask(question, "no").lower() in ("y", "yes") else "false"

    def _check_roles(self) -> None:
        missing = missing_roles(self._commands, self._google_url, self._project)
        if missing is None:
            self._unknown("Google doesn't say which roles you have")
            return
        if not missing:
            self._good("you have the roles you need")
            return
        self._say("  You seem to lack permissions from these roles:")
        for role in missing:
            self._say(f"    {role}")
        if self._terminal.ask("Continue anyway?", "no").lower() not in ("y", "yes"):
            raise Stop(
                f"An owner of {self._project} can grant them. docs/deploy.md, Who may deploy, has"
                " the command."
            )

    def _check_region(self) -> None:
        self._choose_twilio_region()
        region = self._choices.get("region", _NEAREST[self._twilio_region])
        preflight.region_is_allowed(self._commands, self._project, region)
        if not self._choices.has("region"):
            if not preflight.builds_run(self._commands, self._project, region, self._sleep):
                self._say(f"  Like many new projects, this one can't build in {region}.")
                region = preflight.choose_build_region(self._terminal.ask)
                preflight.region_is_allowed(self._commands, self._project, region)
            self._choices.keep("region", region)
        self._good(f"region {region}")

    def _choose_twilio_region(self) -> None:
        if (number := self._choices.get("phone_number")) and not self._choices.phone_numbers:
            self._choices.keep_numbers([number])
        names = ", ".join(_NEAREST)
        if not self._choices.has("phone_numbers") and not self._choices.has("twilio_region"):
            question = f"Which of Twilio's regions processes your numbers' calls ({names})?"
            self._choices.keep("twilio_region", self._terminal.ask(question, DEFAULT_REGION))
        if self._twilio_region not in _NEAREST:
            raise Stop(
                f"{self._twilio_region} isn't one of {names}. Start again, or correct"
                " twilio_region in terraform/terraform.tfvars."
            )

    def _choose_numbers(self) -> None:
        self._step("Twilio")
        if not self._choices.has("twilio_account_sid"):
            sid = self._terminal.ask("Account SID (from https://console.twilio.com)?")
            if not ACCOUNT_SID.fullmatch(sid):
                raise Stop("An account SID is AC followed by 32 of 0-9 and a-f.")
            self._choices.keep("twilio_account_sid", sid)
        region = self._twilio_region
        token = self._secrets.ask(
            "twilio_auth_token", f"Auth token for {region} (from the same page)?"
        )
        account = TwilioAccount(
            *(self._twilio_url, self._twilio_domains[region]),
            *(self._choices.get("twilio_account_sid"), token),
        )
        if account.is_trial():
            self._say("  A trial account: callers hear a message from Twilio first.")
        self._choices.write()
        numbers = account.voice_numbers()
        if not self._choices.has("phone_numbers"):
            chosen = self._pick(numbers)
            self._choices.keep_numbers(number.phone_number for number in chosen)
        there = {number.phone_number for number in numbers}
        if missing := [number for number in self._choices.phone_numbers if number not in there]:
            raise Stop(
                f"The Twilio account has no voice number {', '.join(missing)}. Correct"
                " phone_numbers in terraform/terraform.tfvars; other numbers aren't touched."
            )
        for number in self._choices.phone_numbers:
            self._good(f"number {number}")
            try:
                processed_in = account.processed_in(number)
            except Stop as stop:
                self._say(f"    Can't tell in which region Twilio processes its calls. {stop}")
                continue
            if processed_in != region:
                self._say(
                    f"    Twilio processes its calls in {processed_in}, so they would fail."
                    f" Route it to {region}:\n    https://console.twilio.com, the number, Regional"
                )

    def _pick(self, numbers: list[Number]) -> list[Number]:
        if not numbers:
            raise Stop(
                "The account has no voice number. Buy one: https://console.twilio.com/us1/develop/phone-numbers"
            )
        if len(numbers) == 1:
            return numbers
        for place, number in enumerate(numbers, 1):
            self._say(f"  {place}  {number}")
        answer = self._terminal.ask("Which numbers should the agent answer (1, or 1,3)?", "1")
        places = {f"{place}": number for place, number in enumerate(numbers, 1)}
        chosen = [place.strip() for place in answer.split(",")]
        if unknown := [place for place in chosen if place not in places]:
            raise Stop(f"{', '.join(unknown)} isn't in the list. Start again.")
        return [places[place] for place in chosen]

    def _choose_model(self) -> None:
        self._step("Gemini")
        name = "gemini_api_key"
        known = self._secrets.known(name)
        if self._choices.get("gemini_backend") == "vertex":
            self._good("Vertex AI")
            return
        if known is None:
            answer = self._terminal.ask(
                "A new Gemini key (new), one you have (key), or Vertex AI (vertex)?", "new"
            )
            match answer:
                case "vertex":
                    self._choices.keep("gemini_backend", "vertex")
                    self._good("Vertex AI")
                    return
                case "key":
                    self._secrets.ask(name, "Key (from https://aistudio.google.com/apikey)?")
                case "new":
                    self._secrets.give(name, self._new_key())
                case _:
                    raise Stop(f"{answer} isn't one of new, key and vertex. Start again.")
        self._good("a key")

    def _new_key(self) -> str:
        apis = ("apikeys.googleapis.com", "generativelanguage.googleapis.com")
        self._changed("gcloud", "services", "enable", *apis, f"--project={self._project}")
        done = Done(1, "", "")
        for _ in range(3):  # once enabled, the API takes a while to answer
            done = self._commands.change(
                *("gcloud", "services", "api-keys", "create", "--display-name=ringdown"),
                *("--api-target=service=generativelanguage.googleapis.com", "--quiet"),
                *("--format=value(response.keyString)", f"--project={self._project}"),
            )
            if self._commands.dry_run:
                return "a-key-that-does-not-exist"
            if done.ok and done.output:
                return done.output
            self._sleep(20)
        raise Stop(
            "Couldn't create a Gemini key. Get one from https://aistudio.google.com/apikey, start"
            " again, and type `key`."
        )

    # Terraform

    def _keep_state(self) -> None:
        """Keep the state in a versioned bucket, so that it outlives this machine, unless backend.tf
        says otherwise."""
        self._step("State")
        backend = self._folder / "backend.tf"
        if backend.exists():
            self._good("kept where backend.tf says")
            return
        name = f"{self._project}-terraform"
        bucket = f"gs://{name}"
        ours = self._commands.read(  # only this project's: someone else may have taken the name
            *("gcloud", "storage", "buckets", "list", f"--project={self._project}"),
            *(f"--filter=name={name}", "--format=value(name)"),
        )
        if ours.output != name:
            region = self._choices.get("region", _NEAREST[self._twilio_region])
            self._changed(
                *("gcloud", "storage", "buckets", "create", bucket, f"--project={self._project}"),
                *(f"--location={region}", "--uniform-bucket-level-access"),
                "--public-access-prevention",
            )
            self._changed("gcloud", "storage", "buckets", "update", bucket, "--versioning")
        if not self._commands.dry_run:
            prefix = self._choices.get("name", "ringdown")
            backend.write_text(
                "terraform {\n"
                '  backend "gcs" {\n'
                f'    bucket = "{name}"\n'
                f'    prefix = "{prefix}"\n'
                "  }\n}\n",
                "utf-8",
            )
        self._good(f"in {bucket}")

    def _plan(self, terraform: Terraform) -> dict[str, list[str]]:
        """Plan the changes, describe them in plain words, and return them."""
        self._step("Plan")
        self._secrets.recall_tools_own()
        terraform.sign_in()
        if self._commands.dry_run:
            self._commands.extra |= {f"TF_VAR_{n}": v for n, v in self._choices.values.items()}
        if terraform.init() and not self._commands.dry_run:
            self._say("  Commit terraform/.terraform.lock.hcl, so everyone gets these providers.")
        plan = terraform.plan()
        if old := sorted(self._secrets.recalled & secrets_stored_anew(plan)):
            raise Stop(
                f"The plan stores a new value of {', '.join(old)}, but only the old one is known."
                " Set the new one (docs/deploy.md, Rotate secrets), and start again."
            )
        for line in summary(plan):
            self._say(f"  {line}")
        return changes(plan)

    def _confirm(self, planned: Mapping[str, list[str]]) -> None:
        loses_database = "delete" in planned.get(_DATABASE, ())
        if loses_database:
            self._say(
                "  ! This leaves the database behind, with all agents and calls. A new `name` or"
                " `project_id` means\n    a new environment: docs/deploy.md, Two environments."
            )
        default = "no" if loses_database else "yes"
        if self._terminal.ask("Do it?", default).lower() not in ("y", "yes"):
            raise Stop("Nothing was changed. Your choices are in terraform/terraform.tfvars.")

    def _apply(self, terraform: Terraform, total: int) -> None:
        self._step("Apply")
        for left in reversed(range(_TRIES)):
            done = terraform.apply(total, self._say)
            if done.ok:
                self._good("applied")
                return
            failure = done.output[max(done.output.find("Error:"), 0) :]
            match diagnose(failure):
                case Passing(wait_s=wait_s, reason=reason) if left:
                    self._say(f"  Stopped: {reason}. Retrying in {wait_s:.0f} s.")
                    self._sleep(wait_s)
                case Lasting(advice=advice):
                    raise Stop(f"{advice}\nThen run `make deploy` again.\n\n{failure}")
                case _:
                    raise Stop(
                        f"{failure}\nSee docs/deploy.md, What can go wrong. Then run `make deploy`"
                        " again."
                    )
            terraform.sign_in()
            total = len(changes(terraform.plan()))

    # Afterwards

    def _examine(self, terraform: Terraform) -> None:
        self._step("Doctor")
        file = terraform.save_outputs()
        self._must(self._commands.read("make", ".venv/.ready"), "make .venv/.ready")
        ringdown = ".venv/bin/ringdown"
        checked = self._commands.follow(
            ringdown, "doctor", "--outputs", str(file), on_line=self._say
        )
        if checked.status not in (0, _UNTRIED):
            raise Stop(
                "Not everything works yet. Do what the doctor says, and run it again:\n"
                f"  {ringdown} doctor --outputs {file.relative_to(self._folder.parent)}"
            )
        self._say(f"\nDone. Call {' or '.join(self._choices.phone_numbers)}: the agent answers.")

    @property
    def _twilio_region(self) -> str:
        return self._choices.get("twilio_region", DEFAULT_REGION)

    @property
    def _project(self) -> str:
        return self._choices.get("project_id")

    def _changed(self, *words: str) -> None:
        self._must(self._commands.change(*words), " ".join(words[:4]))

    def _must(self, done: Done, what: str) -> None:
        if not done.ok:
            raise Stop(f"{what} failed:\n{done.errors or done.output}")

    def _say(self, text: str) -> None:
        self._terminal.say(text)

    def _step(self, title: str) -> None:
        self._terminal.say(f"\n{title}")

    def _good(self, text: str) -> None:
        self._terminal.say(f"  ✓ {text}")

    def _unknown(self, text: str) -> None:
        self._terminal.say(f"  – {text}. If something is missing, the apply says so")
