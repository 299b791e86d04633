"""Documents of agents and drafts as people see them."""

import msgspec

from ringdown.agents import Agent, Draft
from ringdown.agents.field_notes import noted_field, offered_field
from ringdown.agents.yaml_text import to_yaml
from ringdown.tools import Json

Document = dict[str, Json]


def where(agent_id: str, *, draft: bool = False) -> str:
    """Return the document's path, as Firestore's console shows it."""
    return f"{'drafts' if draft else 'agents'}/{agent_id}"


def plain_text(document: Document) -> str:
    """Return the document as YAML, with its fields in the order in which they are documented."""
    return to_yaml(_ordered(document))


def field_text(name: str, document: Document) -> str:
    """Return one field as YAML; empty if the document doesn't have it."""
    return to_yaml({name: document[name]}) if name in document else ""


def text_to_edit(document: Document, path: str, *, draft: bool = False) -> str:
    """Return the document with a note on each field, and with unset fields as comments."""
    kind = Draft if draft else Agent
    offered = [
        offered_field(field.name, msgspec.to_builtins(_default(field)))
        for field in msgspec.structs.fields(kind)
        if field.name not in document and not field.required
    ]
    written = [noted_field(name, value) for name, value in _ordered(document).items()]
    heading = (
        f"# {path}. Save and close to continue; to cancel, change nothing.\n"
        "# Comments aren't kept. docs/prompts.md explains every field.\n"
    )
    rest = ["# Not set. Remove the # to set a field.\n"] if offered else []
    return "\n".join([heading, *written, *rest, *offered])


def document_of(agent: Agent, *, like: Document | None = None) -> Document:
    """Return the document for `agent`, without fields at their defaults.

    Defaults that the document `like` spells out are kept.
    """
    plain = every_field(agent)
    written = like or {}
    return {
        field.name: plain[field.name]
        for field in msgspec.structs.fields(agent)
        if getattr(agent, field.name) != _default(field)
        or (field.name in written and written[field.name] == plain[field.name])
    }


def every_field(agent: Agent) -> Document:
    """Return all of the agent's fields, including defaults."""
    plain: Document = msgspec.to_builtins(agent)
    return plain


def _default(field: msgspec.structs.FieldInfo) -> object:
    return {} if field.default_factory is dict else field.default


def _ordered(document: Document) -> Document:
    """Put the schema's fields first and unknown ones last."""
    known = [name for name in Draft.__struct_fields__ if name in document]
    return {name: document[name] for name in (*known, *(n for n in document if n not in known))}
