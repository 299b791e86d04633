"""Reads and checks a tool's folder, and works out the settings its function is deployed with."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import jsonschema_rs
import msgspec
import yaml

from ringdown.agents.field_check import field_problems, plain
from ringdown.documents import to_record
from ringdown.errors import ConfigurationError, InvalidDocument
from ringdown.tools import Behavior, Json, Scheduling, ToolDeclaration, ToolName, Waiting
from ringdown.tools.check import (
    problems_with_name,
    problems_with_parameters,
    problems_with_tool,
)
from ringdown.wording import did_you_mean

ROLES = ("roles/aiplatform.user", "roles/datastore.user", "roles/pubsub.publisher")
"""The project roles that a tool may have. For anything else, it uses secrets."""
PLACEHOLDERS = (
    "callback_topic",
    "caller_page_url",
    "phone_numbers",
    "project",
    "region",
    "store_url",
    "texts_api_url",
    "twilio_account_sid",
)
"""The placeholders that the deployment fills in, such as `{store_url}`."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_PURPOSE = re.compile(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_FOR_THE_HANDLER = frozenset(ToolDeclaration.__struct_fields__) - {"url"}


class ToolDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `tool.yaml`: the fields of `ToolDeclaration`, and what deploying the tool needs."""

    name: ToolName
    description: str
    parameters: dict[str, Json]
    timeout_s: float = 10.0
    behavior: Behavior = "blocking"
    scheduling: Scheduling = "interrupt"
    digits: tuple[str, ...] = ()
    waiting: Waiting = "tone"
    before_call: bool = False
    secrets: dict[str, str] = {}
    """Environment variables from Secret Manager, with a description of each."""
    roles: tuple[str, ...] = ()
    """A subset of `ROLES`."""
    settings: dict[str, str] = {}
    """Plain environment variables and their defaults."""

    def declaration(self, url: str) -> ToolDeclaration:
        """Return the declaration for a function deployed at `url`. Raises InvalidDocument."""
        fields = {name: getattr(self, name) for name in _FOR_THE_HANDLER}
        where = f"tools/{self.name}"
        tool = to_record(ToolDeclaration, {**fields, "url": url}, where=where)
        for problem in problems_with_tool(tool, self.name):
            raise InvalidDocument(f"{where}: {problem}")
        return tool

    def missing_secrets(self, given: Mapping[str, str]) -> list[str]:
        """Return the secrets that `given` lacks; without them the tool is left out."""
        return [name for name in self.secrets if not given.get(name)]

    def environ(self, values: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
        """Return the function's variables: secrets and settings from `given`, or else the settings'
        defaults with `values` for their placeholders. Empty ones are left out."""
        defaults = {name: _filled(default, values) for name, default in self.settings.items()}
        chosen = {name: given.get(name) or default for name, default in defaults.items()}
        secrets = {name: given.get(name, "") for name in self.secrets}
        return {name: value for name, value in (chosen | secrets).items() if value}


def read_tool_folder(folder: Path) -> ToolDeployment:
    """Read and check `folder`. Raises ConfigurationError, which lists everything that is wrong."""
    where = f"functions/tools/{folder.name}"
    problems = [
        f"{where} has no {name}. {advice}"
        for name, advice in _FILES.items()
        if not (folder / name).is_file()
    ]
    if problems:
        raise ConfigurationError(problems)
    try:
        document = plain(yaml.safe_load((folder / "tool.yaml").read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{where}/tool.yaml isn't YAML: {error}"]) from error
    found = [str(problem) for problem in field_problems(ToolDeployment, document)]
    if not found:
        tool = msgspec.convert(document, ToolDeployment)
        found = [*_problems(tool, folder.name), *_deployment_problems(tool)]
    if found:
        raise ConfigurationError([f"{where}/tool.yaml: {problem}" for problem in found])
    return tool


_FILES = {
    "tool.yaml": "It tells the model what the tool does: see docs/tools.md.",
    "main.py": "It contains the function to call: see docs/tools.md.",
    "requirements.txt": "Run `make lock` to create it from requirements.in.",
}


def _problems(tool: ToolDeployment, folder: str) -> Iterator[str]:
    if tool.name != folder:
        yield f"name is {tool.name}. It must be the same as the folder's: {folder}."
    if not tool.description.strip():
        yield "description is empty. Tell the model what the tool does and when to use it."
    if not 0 < tool.timeout_s <= 60:
        yield "timeout_s must be more than 0 and at most 60 seconds."
    for purpose in tool.digits:
        if not _PURPOSE.fullmatch(purpose):
            yield f"digits: {purpose!r} must be one lowercase word, such as pin."
    yield from problems_with_name(tool.name)
    try:
        jsonschema_rs.meta.validate({**tool.parameters, "$schema": _DIALECT})
    except jsonschema_rs.ValidationError as error:
        yield f"parameters aren't a JSON Schema: {error.message}"
    else:
        yield from problems_with_parameters(tool.parameters)


def _deployment_problems(tool: ToolDeployment) -> Iterator[str]:
    for name in (*tool.secrets, *tool.settings):
        if not _VARIABLE.fullmatch(name):
            yield f"{name!r} must be a variable name in capitals, such as API_KEY."
    for name in sorted(set(tool.secrets) & set(tool.settings)):
        yield f"{name} is both a secret and a setting. Remove one of them."
    for role in tool.roles:
        if role not in ROLES:
            yield f"a tool may not have the role {role}. Roles: {', '.join(ROLES)}."
    for name, default in tool.settings.items():
        for placeholder in _PLACEHOLDER.findall(default):
            if placeholder not in PLACEHOLDERS:
                hint = did_you_mean(placeholder, PLACEHOLDERS)
                yield f"settings: {name} has the unknown placeholder {{{placeholder}}}.{hint}"


def _filled(default: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), default)
