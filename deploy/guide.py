"""The steps of `make deploy`, in their order."""

import json
from collections.abc import Callable
from pathlib import Path

from deploy import preflight
from deploy.choices import Choices
from deploy.commands import Commands, Done, Stop
from deploy.failures import Lasting, Passing, diagnose
from deploy.plan_words import changes, summary
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
_NEAREST = {"au1": "australia-southeast1", "ie1": "europe-west1", "us1": "us-east4"}
"""Where to run, beside each of Twilio's regions: docs/deploy.md, Where it runs."""


class Guide:
    """Raises Stop with what to do when it can't go on."""

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

    def run(self) -> None:
        if self._choices.secrets:
            raise Stop(
                f"terraform/terraform.tfvars holds {', '.join(self._choices.secrets)}. Others read"
                " that file; take the secret out, and start again: it is asked for."
            )
        terraform = self._find_terraform()
        self._check_project()
        self._choose_numbers()
        self._choose_model()
        self._keep_state()
        total = self._plan(terraform)
        if self._commands.dry_run:
            self._say("\nDry run: nothing was changed. `make deploy` does it.")
            return
        if total:
            self._confirm()
            self._apply(terraform, total)
        self._examine(terraform)

    # Before anything is created

    def _find_terraform(self) -> Terraform:
        self._step("Terraform")
        program = find_terraform(
            self._commands, self._folder / ".build", self._download, this_machine(), self._say
        )
        self._good(program)
        return Terraform(self._commands, self._folder, program)

    def _check_project(self) -> None:
        self._step("Google Cloud")
        self._good(f"signed in as {preflight.signed_in(self._commands)}")
        if not self._choices.has("project_id"):
            default = self._commands.read("gcloud", "config", "get", "project").output
            self._choices.keep(
                "project_id", self._terminal.ask("Which project, by its id?", default)
            )
        preflight.project_number(self._commands, self._project)
        preflight.billing_is_on(self._commands, self._project)
        self._good(f"project {self._project}, with billing on")
        self._check_roles()
        restricted = preflight.forbids_all_users(self._commands, self._project)
        if restricted and not self._choices.has("domain_restricted_sharing"):
            self._choices.keep("domain_restricted_sharing", "true")
        self._good(
            "the organisation forbids allUsers: services that don't ask who calls are used instead"
            if restricted
            else "no organisation policy stands in the way"
        )
        self._check_region()

    def _check_roles(self) -> None:
        missing = missing_roles(self._commands, self._google_url, self._project)
        if not missing:
            self._good("you have the roles that it takes")
            return
        self._say("  You seem to lack rights that these roles give:")
        for role in missing:
            self._say(f"    {role}")
        if self._terminal.ask("Go on all the same?", "no").lower() not in ("y", "yes"):
            raise Stop(
                f"An owner of {self._project} can grant them. docs/deploy.md, Who may deploy, has"
                " the command."
            )

    def _check_region(self) -> None:
        self._choose_twilio_region()
        region = self._choices.get("region", _NEAREST[self._twilio_region])
        preflight.region_is_allowed(self._commands, self._project, region)
        if not self._choices.has("region"):
            if not preflight.builds_run(self._commands, self._project, region):
                self._say(f"  This project may not build in {region}, as many new ones may not.")
                region = preflight.choose_build_region(self._terminal.ask)
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
                f"{self._twilio_region} is not one of {names}. Correct twilio_region in"
                " terraform/terraform.tfvars, and start again."
            )

    def _choose_numbers(self) -> None:
        self._step("Twilio")
        if not self._choices.has("twilio_account_sid"):
            sid = self._terminal.ask("Account SID, from https://console.twilio.com?")
            if not ACCOUNT_SID.fullmatch(sid):
                raise Stop("An account SID is AC followed by 32 of 0-9 and a-f.")
            self._choices.keep("twilio_account_sid", sid)
        region = self._twilio_region
        token = self._secret("twilio_auth_token", f"Auth token of {region}, from the same page?")
        account = TwilioAccount(
            *(self._twilio_url, self._twilio_domains[region]),
            *(self._choices.get("twilio_account_sid"), token),
        )
        if account.is_trial():
            self._say("  A trial account: callers hear a message from Twilio first.")
        if not self._choices.has("phone_numbers"):
            chosen = self._pick(account.voice_numbers())
            self._choices.keep_numbers(number.phone_number for number in chosen)
        for number in self._choices.phone_numbers:
            self._good(f"number {number}")
            try:
                processed_in = account.processed_in(number)
            except Stop as stop:
                self._say(f"    In which region Twilio processes its calls is not known. {stop}")
                continue
            if processed_in != region:
                self._say(
                    f"    Twilio processes its calls in {processed_in}: nobody would be answered."
                    f" Route it to {region}:\n    https://console.twilio.com, the number, Regional"
                )

    def _pick(self, numbers: list[Number]) -> list[Number]:
        if not numbers:
            raise Stop(
                "The account has no number with voice. Buy one: https://console.twilio.com/us1/develop/phone-numbers"
            )
        if len(numbers) == 1:
            return numbers
        for place, number in enumerate(numbers, 1):
            self._say(f"  {place}  {number}")
        answer = self._terminal.ask("Which numbers shall the agent answer, such as 1 or 1,3?", "1")
        places = {f"{place}": number for place, number in enumerate(numbers, 1)}
        chosen = [place.strip() for place in answer.split(",")]
        if unknown := [place for place in chosen if place not in places]:
            raise Stop(f"{', '.join(unknown)} is not in the list. Start again.")
        return [places[place] for place in chosen]

    def _choose_model(self) -> None:
        self._step("Gemini")
        name = "gemini_api_key"
        known = self._known_secret(name)
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
                    self._secret(name, "Key, from https://aistudio.google.com/apikey?")
                case "new":
                    self._give(name, self._new_key())
                case _:
                    raise Stop(f"{answer} is none of new, key and vertex. Start again.")
        self._good("a key")

    def _new_key(self) -> str:
        apis = ("apikeys.googleapis.com", "generativelanguage.googleapis.com")
        self._changed("gcloud", "services", "enable", *apis, f"--project={self._project}")
        done = Done(1, "", "")
        for _ in range(3):  # the API answers some time after it was enabled
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
            "No Gemini key could be made. Take one from https://aistudio.google.com/apikey, start"
            " again, and say `key`."
        )

    # Secrets: the environment, then Secret Manager from an earlier run, then the person

    def _secret(self, name: str, question: str) -> str:
        value = self._known_secret(name) or self._terminal.ask_secret(question)
        self._give(name, value)
        return value

    def _known_secret(self, name: str) -> str | None:
        variable = f"TF_VAR_{name}"
        given = self._commands.extra.get(variable) or self._commands.environ.get(variable)
        if given:
            return given
        stored = self._stored_secret(name)
        if stored is not None:
            self._give(name, stored)
        return stored

    def _stored_secret(self, name: str) -> str | None:
        prefix = self._choices.get("name", "ringdown")
        done = self._commands.read(
            *("gcloud", "secrets", "versions", "access", "latest", f"--project={self._project}"),
            f"--secret={prefix}-{name.lower().replace('_', '-')}",
        )
        return done.output if done.ok and done.output else None

    def _recall_tool_secrets(self) -> None:
        """Those of earlier runs, unless all are given. Terraform names one that is missing."""
        names = self._choices.tool_secrets
        if not names or "TF_VAR_tool_secrets" in self._commands.environ:
            return
        stored = {name: self._stored_secret(name) for name in names}
        known = {name: value for name, value in stored.items() if value is not None}
        self._give("tool_secrets", json.dumps(known))

    def _give(self, name: str, value: str) -> None:
        self._commands.extra[f"TF_VAR_{name}"] = value

    # Terraform

    def _keep_state(self) -> None:
        """In a bucket with versions, so that it outlives this machine, unless that is arranged."""
        self._step("State")
        backend = self._folder / "backend.tf"
        if backend.exists():
            self._good("kept as backend.tf says")
            return
        bucket = f"gs://{self._project}-terraform"
        if not self._commands.read("gcloud", "storage", "buckets", "describe", bucket).ok:
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
                f'    bucket = "{bucket.removeprefix("gs://")}"\n'
                f'    prefix = "{prefix}"\n'
                "  }\n}\n",
                "utf-8",
            )
        self._good(f"in {bucket}")

    def _plan(self, terraform: Terraform) -> int:
        """How much there is to do; said in plain words."""
        self._step("Plan")
        self._recall_tool_secrets()
        terraform.sign_in()
        if self._commands.dry_run:
            self._commands.extra |= {f"TF_VAR_{n}": v for n, v in self._choices.values.items()}
        terraform.init()
        if not self._commands.dry_run and terraform.lock():
            self._say("  Commit terraform/.terraform.lock.hcl: then everybody has these providers.")
        plan = terraform.plan()
        for line in summary(plan):
            self._say(f"  {line}")
        return len(changes(plan))

    def _confirm(self) -> None:
        if self._terminal.ask("Do it?", "yes").lower() not in ("y", "yes"):
            raise Stop("Nothing was created. What you chose is in terraform/terraform.tfvars.")

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
                    self._say(f"  Stopped: {reason}. Trying again in {wait_s:.0f} s.")
                    self._sleep(wait_s)
                case Lasting(advice=advice):
                    raise Stop(f"{advice}\nThen `make deploy` goes on from here.\n\n{failure}")
                case _:
                    raise Stop(
                        f"{failure}\nSee docs/deploy.md, What can go wrong. `make deploy` goes on"
                        " from here."
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
        if not checked.ok:
            raise Stop(
                f"Not all is well yet. Do what the doctor says, and ask it again: {ringdown} doctor"
            )
        self._say(f"\nCall {' or '.join(self._choices.phone_numbers)}: the agent answers.")

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
