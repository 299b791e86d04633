"""A model's opinion of each call: requested over the wire, and never decisive."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from devtools.rehearsals.caller import PlayedBy
from devtools.rehearsals.placing import RehearsalLine
from devtools.rehearsals.running import STOPPED, Plan, make_calls
from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.text_model import TextModel
from ringdown.rehearsals import PersonaRun, Verdict
from ringdown.rehearsals.opinion import QUESTIONS
from ringdown.rehearsals.persona_text import packaged_personas
from ringdown.tools import Json
from tests.devtools.rehearsals.rehearsing import SCENARIO, failures, rehearsal_line
from tests.devtools.rehearsals.test_partial_results import PLAYED, plays
from tests.functions.text_model_stand_in import Answer, answers, refuses
from tests.tool_server import serving_json

PRICE = packaged_personas()["asks-the-price"]

Opinion = Callable[[dict[str, Json]], Awaitable[Answer]]


@asynccontextmanager
async def judged_line(folder: Path, opine: Opinion) -> AsyncIterator[RehearsalLine]:
    """A line with callers played by one model, and judged by another at the same URL."""

    async def respond(body: bytes) -> tuple[int, bytes]:
        shown = json.loads(json.loads(body)["contents"][0]["parts"][0]["text"])
        return plays(shown) if "said" in shown else await opine(shown)

    async with serving_json(respond) as url, httpx2.AsyncClient(trust_env=False) as http:

        def model() -> TextModel:
            return TextModel(http, DeveloperApi("key", url), "gemini-3.5-flash", within_s=20.0)

        async with rehearsal_line(
            folder, SCENARIO, new_caller_model=lambda: PlayedBy(model())
        ) as line:
            yield replace(line, judge_model=model())


def opinions(run: PersonaRun) -> list[Verdict]:
    return [verdict for verdict in run.verdicts if verdict.kind == "judge"]


async def likes_it(shown: dict[str, Json]) -> Answer:
    """Answer like a good model, quoting the last words heard from the agent."""
    last = [turn for turn in shown["turns"] if turn["who"] == "agent"][-1]
    form = {"answer": "yes", "turn": last["turn"], "quote": last["text"], "why": "It is polite."}
    return answers(dict.fromkeys(QUESTIONS, form))


async def test_caller_and_judge_are_models_on_the_wire(tmp_path: Path) -> None:
    async with judged_line(tmp_path, likes_it) as line:
        made = await make_calls(line, Plan([PLAYED], 1, at_once=1), lambda _: None)

    assert failures(made) == []
    [run] = made.runs
    assert [it.passed for it in opinions(run)] == [True] * len(QUESTIONS)
    assert all(it.quote for it in opinions(run))
    assert run.caller_cost_usd > 0


async def no(shown: dict[str, Json]) -> Answer:
    turn = shown["turns"][0]
    form = {"answer": "no", "turn": turn["turn"], "quote": turn["text"], "why": "It is dull."}
    return answers(dict.fromkeys(QUESTIONS, form))


async def limited(_: dict[str, Json]) -> Answer:
    return refuses(429, "Resource has been exhausted.")


async def malformed(_: dict[str, Json]) -> Answer:
    return answers("It went well, I think.")


async def invented(_: dict[str, Json]) -> Answer:
    form = {"answer": "yes", "turn": 0, "quote": "You have won a car.", "why": ""}
    return answers(dict.fromkeys(QUESTIONS, form))


@pytest.mark.parametrize(
    ("opine", "passed", "why"),
    [
        (no, False, "It is dull."),
        (limited, None, "Gemini refused (HTTP 429): Resource has been exhausted."),
        (malformed, None, "The answer can't be read: "),
        (invented, None, "It said yes, but quoted nothing that was heard."),
    ],
)
async def test_whatever_the_judge_says_the_facts_decide(
    opine: Opinion, passed: bool | None, why: str, tmp_path: Path
) -> None:
    async with judged_line(tmp_path, opine) as line:
        made = await make_calls(line, Plan([PRICE], 1, at_once=1), lambda _: None)

    [run] = made.runs
    assert run.passed
    assert {it.passed for it in opinions(run)} == {passed}
    assert all(it.why.startswith(why) for it in opinions(run))


async def test_a_call_whose_judge_is_not_waited_for_is_kept(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never(_: dict[str, Json]) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with judged_line(tmp_path, never) as line:
        making = asyncio.create_task(make_calls(line, Plan([PRICE], 3, at_once=1), lambda _: None))
        await asked.wait()
        making.cancel()
        made = await making

    assert made.partial == STOPPED
    assert [(run.passed, opinions(run)) for run in made.runs] == [(True, [])]
