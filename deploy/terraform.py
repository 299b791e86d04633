"""The Terraform commands that the guide uses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.commands import Commands, Done, Stop

_PLATFORMS = ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64")
_COMPLETE = re.compile(r"(\S+): (Creation|Modifications|Destruction) complete")
_STILL = re.compile(r"(\S+): Still \w+\.\.\. \[(?:id=.*, )?0?(\d+)m0?0s elapsed\]")
_SPOKEN = re.compile(r"^terraform_data\.(?:number|number_before|seed)\S* \(local-exec\): (.+)")


class Terraform:
    """Runs Terraform in `folder`. All methods but `apply` raise Stop with what Terraform said."""

    def __init__(self, commands: Commands, folder: Path, program: str) -> None:
        self._commands = commands
        self._folder = folder
        self._program = program
        self._plan_file = folder / ".build" / "plan.bin"
        commands.extra |= {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}

    def sign_in(self) -> None:
        """Use gcloud's token, so that no second sign-in is needed. It lasts an hour."""
        token = self._commands.read("gcloud", "auth", "print-access-token", "--quiet")
        if not token.ok:
            raise Stop(f"gcloud's sign-in has expired. Run:\n  gcloud auth login\n{token.errors}")
        self._commands.extra["GOOGLE_OAUTH_ACCESS_TOKEN"] = token.output

    def init(self) -> bool:
        """Initialise the folder, and lock the providers for all platforms.

        State in a file is moved to the backend, which leaves an empty file. State in another
        backend isn't moved, because it would replace the state there. Returns False if the
        providers were already locked.
        """
        state, lock = self._folder / "terraform.tfstate", self._folder / ".terraform.lock.hcl"
        locked, dry_run = lock.exists(), self._commands.dry_run
        moves = not dry_run and state.exists() and state.stat().st_size > 0
        if not locked and not dry_run:  # before `init`, which locks only this platform's
            self._must("providers", "lock", *(f"-platform={platform}" for platform in _PLATFORMS))
        self._must("init", "-no-color", *(("-migrate-state", "-force-copy") if moves else ()))
        if not locked and dry_run:
            lock.unlink(missing_ok=True)
        return not locked

    def plan(self) -> Any:
        """Make a plan for `apply` to carry out, and return its JSON."""
        self._plan_file.parent.mkdir(exist_ok=True)
        self._must("plan", "-no-color", f"-out={self._plan_file}")
        return json.loads(self._must("show", "-json", str(self._plan_file)).output)

    def apply(self, total: int, say: Callable[[str], None]) -> Done:
        """Carry out the plan of `total` changes, reporting progress."""
        made = 0

        def on_line(line: str) -> None:
            nonlocal made
            if complete := _COMPLETE.search(line):
                made += complete[2] != "Destruction"
                say(f"  {made:>3} of {total}  {complete[1]}")
            elif still := _STILL.search(line):
                say(f"             {still[1]}: {still[2]} min")
            elif spoken := _SPOKEN.search(line):
                say(f"  {spoken[1]}")

        words = (self._program, "-chdir=terraform", "apply", "-no-color", str(self._plan_file))
        return self._commands.follow(*words, on_line=on_line)

    def save_outputs(self) -> Path:
        file = self._folder / ".build" / "outputs.json"
        file.write_text(self._must("output", "-json").output, "utf-8")
        return file

    def _must(self, *words: str) -> Done:
        done = self._commands.read(self._program, "-chdir=terraform", *words)
        if not done.ok:
            raise Stop(
                f"terraform {words[0]} failed:\n{done.errors or done.output}\n"
                "See docs/deploy.md, What can go wrong."
            )
        return done
