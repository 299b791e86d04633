import datetime

import msgspec
import pytest

from ringdown.calls import CallRecord, EndReason, Speaker, ToolCall, ToolOutcome, Turn
from ringdown.calls.outcomes import Finding, Outcome
from ringdown.rehearsals import When
from ringdown.rehearsals.from_call import persona_of
from ringdown.rehearsals.persona_text import persona_from_yaml, persona_to_yaml
from tests.ringdown.samples import a_call

NAMES = ("anna", "schmidt", "bert")
NUMBERS = ("123456", "one two three", "4155550123", "1234", "anna@example.org")


def turn(n: int, speaker: Speaker, text: str, *, interrupted: bool = False) -> Turn:
    times = {"start_ms": n * 1_000, "end_ms": n * 1_000 + 900}
    return Turn(n=n, speaker=speaker, text=text, interrupted=interrupted, **times)


def said(*texts: str, interrupted: bool = False) -> tuple[Turn, ...]:
    """The agent says hello, then caller and agent take turns."""
    return tuple(
        turn(n, Speaker.CALLER if n % 2 else Speaker.AGENT, text, interrupted=interrupted)
        for n, text in enumerate(("Hello.", *texts))
    )


def a_record(
    *turns: Turn,
    tool_calls: tuple[ToolCall, ...] = (),
    end_reason: EndReason = EndReason.CALLER_HUNG_UP,
    **fields: object,
) -> CallRecord:
    call = msgspec.structs.replace(a_call(), end_reason=end_reason, **fields)
    return CallRecord(call=call, claims=(), turns=turns, tool_calls=tool_calls)


def looked_up(args: dict[str, object], output: dict[str, object] | None) -> ToolCall:
    outcome = ToolOutcome.ANSWERED if output is not None else ToolOutcome.UNKNOWN
    return ToolCall(
        id="1",
        name="lookup_account",
        args=args,
        outcome=outcome,
        output=output,
        start_ms=0,
        duration_ms=100,
    )


EVERYTHING = a_record(
    *said(
        "My name is Anna Schmidt, and my number is one, two, three, four, five, six.",
        "Thank you, Anna. Is it 123456?",
        "Yes, 123 456. Write to anna@example.org or call 415-555-0123. Bert pays 19.99 dollars.",
    ),
    tool_calls=(
        looked_up(
            {"account_number": "123456", "date": "2026-12-24", "many": 2},
            {"customer_name": "Anna Schmidt", "pin": 1234, "at": "10:30", "list": ["123456"]},
        ),
    ),
    caller_facts='{"name": "Bert"}',
    caller_memory="Last time, Anna asked for a refund.",
)


def test_no_name_or_number_is_left() -> None:
    text = persona_to_yaml(persona_of(EVERYTHING, "made")).lower()

    assert [it for it in (*NAMES, *NUMBERS) if it in text] == []
    assert EVERYTHING.call.caller not in text


@pytest.mark.parametrize(
    "text",
    [
        "Hi, I'm Anna Schmidt.",
        "Hi, I’m Anna Schmidt.",
        "I am Anna Schmidt.",
        "Is Mr. Schmidt there?",
        "Hier spricht Frau Schmidt.",
        "Je m’appelle Anna.",
        "Soy la señora Schmidt.",
    ],
)
def test_who_introduces_themselves_or_is_addressed_gets_another_name(text: str) -> None:
    [line, *_] = persona_of(a_record(*said(text)), "made").lines
    assert line.say is not None
    assert not any(name in line.say.lower() for name in NAMES)


def test_a_caller_who_never_stops_still_fits_a_persona() -> None:
    turns = [turn(n, Speaker.CALLER, f"Hello {n}?") for n in range(200)]
    persona = persona_of(a_record(*turns), "made")
    assert persona_from_yaml("made", persona_to_yaml(persona)) == persona


def test_a_number_becomes_the_same_other_one_wherever_it_stands() -> None:
    persona = persona_of(EVERYTHING, "made")
    [canned] = persona.tools["lookup_account"]
    [expected] = persona.must.tools
    assert canned.args is not None
    assert canned.output is not None
    assert expected.args is not None
    number = expected.args["account_number"]

    spoken, spelled = (line.say or "" for line in persona.lines[:2])

    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert ", ".join(words[int(digit)] for digit in number) in spoken
    assert f"{number[:3]} {number[3:]}" in spelled
    assert canned.args["account_number"] == number
    assert canned.output["list"] == [number]
    assert sorted(number) != sorted("123456") or number != "123456"


def test_dates_times_amounts_and_small_numbers_stay() -> None:
    persona = persona_of(EVERYTHING, "made")
    [canned] = persona.tools["lookup_account"]

    assert canned.args is not None
    assert canned.output is not None
    assert (canned.args["date"], canned.args["many"]) == ("2026-12-24", 2)
    assert canned.output["at"] == "10:30"
    assert "19.99 dollars" in (persona.lines[1].say or "")


def test_reading_the_call_again_makes_the_same_persona() -> None:
    assert persona_of(EVERYTHING, "made") == persona_of(EVERYTHING, "made")


def test_yaml_gives_the_persona_back() -> None:
    persona = persona_of(EVERYTHING, "made")

    assert persona_from_yaml("made", persona_to_yaml(persona)) == persona


def test_who_interrupted_interrupts_again() -> None:
    record = a_record(*said("Stop.", interrupted=True))

    [line, _] = persona_of(record, "made").lines

    assert line.when == When(agent_speaking_s=1.5)


@pytest.mark.parametrize(
    ("end_reason", "expected", "last"),
    [
        (EndReason.AGENT_HUNG_UP, EndReason.AGENT_HUNG_UP, "hangup"),
        (EndReason.CALLER_HUNG_UP, EndReason.CALLER_HUNG_UP, None),
        (EndReason.MODEL_LOST, None, "hangup"),
        (EndReason.HANDLER_STOPPED, None, "hangup"),
    ],
)
def test_an_ending_is_expected_unless_it_was_a_fault(
    end_reason: EndReason, expected: EndReason | None, last: str | None
) -> None:
    persona = persona_of(a_record(*said("Goodbye."), end_reason=end_reason), "made")

    assert persona.must.ending is expected
    assert persona.lines[-1].wait == last


def test_a_tool_that_never_answered_is_broken_in_the_rehearsal_too() -> None:
    record = a_record(*said("Look it up."), tool_calls=(looked_up({}, None),))

    persona = persona_of(record, "made")

    assert [it.fault for it in persona.tools["lookup_account"]] == ["server_error"]
    assert persona.must.tools == ()


def test_names_in_the_outcome_are_replaced_in_its_summary() -> None:
    outcome = Outcome(
        questions="1",
        asked_at=datetime.datetime(2026, 3, 3, tzinfo=datetime.UTC),
        fields={"caller_name": Finding(value="Dora", turn=1)},
        summary="Dora wants a refund.",
    )
    record = msgspec.structs.replace(a_record(*said("I want a refund.")), outcome=outcome)

    assert persona_of(record, "made").wants == "Alex wants a refund."
