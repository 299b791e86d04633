"""What the judge finds in a call's facts, and what it accepts."""

import tomllib
from collections.abc import Sequence
from importlib import resources

import pytest
from msgspec.structs import replace

from ringdown.calls import EndReason, Speaker, ToolCall, ToolOutcome
from ringdown.calls.outcomes import Finding, Outcome, Success
from ringdown.rehearsals import (
    CannedResult,
    ExpectedCall,
    Must,
    MustNot,
    Persona,
    PersonaRun,
    ServedTool,
    Spoken,
    Verdict,
)
from ringdown.rehearsals.judging import judge
from ringdown.rehearsals.languages import other_language
from tests.ringdown.rehearsals.samples import (
    ACCOUNT,
    BOOKING,
    CONVERSATION,
    PERSONA,
    TOOL_CALLS,
    a_record,
    a_run,
    a_tool_call,
    said,
    with_reply,
)
from tests.ringdown.samples import NOW, an_agent


def failed(run: PersonaRun) -> list[Verdict]:
    return [verdict for verdict in judge(run.persona, run) if verdict.passed is False]


def the_failed(run: PersonaRun) -> Verdict:
    verdicts = failed(run)
    assert len(verdicts) == 1, verdicts
    return verdicts[0]


def persona(must: Must | None = None, must_not: MustNot | None = None) -> Persona:
    return replace(PERSONA, must=must or Must(), must_not=must_not or MustNot())


def test_a_call_that_went_well_passes() -> None:
    verdicts = judge(PERSONA, a_run())
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    assert {verdict.kind for verdict in verdicts} == {
        "tools",
        "forbidden",
        "outcome",
        "heard",
        "call",
    }


# Regressions, each found by its own verdict


OFF_BY_ONE = a_tool_call("lookup_account", {"account_number": "123457"})
FAILED_BOOKING = a_tool_call("schedule_callback", BOOKING, outcome=ToolOutcome.FAILED)
NO_TOOLS = replace(PERSONA, must=replace(PERSONA.must, tools=()))
REGRESSIONS = {
    "a wrong price": (
        a_run(with_reply("It costs $12 a month. I have booked a call for Tuesday at nine.")),
        "heard",
        "The caller hears “twenty dollars”.",
    ),
    "a price of which the right one is a part": (
        a_run(with_reply("It costs one hundred twenty dollars. I have booked a call.")),
        "heard",
        "The caller hears “twenty dollars”.",
    ),
    "no hang-up": (
        a_run(a_record(ending=EndReason.CALLER_HUNG_UP)),
        "outcome",
        "The call ends: agent hung up.",
    ),
    "an argument off by one digit": (
        a_run(a_record(tool_calls=(OFF_BY_ONE, *TOOL_CALLS[1:]))),
        "tools",
        'lookup_account is called once with account_number "123456".',
    ),
    "the wrong language": (
        a_run(with_reply("Auf Wiederhören, vielen Dank für Ihren Anruf.", 4)),
        "heard",
        "The agent speaks en-US.",
    ),
    "a secret read aloud": (
        a_run(with_reply("So your PIN is four nine two one. Goodbye.", 4)),
        "forbidden",
        "The caller doesn't hear “4921”.",
    ),
    "a promise without a tool call": (
        a_run(a_record(tool_calls=(TOOL_CALLS[0], TOOL_CALLS[2])), persona=NO_TOOLS),
        "forbidden",
        "“I have booked” isn't said before schedule_callback has succeeded.",
    ),
    "a promise after a tool that failed": (
        a_run(a_record(tool_calls=(TOOL_CALLS[0], FAILED_BOOKING, TOOL_CALLS[2]))),
        "forbidden",
        "“I have booked” isn't said before schedule_callback has succeeded.",
    ),
    "a forbidden tool": (
        a_run(a_record(tool_calls=(*TOOL_CALLS, a_tool_call("transfer_call", {"to": "sales"})))),
        "forbidden",
        "transfer_call isn't called.",
    ),
}


@pytest.mark.parametrize("name", REGRESSIONS)
def test_a_regression_is_found(name: str) -> None:
    run, kind, what = REGRESSIONS[name]
    verdict = the_failed(run)
    assert (verdict.kind, verdict.what) == (kind, what)
    assert verdict.why, "the verdict must say what was found"


def test_what_was_not_heard_was_not_said() -> None:
    """The record has only the words that were played, so a price that was cut off is missing."""
    turns = [said(n, *words) for n, words in enumerate(CONVERSATION)]
    turns[2] = replace(turns[2], text="It costs", interrupted=True)
    assert the_failed(a_run(a_record(turns=turns))).what == "The caller hears “twenty dollars”."


def test_a_secret_that_is_spread_over_two_turns_is_found() -> None:
    spoken: Sequence[tuple[Speaker, str]] = (
        (Speaker.AGENT, "Your PIN begins with four nine"),
        (Speaker.CALLER, "Yes?"),
        (Speaker.AGENT, "two one."),
    )
    run = a_run(
        a_record(turns=[said(n, *words) for n, words in enumerate(spoken)]),
        persona=persona(must_not=MustNot(says=("4921",))),
    )
    assert the_failed(run).quote == "four nine … two one"


# Tools


def judged_tools(expected: ExpectedCall, *done: ToolCall) -> Verdict:
    run = a_run(a_record(tool_calls=done), persona=persona(Must(tools=(expected,))))
    return next(it for it in judge(run.persona, run) if it.kind == "tools")


def lookup(number: object, key: str = "k1") -> ToolCall:
    return replace(
        a_tool_call("lookup_account", {"account_number": number}), id=key, idempotency_key=key
    )


@pytest.mark.parametrize(
    ("times", "done", "passed", "why"),
    [
        (1, [lookup("123456")], True, ""),
        (1, [], False, "It was never called."),
        (1, [lookup("123456"), lookup("123456", "k2")], False, "It was called twice."),
        (None, [lookup("123456"), lookup("123456", "k2")], True, ""),
        (2, [lookup("123456"), lookup("123456", "k2")], True, ""),
        (1, [lookup("123456"), lookup("123456")], True, ""),
        (1, [lookup(123456)], False, "It was called with account_number 123456."),
        (1, [lookup("123456"), lookup("1", "k2")], False, 'It was called with account_number "1".'),
    ],
)
def test_a_tool_is_called_so_often(
    times: int | None, done: list[ToolCall], passed: bool, why: str
) -> None:
    verdict = judged_tools(ExpectedCall(tool="lookup_account", args=ACCOUNT, times=times), *done)
    assert (verdict.passed, verdict.why) == (passed, why)


def test_any_arguments_will_do_where_none_are_named() -> None:
    assert judged_tools(ExpectedCall(tool="lookup_account"), lookup("1")).passed


@pytest.mark.parametrize(
    ("wanted", "done", "passed"),
    [
        (3, 3.0, True),
        (True, 1, False),
        (1, True, False),
        ([1, {"a": None}], [1, {"a": None}], True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (None, "", False),
    ],
)
def test_arguments_are_compared_as_json(wanted: object, done: object, passed: bool) -> None:
    expected = ExpectedCall(tool="lookup_account", args={"account_number": wanted})
    assert judged_tools(expected, lookup(done)).passed is passed


def test_the_tool_that_answers_before_the_call_is_not_the_models() -> None:
    fact = ServedTool(tool="known", args={}, idempotency_key="ring", at_ms=0, result=None)
    agent = replace(an_agent(), before_call="known")
    run = a_run(
        a_record(agent=agent, tool_calls=()),
        ledger=(fact,),
        persona=persona(must_not=MustNot(tools=("known",))),
    )
    assert failed(run) == []


def test_a_cancelled_call_was_not_made() -> None:
    cancelled = a_tool_call("end_call", {}, outcome=ToolOutcome.CANCELLED)
    assert judged_tools(ExpectedCall(tool="end_call"), cancelled).why == "It was never called."


# The outcome


OUTCOME = Outcome(
    questions="q", asked_at=NOW, fields={"slot": Finding(value="Tuesday")}, success=Success.NO
)
WANTED = persona(Must(outcome={"slot": "Tuesday"}, success=Success.YES))


def judged_outcome(outcome: Outcome | None) -> list[tuple[bool | None, str]]:
    run = a_run(replace(a_record(), outcome=outcome), persona=WANTED)
    return [(it.passed, it.why) for it in judge(WANTED, run) if it.kind == "outcome"]


def test_the_outcome_is_compared() -> None:
    assert judged_outcome(OUTCOME) == [(True, ""), (False, 'It is "no".')]


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (None, "The agent's after_call questions weren't asked."),
        (Outcome(questions="q", asked_at=NOW, problem="No key."), "No key."),
    ],
)
def test_an_outcome_that_nobody_found_out_neither_passes_nor_fails(
    outcome: Outcome | None, why: str
) -> None:
    assert judged_outcome(outcome) == [(None, why)] * 2
    run = a_run(replace(a_record(), outcome=outcome), persona=WANTED)
    assert replace(run, verdicts=judge(WANTED, run)).passed


# The call


def with_reply_time(reply_ms: int) -> PersonaRun:
    turns = [said(n, *words) for n, words in enumerate(CONVERSATION)]
    turns[2] = replace(turns[2], reply_ms=reply_ms)
    return a_run(a_record(turns=turns))


def test_a_slow_reply_is_found() -> None:
    verdict = the_failed(with_reply_time(3_400))
    assert (verdict.kind, verdict.why) == ("call", "Slow replies: 3.4 s at 0:08.")


def test_a_slow_tool_excuses_a_slow_reply_and_the_persona_does_not() -> None:
    slow = {"schedule_callback": (CannedResult(output={"booked": True}, after_s=3),)}
    patient = replace(PERSONA, tools=slow)
    strict = replace(patient, must=replace(PERSONA.must, reply_within_s=2))
    assert failed(replace(with_reply_time(3_400), persona=patient)) == []
    assert the_failed(replace(with_reply_time(3_400), persona=strict)).what == (
        "Every reply comes within 2 s."
    )


@pytest.mark.parametrize(("silences_ms", "passed"), [((12_900,), True), ((3_000, 13_100), False)])
def test_a_silence_is_longer_than_the_agent_waits(
    silences_ms: tuple[int, ...], passed: bool
) -> None:
    run = replace(a_run(), silences_ms=silences_ms)
    whats = [verdict.what for verdict in failed(run)]
    assert whats == ([] if passed else ["The line is never silent for more than 13 s."])


def interruption(
    stopped_ms: int | None, *, lasted_ms: int = 2_000, what: str = "say"
) -> PersonaRun:
    spoken = Spoken(
        what=what,  # type: ignore[arg-type] # a valid kind
        text="Wait!",
        start_ms=16_000,
        end_ms=16_000 + lasted_ms,
        interrupted_agent=True,
        agent_stopped_ms=stopped_ms,
    )
    return replace(a_run(), said=(*a_run().said, spoken))


@pytest.mark.parametrize(
    ("run", "passed"),
    [
        (interruption(400), True),
        (interruption(1_400), False),
        (interruption(None), False),
        (interruption(None, lasted_ms=500), True),
        (interruption(None, what="make"), True),
    ],
)
def test_whoever_interrupts_is_let_speak(run: PersonaRun, passed: bool) -> None:
    assert [verdict.kind for verdict in failed(run)] == ([] if passed else ["call"])


def test_a_protected_greeting_is_heard_out() -> None:
    first = replace(interruption(None).said[-1], start_ms=1_000)
    run = replace(a_run(), said=(first,))
    unprotected = a_record(agent=replace(an_agent(), protect_greeting=False))
    assert failed(run) == []
    assert the_failed(replace(run, record=unprotected)).kind == "call"


def test_what_the_caller_waited_for_and_what_twilio_reports_is_told() -> None:
    run = replace(a_run(), unmet="The agent did not hang up.", alerts=("31951: too much.",))
    assert [verdict.why for verdict in failed(run)] == [
        "The agent did not hang up.",
        "31951: too much.",
    ]


@pytest.mark.parametrize("ending", [EndReason.MODEL_LOST, EndReason.CALLER_IDLE])
def test_a_bad_ending_is_a_problem_unless_the_persona_is_about_it(ending: EndReason) -> None:
    anybody, about_it = persona(), persona(Must(ending=ending))
    record = a_record(ending=ending)
    assert the_failed(a_run(record, persona=anybody)).what == "Nothing goes wrong on the line."
    assert failed(a_run(record, persona=about_it)) == []


def test_a_partial_run_is_not_judged() -> None:
    assert judge(PERSONA, replace(a_run(), partial="Stopped with Ctrl-C.")) == ()


def test_a_call_that_never_reached_the_agent_fails() -> None:
    verdict = the_failed(replace(a_run(), record=None, unmet="No one answered."))
    assert (verdict.what, verdict.why) == ("The call reaches the agent.", "No one answered.")


# Languages


PHRASES = tomllib.loads(
    (resources.files("ringdown") / "packaged" / "phrases.toml").read_text("utf-8")
)


@pytest.mark.parametrize("language", PHRASES)
def test_an_agents_own_phrases_are_never_taken_for_another_language(language: str) -> None:
    for name, phrase in PHRASES[language].items():
        if isinstance(phrase, str) and name != "language":
            assert other_language(phrase, language) is None, phrase


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "nl", "pt"])
def test_another_languages_apologies_are_told_from_english(language: str) -> None:
    for name in ("connecting_apology", "closing_apology", "busy", "closed", "connecting"):
        assert other_language(PHRASES[language][name], "en-US") == language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Goodbye.", "de-DE"),
        ("", "en-US"),
        ("Thank you for calling Müller and Sons in Düsseldorf.", "en-US"),
        ("Okay. Four nine two one.", "en-US"),
        ("Habari yako, karibu sana nyumbani.", "sw-KE"),
    ],
)
def test_what_is_uncertain_is_no_other_language(text: str, expected: str) -> None:
    assert other_language(text, expected) is None


def test_a_language_that_cannot_be_told_apart_is_not_checked() -> None:
    swahili = replace(persona(), language="sw-KE")
    verdicts = judge(swahili, a_run(persona=swahili))
    assert [it.what for it in verdicts if it.passed is None] == ["The agent speaks sw-KE."]
