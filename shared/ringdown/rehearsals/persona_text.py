"""Personas as people read and write them: YAML without the name, which is that of the file or
document."""

from importlib import resources

import msgspec

from ringdown.agents.yaml_text import from_yaml, to_yaml
from ringdown.documents import to_record
from ringdown.rehearsals import Persona
from ringdown.tools import Json

_SUFFIX = ".yaml"


def persona_from_yaml(name: str, text: str) -> Persona:
    """Parse a persona; raise NotReadable or InvalidDocument if that fails."""
    return to_record(Persona, {**from_yaml(text), "name": name}, where=f"rehearsals/{name}")


def persona_to_yaml(persona: Persona) -> str:
    """Write a persona as YAML, without fields at their defaults."""
    document = _written(persona)
    del document["name"]
    return to_yaml(document)


def packaged_personas() -> dict[str, Persona]:
    """Return the personas that ship with Ringdown for the packaged agent, by name."""
    folder = resources.files("ringdown") / "packaged" / "rehearsals"
    texts = {file.name.removesuffix(_SUFFIX): file.read_text("utf-8") for file in folder.iterdir()}
    return {name: persona_from_yaml(name, texts[name]) for name in sorted(texts)}


def _written(record: msgspec.Struct) -> dict[str, Json]:
    return {
        field.name: _plain(value)
        for field in msgspec.structs.fields(record)
        if (value := getattr(record, field.name)) != _default(field)
    }


def _default(field: msgspec.structs.FieldInfo) -> object:
    return {} if field.default_factory is dict else field.default


def _plain(value: object) -> Json:
    match value:
        case msgspec.Struct():
            return _written(value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return msgspec.to_builtins(value)
