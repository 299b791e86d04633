"""Which clips exist after an edit, even if making them fails."""

import asyncio
import ssl
from collections.abc import Sequence

import pytest

from ringdown.agents import Agent
from ringdown.agents.clips import Clip, clip_key, clip_texts, greeting_text
from ringdown.agents.edits import look_at_edit
from ringdown.agents.store import Revision
from ringdown.clip_making import TRIES, AgentsAndClips, ClipMaker
from ringdown.errors import StoreUnavailable
from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.session import GeminiLive
from ringdown.stores import Store
from ringdown.tools import Json
from simulators.gemini_live.faults import Fault, ReciteBadly, RefuseUpgrade
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Pace, Scenario
from simulators.gemini_live.server import GeminiLiveServer
from tests.ringdown.kept_agents import KeptAgents
from tests.ringdown.samples import CALLER, NOW
from tests.ringdown.seeding import write_agent

QUICK = Scenario(pace=Pace(thinking_ms=0, speed=100))
GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Good."}
BETTER: dict[str, Json] = GOOD | {"greeting": "Better."}
BROKEN: dict[str, Json] = GOOD | {"voice": "Korr"}
DRAFT: dict[str, Json] = GOOD | {"greeting": "Draft.", "testers": [CALLER]}


def keys(*documents: dict[str, Json]) -> set[str]:
    """The keys of all clips that these agents need."""
    agents = [Agent(**{k: v for k, v in d.items() if k != "testers"}) for d in documents]
    return {clip_key(agent, text) for agent in agents for text in clip_texts(agent)}


GREETING = clip_key(Agent(**GOOD), "Good.")


class Line:
    """A line with agents, a stand-in for the model, and a clip maker."""

    def __init__(self, server: GeminiLiveServer, agents: KeptAgents) -> None:
        self.server = server
        self.agents = agents
        self.maker = self.new_process()

    def new_process(self) -> ClipMaker:
        tls = ssl.create_default_context(cafile=self.server.ca_file)
        backend = DeveloperApi("stand-in-key", self.server.base_url)
        self.maker = ClipMaker(lambda: GeminiLive(backend, tls=tls))
        return self.maker

    async def event(self, *, draft: bool = False) -> None:
        """Do what `agent_edited` does when a document has been written."""
        failed = self.maker.failed("default")
        await look_at_edit(self.agents, "default", NOW, draft=draft, failed_clips=failed)
        await self.maker.make(self.agents, "default", NOW)

    async def events(self, *, draft: bool = False) -> None:
        """Handle an event, and the events of the status writes that it causes."""
        pending = 1
        for _ in range(10):
            before = len(self.agents.writes)
            await self.event(draft=draft)
            written = self.agents.writes[before:]
            pending += len([path for path in written if path.count("/") == 1]) - 1
            if not pending:
                return
        pytest.fail(f"edits keep causing more edits: {self.agents.writes}")

    async def kept(self) -> set[str]:
        return set(await self.agents.list_clips("default"))

    def note(self, path: str = "agents/default") -> str:
        return self.agents.statuses[path].notes or ""


async def line_with(
    start: GeminiLiveServerFactory,
    documents: dict[str, dict[str, Json]],
    faults: Sequence[Fault] = (),
) -> Line:
    agents = KeptAgents()
    for path, document in documents.items():
        agents.edit(path, document)
    return Line(await start(QUICK, faults), agents)


async def test_an_edit_leads_to_the_clips_of_all_that_the_agent_says(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD})

    await line.events()

    assert await line.kept() == keys(GOOD)
    assert len(keys(GOOD)) == 8
    assert line.agents.statuses["agents/default"].ok
    assert line.note() == ""


async def test_events_that_come_twice_or_at_the_same_time_make_nothing_twice(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD})

    await asyncio.gather(*(line.event() for _ in range(5)))
    await line.event()

    assert len(line.server.sessions) == len(keys(GOOD))
    assert await line.kept() == keys(GOOD)


async def test_only_what_has_changed_is_made_and_what_nobody_says_any_more_deleted(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD})
    await line.event()

    line.agents.edit("agents/default", BETTER)
    await line.event()

    assert len(line.server.sessions) == len(keys(GOOD)) + 1
    assert await line.kept() == keys(BETTER)
    assert GREETING not in await line.kept()


async def test_an_edit_that_comes_while_clips_are_made_is_not_lost(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD})

    first = asyncio.create_task(line.event())
    await line.server.session(1)
    line.agents.edit("agents/default", BETTER)
    await line.event()
    await first

    assert await line.kept() == keys(BETTER)


async def test_a_draft_has_clips_too_and_keeps_them_when_it_is_published(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD, "drafts/default": DRAFT})
    await line.event(draft=True)
    assert await line.kept() == keys(GOOD, DRAFT)
    made = len(line.server.sessions)

    line.agents.set_field("drafts/default", publish=True)
    await line.event(draft=True)

    assert await line.kept() == keys(DRAFT)
    assert len(line.server.sessions) == made


async def test_while_a_document_is_broken_the_clips_of_what_answers_stay(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD})
    await line.event()

    line.agents.edit("agents/default", BROKEN)
    await line.event()
    assert await line.kept() == keys(GOOD)

    line.agents.remove("agents/default")
    await line.event()
    assert await line.kept() == keys(GOOD), "the agent's last revision still answers calls"


async def test_clips_of_an_agent_that_is_gone_go_too(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"drafts/default": DRAFT})
    await line.event(draft=True)
    assert await line.kept() == keys(DRAFT)

    line.agents.remove("drafts/default")
    await line.event(draft=True)

    assert await line.kept() == set()


async def test_the_third_try_may_succeed(gemini_live_server: GeminiLiveServerFactory) -> None:
    agents = {"agents/default": GOOD}
    bad = [Fault(ReciteBadly(), session=n) for n in range(1, 7)]
    line = await line_with(gemini_live_server, agents, bad)

    await line.event()

    assert await line.kept() == keys(GOOD)
    assert len(line.server.sessions) == len(keys(GOOD)) + len(bad)


async def test_after_three_tries_there_is_no_clip_and_the_status_says_why(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    faults = [Fault(ReciteBadly("cut_off"))]
    line = await line_with(gemini_live_server, {"agents/default": GOOD}, faults)

    await line.events()

    # A single word can't be cut in half, so that clip is made.
    assert await line.kept() == {GREETING}
    assert len(line.server.sessions) == 1 + TRIES * (len(keys(GOOD)) - 1)
    assert (
        "No clip in the agent's voice for \"I'm an AI. This call is transcribed.\": the model said"
        ' "I\'m an AI. This" instead. Until there is one, the model speaks the greeting, and'
        " Twilio's voice everything else. To try again, edit the agent."
    ) in line.note()
    assert line.agents.statuses["agents/default"].ok


async def test_what_failed_is_tried_again_when_the_agent_has_changed_and_then_told_no_more(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(
        gemini_live_server, {"agents/default": GOOD}, [Fault(RefuseUpgrade(503))]
    )
    await line.events()
    assert await line.kept() == set()
    assert line.note().count("No clip") == 1, "the same reason is given twice"
    assert "the model's side failed: refused (code 503)" in line.note()

    line.server.faults = ()
    await line.events()
    assert await line.kept() == set(), "clips may be tried again only after an edit"
    line.agents.edit("agents/default", BETTER)
    await line.events()

    assert await line.kept() == keys(BETTER)
    assert line.note() == ""


async def test_a_note_that_somebody_wrote_over_is_written_again(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    faults = [Fault(RefuseUpgrade(503))]
    line = await line_with(gemini_live_server, {"agents/default": GOOD}, faults)
    await line.event()

    line.agents.edit("agents/default", BETTER)
    await look_at_edit(line.agents, "default", NOW)  # as the command line does
    assert line.note() == ""
    await line.maker.make(line.agents, "default", NOW)

    assert '"Better."' in line.note()


async def test_another_process_tries_again_and_edits_come_to_an_end(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    faults = [Fault(RefuseUpgrade(503))]
    line = await line_with(gemini_live_server, {"agents/default": GOOD}, faults)
    await line.events()
    line.new_process()

    await line.events()

    assert len(line.server.sessions) == 2 * TRIES * len(keys(GOOD))
    assert "No clip" in line.note()


async def test_what_fails_of_a_draft_is_told_there(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = await line_with(gemini_live_server, {"agents/default": GOOD})
    await line.event()
    line.server.faults = [Fault(ReciteBadly())]
    line.agents.edit("drafts/default", DRAFT)

    await line.events(draft=True)

    assert 'for "Draft.": the model said "Sure. Draft." instead' in line.note("drafts/default")
    assert line.note() == ""


class Away(KeptAgents):
    """A store that accepts no clips."""

    async def write_clip(self, agent_id: str, clip: Clip) -> None:
        raise StoreUnavailable("away")


async def test_a_store_that_fails_is_told_and_may_be_tried_again(
    gemini_live_server: GeminiLiveServerFactory,
) -> None:
    line = Line(await gemini_live_server(QUICK), Away())
    line.agents.edit("agents/default", GOOD)

    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="away"):
            await line.event()

    assert line.maker.failed("default") == {}


@pytest.mark.real_clock
async def test_every_store_has_the_clips_of_its_agents(
    gemini_live_server: GeminiLiveServerFactory, store: Store
) -> None:
    agents: AgentsAndClips = store
    line = Line(await gemini_live_server(QUICK), KeptAgents())
    agent = Agent(**GOOD)
    await write_agent(store, "sales", GOOD)
    await store.keep_revision("sales", Revision(revision="1", agent=agent, seen_at=NOW))
    await store.write_clip("sales", Clip(key="old", mulaw=b"\xff"))

    await line.maker.make(agents, "sales", NOW)

    assert await store.list_clips("sales") == keys(GOOD)
    greeting = greeting_text(agent)
    assert greeting is not None
    clip = await store.read_clip("sales", clip_key(agent, greeting))
    assert clip is not None
    assert len(clip.mulaw) > 1_000
