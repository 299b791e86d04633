"""Finds secrets for Terraform: in the environment, in Secret Manager (where an earlier run stored
them), or by asking the person."""

import json

from deploy.choices import Choices
from deploy.commands import Commands
from deploy.terminal import Terminal


class GivenSecrets:
    """Secrets by Terraform variable. They go into programs' environments, and never into a file."""

    def __init__(self, commands: Commands, terminal: Terminal, choices: Choices) -> None:
        self._commands = commands
        self._terminal = terminal
        self._choices = choices
        self.recalled: set[str] = set()
        """Secrets found from an earlier run, by the variable that holds each in the deployment."""

    def give(self, name: str, value: str) -> None:
        self._commands.extra[f"TF_VAR_{name}"] = value

    def ask(self, name: str, question: str) -> str:
        value = self.known(name) or self._terminal.ask_secret(question)
        self.give(name, value)
        return value

    def known(self, name: str) -> str | None:
        variable = f"TF_VAR_{name}"
        given = self._commands.extra.get(variable) or self._commands.environ.get(variable)
        if given:
            return given
        stored = self._stored(name)
        if stored is not None:
            self.give(name, stored)
            self.recalled.add(name.upper())
        return stored

    def recall_tools_own(self) -> None:
        """Read the tools' secrets that earlier runs stored, unless the environment has them.
        Terraform reports any that are missing."""
        names = self._choices.tool_secrets
        if not names or "TF_VAR_tool_secrets" in self._commands.environ:
            return
        stored = {name: self._stored(name) for name in names}
        known = {name: value for name, value in stored.items() if value is not None}
        self.give("tool_secrets", json.dumps(known))
        self.recalled |= known.keys()

    def _stored(self, name: str) -> str | None:
        project, prefix = self._choices.get("project_id"), self._choices.get("name", "ringdown")
        done = self._commands.read(
            *("gcloud", "secrets", "versions", "access", "latest", f"--project={project}"),
            f"--secret={prefix}-{name.lower().replace('_', '-')}",
        )
        return done.output if done.ok and done.output else None
