"""Agents as operators keep them, in every store."""

import asyncio
import datetime

import msgspec
import pytest

from ringdown.agents import packaged_document
from ringdown.agents.check import findings
from ringdown.agents.clips import MOST_BYTES, Clip
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import MOST_EDITS, AgentStatus, Edit, Revision, Rollback
from ringdown.calls.answering import Answering, answering
from ringdown.errors import Conflict, InvalidDocument
from ringdown.stores import Store
from ringdown.tools import DeclaredTool, Json
from tests.ringdown.samples import CALLED, CALLER, NOW, a_tool, an_agent
from tests.ringdown.seeding import write_agent
from tests.ringdown.stores.contract import Put

LATER = NOW + datetime.timedelta(minutes=3)
STATUS = AgentStatus(ok=True, revision="abc", error=None, checked_at=NOW)


def nested(depth: int) -> dict[str, Json]:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return {"instructions": value}


def revision_of(greeting: str, seen_at: datetime.datetime = NOW) -> Revision:
    agent = an_agent(greeting=greeting)
    return Revision(revision=agent.revision, agent=agent, seen_at=seen_at)


# Documents


async def test_an_empty_store_has_nothing(store: Store) -> None:
    line = await store.read_line(CALLED)
    assert (line.agent_id, line.agent, line.draft) == ("default", None, None)
    assert await store.read_agent("default") is None
    assert await store.read_agent("default", draft=True) is None
    assert (await store.list_agents(), await store.list_numbers()) == ((), {})
    assert (await store.last_revision("default"), await store.list_revisions("default")) == (
        None,
        (),
    )
    assert await store.declared_tools() == {}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"greeting": 7, "a.b": 1, "`": [], "with space": {"x": None}, "ü": "…", "": 1, "~x": [[1]]},
        {"__a__": {"b.c": True}, "idle": {"nudge_after_s": 10}},
        dict(packaged_document()),
    ],
)
async def test_a_document_comes_back_as_it_was_written(
    store: Store, other_store: Store, document: dict[str, Json]
) -> None:
    first = await write_agent(store, "default", {"old": 1, "dotted.old": 2, "greeting": "Old."})
    await store.write_agent("default", document, over=first.version)
    stored = await other_store.read_agent("default")
    assert stored is not None
    assert (stored.agent_id, stored.document, stored.status) == ("default", document, None)


@pytest.mark.parametrize("depth", [101, 100_000])
async def test_a_document_that_is_nested_too_deep_is_refused(store: Store, depth: int) -> None:
    with pytest.raises(InvalidDocument, match="nested more than 100 deep"):
        await store.write_agent("default", nested(depth), over=None)
    assert await store.read_agent("default") is None


async def test_what_the_console_saved_is_read_as_it_is(store: Store, put: Put) -> None:
    document = {"greeting": "Hello.", "status": {"ok": "perhaps"}, "idle": 3}
    await put("agents/default", document)
    stored = await store.read_agent("default")
    assert stored is not None
    assert stored.document == {"greeting": "Hello.", "idle": 3}
    assert stored.status is None, "an unreadable status must be ignored"


async def test_a_draft_is_a_document_of_its_own(store: Store) -> None:
    await write_agent(store, "default", {"greeting": "Now."})
    await write_agent(store, "default", {"greeting": "Soon."}, draft=True)
    line = await store.read_line(CALLED)
    assert line.agent is not None
    assert line.draft is not None
    assert (line.agent.document, line.draft.document) == (
        {"greeting": "Now."},
        {"greeting": "Soon."},
    )
    await store.delete_agent("default", draft=True)
    assert await store.read_agent("default", draft=True) is None
    assert await store.read_agent("default") == line.agent
    await store.delete_agent("default", draft=True)


@pytest.mark.parametrize(
    "agent_id", ["", "sales/night", "..", "__all__", "Zoë", "Empfang München", "100%", "a!b"]
)
async def test_an_agent_may_be_called_anything(store: Store, agent_id: str) -> None:
    written = await write_agent(store, agent_id, an_agent(greeting="Here."))
    await store.write_number(CALLED, agent_id)
    line = await store.read_line(CALLED)
    assert (line.agent_id, line.agent) == (agent_id, written)
    assert await store.list_agents() == (written,)
    assert await store.list_numbers() == {CALLED: agent_id}


@pytest.mark.parametrize("agent_id", ["Empfang München", "night desk", "a.b", "日本語"])
async def test_an_agent_made_in_the_console_is_found_by_its_name(
    store: Store, put: Put, agent_id: str
) -> None:
    await put(f"agents/{agent_id}", {"greeting": "Hello."})
    await put(f"numbers/{CALLED}", {"agent": agent_id})
    line = await store.read_line(CALLED)
    assert line.agent is not None, f"{agent_id} was not found"
    assert (line.agent.agent_id, line.agent.document) == (agent_id, {"greeting": "Hello."})


async def test_agents_are_listed_by_name_without_drafts_and_revisions(store: Store) -> None:
    for name in ("night", "default", "Zoë", "b"):
        await write_agent(store, name, {"greeting": name})
    await write_agent(store, "a", {"greeting": "a"}, draft=True)
    await store.keep_revision("b", revision_of("b"))
    listed = await store.list_agents()
    assert [agent.agent_id for agent in listed] == ["Zoë", "b", "default", "night"]
    assert listed[1].document == {"greeting": "b"}


# Concurrent edits


async def test_what_somebody_else_has_changed_is_not_overwritten(
    store: Store, other_store: Store
) -> None:
    read = await write_agent(store, "default", {"greeting": "First."})
    await write_agent(other_store, "default", {"greeting": "Theirs."})
    with pytest.raises(Conflict, match="agents/default"):
        await store.write_agent("default", {"greeting": "Mine."}, over=read.version)
    stored = await store.read_agent("default")
    assert stored is not None
    assert stored.document == {"greeting": "Theirs."}


async def test_what_is_there_is_not_created_and_what_is_gone_not_changed(store: Store) -> None:
    read = await write_agent(store, "default", {"greeting": "First."}, draft=True)
    with pytest.raises(Conflict):
        await store.write_agent("default", {"greeting": "Mine."}, over=None, draft=True)
    await store.delete_agent("default", draft=True)
    with pytest.raises(Conflict):
        await store.write_agent("default", {"greeting": "M."}, over=read.version, draft=True)
    assert await store.read_agent("default", draft=True) is None


async def test_of_many_that_write_over_the_same_version_one_wins(
    store: Store, other_store: Store
) -> None:
    read = await write_agent(store, "default", {"greeting": "First."})
    tried = await asyncio.gather(
        *(
            each.write_agent("default", {"greeting": f"{n}"}, over=read.version)
            for n, each in enumerate([store, other_store] * 5)
        ),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in tried].count(Conflict) == 9, tried
    stored = await store.read_agent("default")
    assert stored is not None
    assert stored.document == {"greeting": str(tried.index(None))}


async def test_a_draft_that_was_edited_again_is_not_deleted(store: Store) -> None:
    read = await write_agent(store, "default", {"greeting": "First."}, draft=True)
    await write_agent(store, "default", {"greeting": "Second."}, draft=True)
    with pytest.raises(Conflict):
        await store.delete_agent("default", over=read.version, draft=True)
    assert await store.read_agent("default", draft=True) is not None


# Status


@pytest.mark.parametrize("draft", [False, True])
async def test_a_status_stays_when_operators_write_and_is_no_edit(
    store: Store, draft: bool
) -> None:
    read = await write_agent(store, "default", {"greeting": "First."}, draft=draft)
    await store.write_status("default", STATUS, draft=draft)
    await store.write_agent("default", {"greeting": "Second."}, over=read.version, draft=draft)
    stored = await store.read_agent("default", draft=draft)
    assert stored is not None
    assert (stored.document, stored.status) == ({"greeting": "Second."}, STATUS)


async def test_a_status_of_what_is_gone_makes_no_document(store: Store) -> None:
    await store.write_status("default", STATUS)
    assert await store.read_agent("default") is None


async def test_a_status_and_an_edit_at_once_lose_neither(store: Store, other_store: Store) -> None:
    read = await write_agent(store, "default", {"greeting": "First."})
    await asyncio.gather(
        store.write_agent("default", {"greeting": "Second."}, over=read.version),
        *(other_store.write_status("default", STATUS) for _ in range(5)),
    )
    stored = await store.read_agent("default")
    assert stored is not None
    assert (stored.document, stored.status) == ({"greeting": "Second."}, STATUS)


# Revisions


def kept(
    revision: Revision,
    *,
    made_at: datetime.datetime | None = None,
    replaced: Revision | None = None,
) -> Revision:
    """What the store returns for a revision first kept at `made_at` (default: when last seen)."""
    return msgspec.structs.replace(
        revision,
        made_at=made_at or revision.seen_at,
        replaced=None if replaced is None else replaced.revision,
    )


async def test_the_revision_seen_last_comes_first(store: Store) -> None:
    first, second = revision_of("One."), revision_of("Two.", LATER)
    for revision in (second, first):
        await store.keep_revision("default", revision)
    assert await store.last_revision("default") == kept(second)
    assert await store.list_revisions("default") == (kept(second), kept(first))
    assert await store.list_revisions("night") == ()


async def test_a_revision_is_kept_once_and_its_time_moves_on_only(store: Store) -> None:
    one, again, two = revision_of("One."), revision_of("One.", LATER), revision_of("Two.", NOW)
    for revision in (one, two, again, one):
        await store.keep_revision("default", revision)
    assert await store.list_revisions("default") == (
        kept(again, made_at=NOW),
        kept(two, replaced=one),
    )


async def test_a_revision_replaced_the_one_seen_last_before_it(
    store: Store, other_store: Store
) -> None:
    hour = datetime.timedelta(hours=1)
    one, two = revision_of("One."), revision_of("Two.", NOW + hour)
    one_again = revision_of("One.", NOW + 2 * hour)
    three = revision_of("Three.", NOW + 3 * hour)
    for revision in (one, two, one_again, three):
        await store.keep_revision("default", revision)
    assert await other_store.list_revisions("default") == (
        kept(three, replaced=one),
        kept(one_again, made_at=NOW),
        kept(two, replaced=one),
    )


async def test_rollbacks_to_a_revision_are_added_up(store: Store, other_store: Store) -> None:
    def returned(minutes: int) -> Revision:
        at = NOW + datetime.timedelta(minutes=minutes)
        rollback = Rollback(at=at, given_up=revision_of("Two.").revision)
        return msgspec.structs.replace(revision_of("One.", at), rollbacks=(rollback,))

    await store.keep_revision("default", revision_of("One."))
    seen_later = revision_of("One.", NOW + datetime.timedelta(days=1))
    await other_store.keep_revision("default", seen_later)
    for minutes in (2, 1, 2, *range(3, MOST_EDITS + 3)):
        await store.keep_revision("default", returned(minutes))
    last = await other_store.last_revision("default")
    assert last is not None
    assert (last.seen_at, last.made_at) == (seen_later.seen_at, NOW)
    newest = [returned(minutes).rollbacks[0] for minutes in range(3, MOST_EDITS + 3)]
    assert list(last.rollbacks) == newest


async def test_who_edited_and_why_is_kept_with_the_revision(
    store: Store, other_store: Store
) -> None:
    def edited(minutes: int, why: str | None = None) -> Revision:
        at = NOW + datetime.timedelta(minutes=minutes)
        edit = Edit(at=at, by="anna@example.com", why=why)
        return msgspec.structs.replace(revision_of("One.", at), edits=(edit,))

    await store.keep_revision("default", edited(1, "The price has changed."))
    await store.keep_revision("default", revision_of("One.", NOW))  # a late event
    await other_store.keep_revision("default", edited(2))
    for minutes in range(3, MOST_EDITS + 2):
        await store.keep_revision("default", edited(minutes))
    last = await other_store.last_revision("default")
    assert last is not None
    assert last.edits[0] == edited(2).edits[0], "the oldest edits must be dropped"
    assert len(last.edits) == MOST_EDITS
    assert last.edits[0].by == "anna@example.com"


async def test_keeping_a_revision_together_keeps_it_once(store: Store, other_store: Store) -> None:
    times = [NOW + datetime.timedelta(seconds=n) for n in range(10)]
    await asyncio.gather(
        *(
            (store if n % 2 else other_store).keep_revision("default", revision_of("One.", at))
            for n, at in enumerate(times)
        )
    )
    (only,) = await store.list_revisions("default")
    assert (only.seen_at, only.replaced, only.rollbacks) == (times[-1], None, ())
    assert only.made_at in times


async def test_a_revision_that_cannot_be_read_hides_no_other(store: Store, put: Put) -> None:
    await store.keep_revision("default", revision_of("One."))
    await put("agents/default/revisions/bad", {"revision": "bad", "agent": 7, "seen_at": LATER})
    assert await store.last_revision("default") == kept(revision_of("One."))
    damaged = revision_of("Two.", LATER)
    await put(f"agents/default/revisions/{damaged.revision}", {"seen_at": "never"})
    await store.keep_revision("default", damaged)
    assert await store.last_revision("default") == kept(damaged, replaced=revision_of("One."))


async def test_an_agent_with_revisions_only_is_no_agent(store: Store) -> None:
    await store.keep_revision("gone", revision_of("One."))
    assert await store.list_agents() == ()
    assert await store.read_agent("gone") is None


# Numbers


async def test_a_number_leads_to_its_agent_and_others_to_the_default(store: Store) -> None:
    night = await write_agent(store, "night", an_agent(greeting="Good night."))
    default = await write_agent(store, "default", an_agent())
    draft = await write_agent(store, "night", {"greeting": "Soon."}, draft=True)
    await store.write_number(CALLED, "night")
    line, other = await store.read_line(CALLED), await store.read_line("+14155550101")
    assert (line.agent_id, line.agent, line.draft) == ("night", night, draft)
    assert (other.agent_id, other.agent, other.draft) == ("default", default, None)


async def test_a_number_goes_back_to_the_default_agent(store: Store) -> None:
    await store.write_number(CALLED, "night")
    await store.delete_number(CALLED)
    assert (await store.read_line(CALLED)).agent_id == "default"
    assert await store.list_numbers() == {}
    await store.delete_number(CALLED)


async def test_an_agent_that_is_deleted_leaves_its_revisions_and_its_draft(store: Store) -> None:
    agent = await write_agent(store, "night", an_agent())
    await write_agent(store, "night", {"greeting": "Soon."}, draft=True)
    await store.keep_revision("night", revision_of("One."))
    with pytest.raises(Conflict):
        await store.delete_agent("night", over="another")
    await store.delete_agent("night", over=agent.version)
    assert await store.read_agent("night") is None
    assert await store.list_agents() == ()
    assert await store.read_agent("night", draft=True) is not None
    assert len(await store.list_revisions("night")) == 1


async def test_a_number_whose_agent_is_missing_says_so(store: Store) -> None:
    await write_agent(store, "default", an_agent())
    await store.write_number(CALLED, "gone")
    line = await store.read_line(CALLED)
    assert (line.agent_id, line.agent) == ("gone", None)


async def test_a_broken_number_is_as_good_as_none(store: Store, put: Put) -> None:
    default = await write_agent(store, "default", an_agent())
    await put(f"numbers/{CALLED}", {"agent": 7})
    await put("numbers/+14155550101", {"agent": "night"})
    line = await store.read_line(CALLED)
    assert (line.agent_id, line.agent) == ("default", default)
    assert await store.list_numbers() == {"+14155550101": "night"}


@pytest.mark.parametrize("called", ["anonymous", "sip:desk@example.com", "unknown", "+1 (0)"])
async def test_a_called_number_may_be_anything(store: Store, called: str) -> None:
    await store.write_number(called, "night")
    assert (await store.read_line(called)).agent_id == "night"
    assert await store.list_numbers() == {called: "night"}


# Tools


async def test_tools_come_in_the_order_asked_for_without_unknown_or_bad_ones(
    store: Store, put: Put
) -> None:
    await store.write_tool(a_tool("first"))
    await store.write_tool(a_tool("second"))
    inward = "https://metadata.google.internal/"
    await put("tools/broken", {"name": "broken"})
    await put("tools/inward", {**msgspec.to_builtins(a_tool("inward")), "url": inward})
    asked = ("second", "broken", "inward", "missing", "first", "not/a name")
    assert await store.read_tools(asked) == (a_tool("second"), a_tool("first"))
    assert await store.read_tools(()) == ()
    assert await store.declared_tools() == {
        "broken": DeclaredTool("tools/broken: Object missing required field `description`"),
        "first": DeclaredTool(),
        "inward": DeclaredTool("tools/inward: url leads to the machine's metadata."),
        "second": DeclaredTool(),
    }


# Operations that use the store


async def test_a_broken_edit_leaves_the_last_good_revision(store: Store, put: Put) -> None:
    good = an_agent(greeting="Good.")
    await write_agent(store, "default", good)
    status = await look_at_edit(store, "default", NOW)
    assert status is not None
    assert (status.ok, status.revision) == (True, good.revision)

    await put("agents/default", msgspec.to_builtins(good) | {"greeting": 7})
    answer = await answering(store, CALLED, CALLER)
    assert answer is not None
    assert (answer.agent, answer.is_draft) == (good, False)
    assert answer.problem is not None
    assert "greeting" in answer.problem

    status = await look_at_edit(store, "default", LATER)
    assert status is not None
    assert (status.ok, status.revision) == (False, good.revision)


async def test_a_published_draft_becomes_the_agent(store: Store) -> None:
    before, after = an_agent(greeting="Before."), an_agent(greeting="After.")
    await write_agent(store, "default", before)
    await look_at_edit(store, "default", NOW)
    document: dict[str, Json] = msgspec.to_builtins(after) | {"testers": [CALLER]}
    await write_agent(store, "default", document, draft=True)
    assert await answering(store, CALLED, CALLER) == Answering(
        agent_id="default", agent=after, is_draft=True
    )
    assert await answering(store, CALLED, "+14155550177") == Answering(
        agent_id="default", agent=before
    )

    await write_agent(store, "default", document | {"publish": True}, draft=True)
    await look_at_edit(store, "default", LATER, draft=True)

    stored = await store.read_agent("default")
    assert stored is not None
    assert findings(stored.document).agent == after
    assert await store.read_agent("default", draft=True) is None
    kept = {revision.revision for revision in await store.list_revisions("default")}
    assert kept == {before.revision, after.revision}


# Clips


async def test_clips_are_kept_beside_their_agent(store: Store, other_store: Store) -> None:
    longest = Clip(key="aa", mulaw=b"\x7f" * MOST_BYTES)
    await store.write_clip("default", Clip(key="aa", mulaw=b"first try"))
    await store.write_clip("default", longest)
    await store.write_clip("default", Clip(key="bb", mulaw=b"\x00\xff"))
    await store.write_clip("sales", Clip(key="cc", mulaw=b"another agent's"))

    assert await other_store.read_clip("default", "aa") == longest
    assert await other_store.list_clips("default") == {"aa", "bb"}
    assert await store.read_clip("default", "cc") is None
    assert await store.list_agents() == ()


async def test_a_clip_can_be_deleted_twice(store: Store) -> None:
    await store.write_clip("default", Clip(key="aa", mulaw=b"x"))

    await store.delete_clip("default", "aa")
    await store.delete_clip("default", "aa")

    assert await store.list_clips("default") == frozenset()
