import datetime

import msgspec
import pytest

from ringdown.calls import (
    GO_AWAY,
    NO_SOUND,
    Call,
    CallRecord,
    CallStatus,
    EndReason,
    NextAction,
    Reconnect,
    Speaker,
    ToolCall,
    ToolOutcome,
    Turn,
    Usage,
)
from ringdown.calls.problems import percentile, problems
from tests.ringdown.samples import NOW, a_call, a_tool_call, an_agent

CALLER, AGENT = Speaker.CALLER, Speaker.AGENT
A_MINUTE = datetime.timedelta(minutes=1)


def turn(
    n: int,
    speaker: Speaker,
    text: str = "Yes.",
    *,
    reply_ms: int | None = None,
    cut: bool = False,
    barge_in_ms: int | None = None,
) -> Turn:
    return Turn(
        n=n,
        speaker=speaker,
        text=text,
        start_ms=n * 5_000,
        end_ms=n * 5_000 + 4_000,
        reply_ms=reply_ms,
        interrupted=cut,
        barge_in_ms=barge_in_ms,
    )


TALK = (
    turn(0, AGENT, "Hello, how can I help you?"),
    turn(1, CALLER, "When is my delivery?"),
    turn(2, AGENT, "On Thursday.", reply_ms=800),
)


def good_call(**changes: object) -> Call:
    call = msgspec.structs.replace(
        a_call(),
        status=CallStatus.ENDED,
        started_at=NOW,
        ended_at=NOW + A_MINUTE,
        end_reason=EndReason.AGENT_HUNG_UP,
        usage=Usage(reports=3, prompt={"AUDIO": 4_000}, response={"AUDIO": 1_000}, total=5_000),
        twilio_status="completed",
        twilio_duration_s=60,
    )
    return msgspec.structs.replace(call, **changes)


def test_a_reconnect_that_was_to_be_expected_is_no_problem() -> None:
    made = Reconnect(at_ms=540_000, took_ms=120, reason=GO_AWAY)

    assert problems(record(call=good_call(reconnects=(made,)))) == ()


def test_replies_that_nobody_could_hear_are_told() -> None:
    made = Reconnect(at_ms=65_000, took_ms=80, reason=NO_SOUND)

    told = the_problem(record(call=good_call(reconnects=(made,))))

    assert "The agent replied, but inaudibly" in told
    assert "1:05" in told


@pytest.mark.parametrize(
    ("took_ms", "reason"), [(80, "1011 Internal error"), (4_000, GO_AWAY)], ids=["broke", "slow"]
)
def test_a_reconnect_that_may_have_been_heard_is_told_with_its_reason(
    took_ms: int, reason: str
) -> None:
    made = Reconnect(at_ms=65_000, took_ms=took_ms, reason=reason)

    told = the_problem(record(call=good_call(reconnects=(made,))))

    assert "was replaced once" in told
    assert f"1:05 ({reason})" in told


def test_times_in_problems_count_from_the_ring() -> None:
    made = Reconnect(at_ms=61_000, took_ms=4_000, reason="the connection broke")
    began = NOW + datetime.timedelta(seconds=4)
    problem = the_problem(record(call=good_call(reconnects=(made,), started_at=began)))
    assert "at 1:05 (the connection broke)" in problem


def test_an_endpoint_that_failed_is_told_with_the_one_that_took_its_place() -> None:
    first = Reconnect(at_ms=300, took_ms=300, reason="503 refused", endpoint="vertex:us-central1")
    back = Reconnect(at_ms=65_000, took_ms=90, reason="1011 Internal error")

    left, returned = problems(record(call=good_call(reconnects=(first, back))))

    assert left == (
        "The model's first endpoint failed at 0:00 (503 refused), so the call continued at"
        " vertex:us-central1. To check every endpoint: ringdown doctor"
    )
    assert returned.startswith("The endpoint vertex:us-central1 failed at 1:05 (1011 Internal")
    assert "continued at the first." in returned


def test_a_break_at_another_endpoint_is_a_break_and_no_move() -> None:
    elsewhere = "vertex:us-central1"
    moved = Reconnect(at_ms=300, took_ms=300, reason="503 refused", endpoint=elsewhere)
    again = Reconnect(at_ms=65_000, took_ms=80, reason="1011 Internal error", endpoint=elsewhere)

    left, broke = problems(record(call=good_call(reconnects=(moved, again))))

    assert "first endpoint failed" in left
    assert "was replaced once" in broke


def record(
    *turns: Turn, call: Call | None = None, tool_calls: tuple[ToolCall, ...] = ()
) -> CallRecord:
    return CallRecord(
        call=call or good_call(), claims=(), turns=turns or TALK, tool_calls=tool_calls
    )


def the_problem(of: CallRecord) -> str:
    """Return the record's only problem."""
    found = problems(of)
    assert len(found) == 1, f"expected one problem, got {found}"
    return found[0]


def test_a_good_call_has_none() -> None:
    assert problems(record(tool_calls=(a_tool_call("a"),))) == ()


def test_a_call_that_goes_on_has_none_yet() -> None:
    call = msgspec.structs.replace(a_call(), status=CallStatus.IN_PROGRESS, started_at=NOW)
    assert problems(CallRecord(call=call, claims=(), turns=TALK[:1], tool_calls=())) == ()


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (EndReason.MODEL_UNAVAILABLE, "The model couldn't be reached"),
        (EndReason.MODEL_LOST, "The model was lost"),
        (EndReason.STREAM_LOST, "The audio stream dropped"),
        (EndReason.HANDLER_STOPPED, "The stream handler was stopped"),
        (EndReason.HANDLER_BUSY, "MAX_CALLS"),
        (EndReason.CALLER_IDLE, "The caller had gone silent"),
        (EndReason.TIME_LIMIT, "max_call_s"),
        (EndReason.COST_LIMIT, "max_cost_usd"),
    ],
)
def test_an_ending_that_nobody_wanted_is_told(reason: EndReason, words: str) -> None:
    assert words in the_problem(record(call=good_call(end_reason=reason)))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("1007 API key not valid. Please pass a valid API key.", "doesn't accept the Gemini key"),
        ("1008 models/x is not found for API version v1beta", "model doesn't exist"),
        ("1007 User location is not supported for the API use.", "doesn't offer Gemini in"),
        ("1008 Your project has been denied access.", "no access to Gemini"),
        ("403 refused", "no access to Gemini"),
        ("1007 Request contains an invalid argument.", "a tool's parameters"),
        ("1008 Policy violation: content was blocked", "Google's policy"),
        ("429 refused", "quota"),
        ("no Google credentials: none", "has no Google credentials"),
    ],
)
def test_why_there_was_no_model_is_told_in_a_sentence(said: str, told: str) -> None:
    for reason in (EndReason.MODEL_UNAVAILABLE, EndReason.MODEL_LOST):
        problem = the_problem(record(call=good_call(end_reason=reason, model_error=said)))
        assert told in problem
        assert f"The service said: {said.rstrip('.')}." in problem


@pytest.mark.parametrize("said", ["1011 Internal error encountered.", "not ready within 8 s"])
def test_trouble_that_passes_is_told_in_the_services_words(said: str) -> None:
    call = good_call(end_reason=EndReason.MODEL_UNAVAILABLE, model_error=said)
    assert the_problem(record(call=call)) == (
        "The model couldn't be reached, or refused, so the caller was sent to the fallback number."
        f" The service said: {said.rstrip('.')}. To try again: ringdown doctor"
    )


def test_a_call_that_never_streamed_is_told_once() -> None:
    call = good_call(end_reason=EndReason.NEVER_STREAMED, started_at=None, usage=Usage())
    found = problems(CallRecord(call=call, claims=(), turns=(), tool_calls=()))
    assert len(found) == 1
    assert "before its audio stream began" in found[0]


@pytest.mark.parametrize(
    "reason",
    [
        EndReason.AGENT_HUNG_UP,
        EndReason.CALLER_HUNG_UP,
        EndReason.CALLER_ASKED_FOR_PERSON,
        EndReason.TRANSFERRED,
    ],
)
def test_an_ordinary_ending_is_no_problem(reason: EndReason) -> None:
    assert problems(record(call=good_call(end_reason=reason))) == ()


def test_a_broken_edit_is_told_with_its_reason() -> None:
    broken = good_call(agent_problem='voice: there is no voice "Korr".\nDid you mean Kore?')
    told = the_problem(record(call=broken))
    assert broken.agent_revision in told
    assert 'there is no voice "Korr". Did you mean Kore?' in told


def test_a_caller_of_whom_nothing_was_heard() -> None:
    said = (turn(0, AGENT, "Hello?"), turn(1, AGENT, "Are you there?"))
    assert "The caller was never heard" in the_problem(record(*said))


def test_a_caller_who_hangs_up_at_once_is_no_problem() -> None:
    assert problems(record(turn(0, AGENT, "Hello"))) == ()


def test_an_agent_that_was_never_heard() -> None:
    assert "The agent was never heard" in the_problem(record(turn(0, CALLER, "Hello?")))


def test_failures_of_a_tool_are_counted_with_their_reason() -> None:
    failed = msgspec.structs.replace(
        a_tool_call("a"), outcome=ToolOutcome.FAILED, error="The tool took too long to answer."
    )
    calls = (failed, msgspec.structs.replace(failed, id="b"), a_tool_call("c"))
    assert the_problem(record(tool_calls=calls)) == (
        "The tool lookup_account failed 2 out of 3 times: The tool took too long to answer."
    )


def test_a_tool_that_may_or_may_not_have_been_done_is_told() -> None:
    late = msgspec.structs.replace(
        a_tool_call("a"), outcome=ToolOutcome.UNKNOWN, error="The tool took too long to answer."
    )
    ended = msgspec.structs.replace(good_call(), status=CallStatus.ENDED)
    cut_off = msgspec.structs.replace(a_tool_call("a"), outcome=ToolOutcome.UNKNOWN, output=None)

    assert the_problem(record(tool_calls=(late,))) == (
        "The tool lookup_account may or may not have completed: The tool took too long to answer."
    )
    assert the_problem(record(call=ended, tool_calls=(cut_off,))) == (
        "The tool lookup_account may or may not have completed: No result arrived."
    )


def test_a_tool_that_is_running_is_no_problem() -> None:
    live = msgspec.structs.replace(good_call(), status=CallStatus.IN_PROGRESS)
    running = msgspec.structs.replace(a_tool_call("a"), outcome=ToolOutcome.UNKNOWN, output=None)

    assert problems(record(call=live, tool_calls=(running,))) == ()


def test_a_cancelled_tool_call_is_no_problem() -> None:
    cancelled = msgspec.structs.replace(a_tool_call("a"), outcome=ToolOutcome.CANCELLED)
    assert problems(record(tool_calls=(cancelled,))) == ()


def test_people_who_did_not_take_a_call_are_named() -> None:
    call = good_call(attempt=2, failed_transfers=("billing",))
    assert "transferred to billing, who didn't take the call" in the_problem(record(call=call))


def transferred_call(*, accept: bool = True, **changes: object) -> Call:
    agent = an_agent(transfer_numbers={"billing": "+14155550166"})
    return good_call(
        agent=msgspec.structs.replace(agent, transfer_accept=accept),
        end_reason=EndReason.TRANSFERRED,
        next=NextAction.TRANSFER,
        transfer_to="billing",
        **changes,
    )


def test_a_caller_who_hung_up_before_anybody_took_the_call_is_told() -> None:
    problem = the_problem(record(call=transferred_call()))
    assert problem == "The caller hung up before billing had taken the call."


@pytest.mark.parametrize(
    "call",
    [
        transferred_call(accepted_by="billing"),
        transferred_call(accept=False),
        transferred_call(twilio_status="in-progress"),
    ],
    ids=["taken", "not asked", "under way"],
)
def test_a_transfer_that_went_well_or_still_may_is_no_problem(call: Call) -> None:
    assert problems(record(call=call)) == ()


def test_a_stream_that_ended_early_is_told() -> None:
    call = good_call(attempt=3, take_ups=(NOW, NOW))
    assert "ended early twice" in the_problem(record(call=call))


def test_what_twilio_says_of_the_stream_is_told() -> None:
    call = good_call(stream_error="31902 refused")
    assert (
        the_problem(record(call=call))
        == "Twilio reported a problem with the audio stream: 31902 refused."
    )


def test_slow_replies_are_told_with_their_place() -> None:
    slow = (*TALK, turn(3, CALLER, "And the cost?"), turn(13, AGENT, reply_ms=3_400))
    told = the_problem(record(*slow))
    assert "1:05 (3.4 s)" in told
    assert "0:10" not in told, "a quick reply isn't a problem"


def test_one_slow_reply_among_many_is_no_problem() -> None:
    quick = tuple(turn(n, AGENT, reply_ms=700) for n in range(40))
    assert problems(record(TALK[1], *quick, turn(40, AGENT, reply_ms=3_000))) == ()


def test_an_agent_that_is_cut_off_again_and_again() -> None:
    cut = tuple(turn(n, AGENT, cut=True, barge_in_ms=120) for n in range(2, 5))
    assert "cut off 3 of 4 replies" in the_problem(record(*TALK[:2], *cut))


def test_an_agent_that_talks_on() -> None:
    told = the_problem(record(*TALK, turn(3, AGENT, cut=True, barge_in_ms=900)))
    assert told == "The agent kept talking for too long when the caller spoke: at 0:19 (0.9 s)."


def test_a_caller_who_has_to_say_it_again() -> None:
    again = (*TALK, turn(3, CALLER, "When is my delivery, please?"))
    assert "had to repeat themselves at 0:15" in the_problem(record(*again))


@pytest.mark.parametrize(
    "words", ["Thank you.", "Yes, it is.", "What does it cost?", "When is my appointment?"]
)
def test_other_words_are_no_repetition(words: str) -> None:
    said = (*TALK, turn(3, CALLER, words), turn(4, CALLER, "Yes."), turn(5, CALLER, "Yes."))
    assert problems(record(*said)) == ()


def test_a_cost_near_its_limit_is_told() -> None:
    agent = msgspec.structs.replace(a_call().agent, max_cost_usd=0.025)
    told = the_problem(record(call=good_call(agent=agent)))
    assert "cost about $0.02; its limit is $0.03" in told


def test_an_unknown_cost_is_told() -> None:
    assert "the cost of this call is unknown" in the_problem(record(call=good_call(usage=Usage())))


@pytest.mark.parametrize("status", ["busy", "failed", "no-answer", "canceled"])
def test_what_twilio_complains_of(status: str) -> None:
    call = good_call(twilio_status=status)
    assert the_problem(record(call=call)).startswith("Twilio says that ")


def test_a_status_that_never_came() -> None:
    call = good_call(twilio_status=None, twilio_duration_s=None)
    assert "status callback" in the_problem(record(call=call))


def test_a_call_that_went_on_without_us() -> None:
    call = good_call(twilio_duration_s=200)
    assert "Twilio counts 140 s more" in the_problem(record(call=call))


def test_a_talk_with_a_person_after_a_transfer_is_no_loss() -> None:
    call = good_call(twilio_duration_s=900, end_reason=EndReason.TRANSFERRED)
    assert problems(record(call=call)) == ()


def test_the_gravest_comes_first() -> None:
    failed = msgspec.structs.replace(a_tool_call("a"), outcome=ToolOutcome.FAILED, error="Down")
    call = good_call(end_reason=EndReason.MODEL_LOST, twilio_status=None)
    found = problems(record(call=call, tool_calls=(failed,)))
    assert ["model" in found[0], "tool" in found[1], "Twilio" in found[2]] == [True] * 3


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1.0, 4)]
)
def test_percentiles_are_values_that_were_there(share: float, expected: int) -> None:
    assert percentile([1, 2, 3, 4], share) == expected
