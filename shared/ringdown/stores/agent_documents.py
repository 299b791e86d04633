"""Converts the documents that operators write to the types of `ringdown.agents.store` and back.

Pure, and shared by all stores.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from ringdown.agents import DEFAULT_AGENT_ID
from ringdown.agents.store import MOST_EDITS, AgentStatus, Edit, Revision, StoredAgent
from ringdown.documents import Record, to_record
from ringdown.errors import InvalidDocument
from ringdown.gemini.openapi_schema import simplifications
from ringdown.log import Log
from ringdown.stores.paths import text_of_id, tool_path
from ringdown.stores.storable import Document, check_depth, storable
from ringdown.tools import DeclaredTool, Json, ToolDeclaration
from ringdown.tools.check import problems_with_tool

STATUS = "status"

_log = Log(__name__)
AnEdit = TypeVar("AnEdit", bound=Edit)


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """The document `numbers/{E.164}`."""

    agent: str


def stored_agent(path: str, fields: Document) -> StoredAgent:
    """Return the document at `path`, with its `status` separate."""
    return StoredAgent(
        agent_id=text_of_id(path),
        document=without_status(fields),
        version=version_of(fields),
        status=_readable(AgentStatus, path, fields.get(STATUS)),
    )


def without_status(fields: Document) -> Document:
    return {name: value for name, value in fields.items() if name != STATUS}


def version_of(fields: Document) -> str:
    """Return the version of what operators wrote. It ignores the system's own `status`, which
    mustn't make their edits fail."""
    written = msgspec.json.encode(without_status(fields), enc_hook=_attributes, order="sorted")
    return hashlib.sha256(written).hexdigest()[:16]


def to_write(document: Document) -> Document:
    """Return what a store writes for `document`. Raises InvalidDocument."""
    check_depth(document, "the document")
    kept: Document = storable(without_status(document))
    return kept


def assigned_agent(path: str, fields: Json) -> str:
    """Return the agent that a number's document names; a broken document counts as missing."""
    number = _readable(Number, path, fields)
    if fields is not None and number is None:
        _log.error("number cannot be used as it stands", reason="agent: expected an agent's id")
    return DEFAULT_AGENT_ID if number is None else number.agent


def assigned_agents(documents: Iterable[tuple[str, Document]]) -> dict[str, str]:
    numbers = ((path, _readable(Number, path, fields)) for path, fields in documents)
    return {text_of_id(path): number.agent for path, number in numbers if number is not None}


def readable_revisions(documents: Iterable[tuple[str, Document]]) -> Iterator[Revision]:
    for path, fields in documents:
        revision = _readable(Revision, path, fields)
        if revision is None:
            _log.warning("revision cannot be read", path=path)
        else:
            yield revision


def usable_tools(
    names: Iterable[str], documents: Iterable[Document | None]
) -> Iterator[ToolDeclaration]:
    """Yield the declarations of `names`, without missing or unusable ones."""
    for name, fields in zip(names, documents, strict=True):
        if fields is None:
            _log.warning("tool is not declared", tool=name)
            continue
        try:
            yield _tool(name, fields)
        except InvalidDocument as error:
            _log.error("tool declaration cannot be used", tool=name, reason=str(error))


def declared_tools(documents: Iterable[tuple[str, Document]]) -> dict[str, DeclaredTool]:
    """Check the declarations at those paths; return what was found, by tool name."""
    return {(name := text_of_id(path)): _declared(name, fields) for path, fields in documents}


def _declared(name: str, fields: Document) -> DeclaredTool:
    try:
        tool = _tool(name, fields)
    except InvalidDocument as error:
        return DeclaredTool(problem=str(error))
    return DeclaredTool(
        simplifications=simplifications(tool.parameters), before_call=tool.before_call
    )


def _tool(name: str, fields: Document) -> ToolDeclaration:
    path = tool_path(name)
    tool = to_record(ToolDeclaration, fields, where=path)
    for problem in problems_with_tool(tool, name):
        raise InvalidDocument(f"{path}: {problem}")
    return tool


def made_revision(revision: Revision, others: Iterable[Revision]) -> Revision:
    """Return `revision` as it is first written. `others` begins with the one seen last."""
    earlier = (each for each in others if each.seen_at <= revision.seen_at)
    replaced = next((each.revision for each in earlier), None)
    return msgspec.structs.replace(revision, made_at=revision.seen_at, replaced=replaced)


def seen_again(kept: Revision, revision: Revision) -> Revision:
    """Return the `kept` revision, updated because it was seen again as `revision`."""
    return msgspec.structs.replace(
        kept,
        seen_at=max(kept.seen_at, revision.seen_at),
        edits=_newest(*kept.edits, *revision.edits),
        rollbacks=_newest(*kept.rollbacks, *revision.rollbacks),
    )


def _newest(*edits: AnEdit) -> tuple[AnEdit, ...]:
    by_time = {edit.at: edit for edit in edits}
    return tuple(by_time[at] for at in sorted(by_time)[-MOST_EDITS:])


def readable_revision(path: str, fields: Json) -> Revision | None:
    return _readable(Revision, path, fields)


def _readable(kind: type[Record], path: str, fields: Json) -> Record | None:
    try:
        return None if fields is None else to_record(kind, fields, where=path)
    except InvalidDocument:
        return None


def _attributes(value: object) -> Json:
    """Encode Firestore's own types, such as a geographical point, in fields that aren't ours."""
    return repr(vars(value))
