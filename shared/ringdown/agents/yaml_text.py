"""YAML for people: writes long texts as blocks, and reads no value as an unintended type.

YAML 1.1 reads +14155550100 as a number, 2026-12-25 as a date and 10:30 as 630. Here, every value
other than plain numbers, true, false and null is text. Output is quoted where other YAML readers
would misread it.
"""

import re
from collections.abc import Hashable

import yaml

from ringdown.tools import Json

_INDENT = "  "
_WIDTH = 96
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")


class NotReadable(Exception):
    """The text isn't a YAML document with fields; the message says where and what to do."""


def to_yaml(document: dict[str, Json]) -> str:
    """Return `document` as YAML that `from_yaml` turns back into the same document."""
    return "".join(field_yaml(name, value) for name, value in document.items())


def field_yaml(name: str, value: Json) -> str:
    """Return one field as whole lines of YAML."""
    if name.isidentifier() and isinstance(value, str) and _is_block(value):
        return f"{_dump({name: None}).removesuffix('null')}{_block(value)}"
    return _dump({name: value}) + "\n"


def _dump(document: dict[str, Json]) -> str:
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return text.removesuffix("\n")


def from_yaml(text: str) -> dict[str, Json]:
    """Parse the document in `text`; raise NotReadable if there isn't one."""
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 (it is a SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise NotReadable(_reason(error)) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise NotReadable(f"The text cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise NotReadable("The text has no fields. Write them like this: `greeting: Hello.`")
    return document


def _reason(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = "The text" if mark is None else f"Line {mark.line + 1}"
    problem = error.problem or "it isn't YAML"
    hint = ""
    if "mapping values are not allowed" in problem:
        hint = ' A text with ": " in it must be in quotes.'
    elif "\\t" in problem:
        hint = " Indent with spaces, not with tabs."
    elif "aliases" in problem:
        hint = " Write the value out. A text that begins with * must be in quotes."
    return f"{where} cannot be read: {problem}.{hint}"


class _Dumper(yaml.SafeDumper):
    """Indents lists, and repeats equal values instead of writing anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _quoted_if_odd(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Quote texts that would change when read: some Unicode line breaks come back as spaces unless
    they are escaped, and 1e5 is a number here, though not in YAML 1.1."""
    style = None if text.isprintable() and not _NUMBER.match(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted_if_odd)


class _Loader(yaml.SafeLoader):
    """Resolves only the types that are registered below."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases, because a few lines of them can expand to more than fits in memory."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "*aliases can't be used here", mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), [*"tf"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:null|~|)\Z"), [*"n~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, [*"-0123456789"])
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, [*"-0123456789"])


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Hashable, Json]:
    """Construct a mapping as SafeLoader does, but raise an error for a duplicate field."""
    names = [key.value for key, _ in node.value]
    for number, (key, _) in enumerate(node.value):
        if key.value in names[:number]:
            raise yaml.constructor.ConstructorError(
                None, None, f"{key.value} appears twice", key.start_mark
            )
    return loader.construct_mapping(node, deep=True)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    try:
        return int(node.value)
    except ValueError:
        raise yaml.constructor.ConstructorError(
            None, None, f"a number of {len(node.value)} digits is too long", node.start_mark
        ) from None


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(node.value)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def _is_block(text: str) -> bool:
    """Whether `text` has several lines, and a block would preserve every character."""
    lines = text.split("\n")
    return len(lines) > 1 and bool(text.strip()) and all(line.isprintable() for line in lines)


def _block(text: str) -> str:
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    keep = {0: "-", 1: ""}.get(ends, "+")
    indent = str(len(_INDENT)) if body.startswith((" ", "\n")) else ""
    lines = [f"{_INDENT}{line}" if line else "" for line in body.split("\n")]
    return "\n".join((f"|{indent}{keep}", *lines)) + "\n" * max(1, ends)
