"""A rehearsal that is stopped keeps its results so far, and says why it stopped."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import msgspec
import pytest

from devtools.rehearsals.caller import PlayedBy
from devtools.rehearsals.placing import RehearsalLine
from devtools.rehearsals.running import STOPPED, Plan, make_calls
from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.text_model import TextModel
from ringdown.rehearsals import Line, Manner, Must, MustNot, Persona, PersonaRun
from ringdown.rehearsals.persona_text import packaged_personas
from ringdown.tools import Json
from simulators.gemini_live.faults import After, Close, Fault, Moment
from tests.devtools.rehearsals.rehearsing import SCENARIO, failures, rehearsal_line
from tests.functions.text_model_stand_in import Answer, answers, refuses
from tests.tool_server import serving_json

PRICE = packaged_personas()["asks-the-price"]
PLAYED = Persona(
    name="played",
    who="Somebody who saves.",
    wants="The price of the family plan.",
    must=Must(says=("twenty dollars",), ending=PRICE.must.ending),
)
SENTENCES = ("How much does the family plan cost?", "Thank you, that is all. Goodbye.")

Playing = Callable[[dict[str, Json]], Answer]


def plays(shown: dict[str, Json]) -> Answer:
    """Answer like a good model: the next sentence, given what was said so far."""
    return answers({"say": SENTENCES[len(shown["said"])], "hang_up": False})


@asynccontextmanager
async def played_line(
    folder: Path, play: Playing, asked: list[Json]
) -> AsyncIterator[RehearsalLine]:
    """A line with callers played by a model that follows `play`."""

    async def respond(body: bytes) -> tuple[int, bytes]:
        question = json.loads(body)
        asked.append(question)
        return play(json.loads(question["contents"][0]["parts"][0]["text"]))

    async with serving_json(respond) as url, httpx2.AsyncClient(trust_env=False) as http:
        backend = DeveloperApi("key", url)

        def new() -> PlayedBy:
            return PlayedBy(TextModel(http, backend, "gemini-3.5-flash", within_s=20.0))

        async with rehearsal_line(folder, SCENARIO, new_caller_model=new) as line:
            yield line


async def run_played(folder: Path, play: Playing, persona: Persona = PLAYED) -> PersonaRun:
    async with played_line(folder, play, []) as line:
        made = await make_calls(line, Plan([persona], 1, at_once=1), lambda _: None)
    [run] = made.runs
    return run


async def test_a_model_plays_a_caller_by_what_the_caller_heard(tmp_path: Path) -> None:
    asked: list[Json] = []
    async with played_line(tmp_path, plays, asked) as line:
        made = await make_calls(line, Plan([PLAYED], 1, at_once=1), lambda _: None)

    assert failures(made) == []
    [run] = made.runs
    assert [it.text for it in run.said] == [*SENTENCES]
    shown = [json.loads(it["contents"][0]["parts"][0]["text"]) for it in asked]
    assert [len(it["heard"]) for it in shown] == [1, 2]
    assert shown[1]["heard"][1] == "The family plan is twenty dollars a month."
    assert run.caller_cost_usd > 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (refuses(429, "Resource has been exhausted."), "HTTP 429): Resource has been exhausted."),
        (answers("no JSON at all"), "has the wrong format"),
        (answers({"say": 7, "hang_up": "perhaps"}), "has the wrong format"),
    ],
)
async def test_a_caller_whose_model_fails_leaves_a_partial_call(
    answer: Answer, why: str, tmp_path: Path
) -> None:
    def play(shown: dict[str, Json]) -> Answer:
        return answer if shown["said"] else plays(shown)

    run = await run_played(tmp_path, play)

    assert run.passed is None
    assert why in (run.partial or "")
    assert [it.text for it in run.said] == [SENTENCES[0]], "what was said until then must be kept"
    assert run.record is not None
    assert run.verdicts == ()


async def test_a_played_caller_hangs_up_when_its_turns_are_over(tmp_path: Path) -> None:
    persona = msgspec.structs.replace(PLAYED, turns=1, must=Must(says=("twenty dollars",)))

    run = await run_played(tmp_path, plays, persona)

    assert [it.text for it in run.said] == [SENTENCES[0]]
    assert run.passed is None or run.record is not None


async def test_a_played_caller_who_interrupts_is_told_to(tmp_path: Path) -> None:
    def play(shown: dict[str, Json]) -> Answer:
        said = len(shown["said"])
        cuts_in = any("interrupts" in it for it in shown["speaks"])
        assert cuts_in == (said % 2 == 1)
        says = ("How does the family plan work?", SENTENCES[1])[said]
        return answers({"say": says, "hang_up": False})

    persona = msgspec.structs.replace(PLAYED, manner=Manner(interrupting=True), must=Must())
    run = await run_played(tmp_path, play, persona)

    assert [it.interrupted_agent for it in run.said] == [False, True]


async def test_without_a_key_nobody_plays_a_caller(tmp_path: Path) -> None:
    async with rehearsal_line(tmp_path, SCENARIO) as line:
        made = await make_calls(line, Plan([PLAYED], 1, at_once=1), lambda _: None)

    assert failures(made) == [
        "played 1: Without a Gemini key, no model can play this caller. Give the persona lines."
    ]
    assert made.runs[0].passed is None


async def test_a_budget_that_is_used_up_stops_before_the_next_call(tmp_path: Path) -> None:
    async with played_line(tmp_path, plays, []) as line:
        plan = Plan([PLAYED], 5, at_once=2, budget_usd=0.02, expected_usd=0.01)
        made = await make_calls(line, plan, lambda _: None)

    assert 0 < len(made.runs) < 5
    assert made.partial == "The budget of 0.02 USD is used up."
    assert all(run.passed for run in made.runs), failures(made)
    assert sum(run.caller_cost_usd for run in made.runs) <= 0.02


async def test_a_budget_counts_calls_in_progress(tmp_path: Path) -> None:
    async with played_line(tmp_path, plays, []) as line:
        plan = Plan([PLAYED], 4, at_once=4, budget_usd=0.025, expected_usd=0.01)
        made = await make_calls(line, plan, lambda _: None)

    assert len(made.runs) == 2


async def test_a_stopped_rehearsal_keeps_the_calls_that_were_made(tmp_path: Path) -> None:
    first = asyncio.Event()
    async with rehearsal_line(tmp_path, SCENARIO) as line:
        making = asyncio.create_task(
            make_calls(line, Plan([PRICE], 3, at_once=1), lambda _: first.set())
        )
        await first.wait()
        making.cancel()
        made = await making
        async with asyncio.timeout(5):  # timeouts must still work afterwards
            await asyncio.sleep(0)

    assert made.partial == STOPPED
    assert [run.passed for run in made.runs] == [True]


async def test_a_model_that_refuses_calls_is_not_the_prompts_fault(tmp_path: Path) -> None:
    refuses_all = Fault(Close(1011, "You exceeded your current quota."), After(Moment.SECONDS, 0))
    scenario = replace(SCENARIO, faults=(refuses_all,))
    async with rehearsal_line(tmp_path, scenario) as line:
        made = await make_calls(line, Plan([PRICE], 1, at_once=1), lambda _: None)

    [run] = made.runs
    assert run.passed is None
    assert "You exceeded your current quota" in (run.partial or "")


async def test_a_line_that_waits_in_vain_says_for_what(tmp_path: Path) -> None:
    persona = msgspec.structs.replace(
        PRICE,
        lines=(Line(say="How much does the family plan cost?"), Line(wait="hangup", within_s=3.0)),
        must_not=MustNot(),
    )
    async with rehearsal_line(tmp_path, SCENARIO) as line:
        made = await make_calls(line, Plan([persona], 1, at_once=1), lambda _: None)

    [run] = made.runs
    assert run.passed is False
    assert (run.unmet or "").startswith("line 2 (wait for the agent to hang up): waited 3 s")


async def test_a_fault_of_ours_loses_no_call_that_was_made(tmp_path: Path) -> None:
    def tell(run: PersonaRun) -> None:
        raise ValueError("this is unreadable")

    async with rehearsal_line(tmp_path, SCENARIO) as line:
        made = await make_calls(line, Plan([PRICE], 2, at_once=1), tell)

    assert [run.passed for run in made.runs] == [True]
    assert made.partial == "A call broke off (ValueError: this is unreadable)."
