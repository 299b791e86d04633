"""A model's opinion of a call, requested over HTTP, counts only with a quote."""

import asyncio
import json

import httpx2
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.text_model import TextModel
from ringdown.rehearsals import PersonaRun, Verdict
from ringdown.rehearsals.opinion import QUESTIONS, Opinion, ask_opinion, checked_opinion
from ringdown.tools import Json
from tests.functions.text_model_stand_in import BLOCKS, Answer, answers, refuses, text_model
from tests.ringdown.rehearsals.samples import a_record, a_run

GOODBYE = {"turn": 4, "quote": "goodbye"}
YES = {"answer": "yes", **GOODBYE, "why": "They said goodbye."}


def asked(answer: Answer, run: PersonaRun | None = None) -> tuple[Opinion, list[dict[str, Json]]]:
    async def ask(url: str) -> Opinion:
        async with httpx2.AsyncClient(trust_env=False) as http:
            model = TextModel(http, DeveloperApi("key", url), "gemini-3.5-flash", within_s=30)
            return await ask_opinion(model, run or a_run())

    with text_model(lambda _: answer) as gemini:
        return asyncio.run(ask(gemini.url)), gemini.asked


def checked(**answers: Json) -> dict[str, Verdict]:
    form = {**dict.fromkeys(QUESTIONS, YES), **answers}
    verdicts = checked_opinion(json.dumps(form), a_record())
    return dict(zip(QUESTIONS, verdicts, strict=True))


def test_it_is_asked_about_what_was_heard() -> None:
    opinion, questions = asked(answers(dict.fromkeys(QUESTIONS, YES)))
    assert [(it.kind, it.passed, it.quote) for it in opinion.verdicts] == [
        ("judge", True, "goodbye")
    ] * len(QUESTIONS)
    assert opinion.cost_usd > 0
    shown = json.loads(questions[0]["contents"][0]["parts"][0]["text"])
    assert shown["turns"][2]["text"].startswith("It costs $20")
    assert shown["caller"]["wants"].startswith("To be called back")
    assert shown["agent"]["instructions"] == "Be brief."
    schema = questions[0]["generationConfig"]["responseSchema"]
    assert schema["required"] == list(QUESTIONS)


def test_it_never_decides() -> None:
    no = {**YES, "answer": "no"}
    opinion, _ = asked(answers(dict.fromkeys(QUESTIONS, no)))
    run = replace(a_run(), verdicts=opinion.verdicts)
    assert [it.passed for it in opinion.verdicts] == [False] * len(QUESTIONS)
    assert run.passed


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (refuses(429, "Quota exceeded."), "Gemini refused (HTTP 429): Quota exceeded."),
        (refuses(), "Gemini refused (HTTP 400): API key not valid."),
        (BLOCKS, "Gemini gave no answer: SAFETY."),
        ((200, b"<html>"), "Gemini's answer can't be read"),
        (answers("I think it went well."), "The answer can't be read"),
        (answers("[" * 100_000), "The answer can't be read"),
    ],
)
def test_without_an_answer_it_says_why(answer: Answer, why: str) -> None:
    opinion, _ = asked(answer)
    (verdict,) = opinion.verdicts
    assert (verdict.kind, verdict.passed) == ("judge", None)
    assert verdict.why.startswith(why)


async def test_without_a_key_it_is_not_asked() -> None:
    (verdict,) = (await ask_opinion(None, a_run())).verdicts
    assert (verdict.kind, verdict.passed) == ("judge", None)
    assert verdict.why.startswith("GEMINI_API_KEY is not set")


@pytest.mark.parametrize("run", [replace(a_run(), partial="429"), replace(a_run(), record=None)])
async def test_of_half_a_call_it_is_not_asked(run: PersonaRun) -> None:
    assert await ask_opinion(None, run) == Opinion(())


@pytest.mark.parametrize(
    ("answer", "passed", "why"),
    [
        ({**YES, "answer": "no"}, False, "They said goodbye."),
        ({**YES, "quote": "Good bye"}, None, "It said yes, but quoted nothing that was heard."),
        ({**YES, "quote": ""}, None, "It said yes, but quoted nothing that was heard."),
        ({**YES, "quote": None}, None, "It said yes, but quoted nothing that was heard."),
        ({**YES, "turn": 2}, None, "It said yes, but quoted nothing that was heard."),
        ({**YES, "turn": None}, None, "It said yes, but quoted nothing that was heard."),
        ({**YES, "turn": 99}, None, "It said yes, but quoted nothing that was heard."),
        ({**YES, "answer": "unclear"}, None, "They said goodbye."),
        ({"answer": "unclear"}, None, "The call doesn't show it."),
        ({**YES, "answer": "maybe"}, None, "It gave no usable answer."),
        ({**YES, "turn": "four"}, None, "It gave no usable answer."),
        ("yes", None, "It gave no usable answer."),
        (None, None, "It gave no usable answer."),
        ({**YES, "why": "a\nb\x1b[31m" + "c" * 400}, True, "a b [31m" + "c" * 291 + "…"),
    ],
)
def test_an_answer_counts_with_its_quote(answer: Json, passed: bool | None, why: str) -> None:
    verdicts = checked(truth=answer)
    assert (verdicts["truth"].passed, verdicts["truth"].why) == (passed, why)
    assert verdicts["wishes"].passed, "the other answers still count"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 9) | st.text(max_size=8) | st.just("yes"),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from([*QUESTIONS, "answer", "turn", "quote", "why"]), each, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_no_answer_harms_it_or_passes_without_a_quote(answer: Json) -> None:
    for verdict in checked_opinion(json.dumps(answer), a_record()):
        assert verdict.kind == "judge"
        assert verdict.passed is None or verdict.quote
