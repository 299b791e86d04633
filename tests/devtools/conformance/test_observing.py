"""Facts from sessions that no stand-in would show."""

import base64

import pytest

from devtools.conformance import observing
from devtools.conformance.outcomes import CannotTell
from devtools.conformance.recording import (
    Ended,
    Entry,
    Json,
    Received,
    Recording,
    Sent,
    without_audio,
)

SET_UP: Json = {"setupComplete": {}}
TURN_COMPLETE = {"serverContent": {"turnComplete": True}}
ASKED = Sent(50, {"realtimeInput": {"text": "Say yes."}})


def came(at_ms: float, message: Json, *, binary: bool = True) -> Received:
    return Received(at_ms, message, binary)


def audio(at_ms: float, *, duration_ms: int = 40, rate: int = 24_000) -> Received:
    data = base64.b64encode(bytes(duration_ms * 48)).decode()
    blob = {"mimeType": f"audio/pcm;rate={rate}", "data": data}
    return came(at_ms, {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}})


def words(at_ms: float, text: str, field: str = "outputTranscription") -> Received:
    return came(at_ms, {"serverContent": {field: {"text": text}}})


def session(*entries: Entry) -> list[Recording]:
    return [Recording((came(0, SET_UP), *entries))]


def test_text_frames() -> None:
    seen = [Recording((came(0, SET_UP, binary=False),))]

    assert observing.frames(seen).facts == {"JSON comes in frames": "text"}


def test_frames_of_both_kinds() -> None:
    assert observing.frames(session(came(1, {}, binary=False))).facts == {
        "JSON comes in frames": "both"
    }


def test_a_session_without_an_id() -> None:
    assert observing.first_message(session()).facts == {
        "first message": "setupComplete",
        "session id": "not given",
    }


def test_audio_in_real_time() -> None:
    seen = session(ASKED, *(audio(100 + 40 * number) for number in range(20)))

    assert observing.speed(seen).facts == {"audio comes": "in about real time"}


def test_audio_too_slow() -> None:
    seen = session(ASKED, *(audio(100 + 80 * number) for number in range(20)))

    assert observing.speed(seen).facts == {"audio comes": "slower than real time"}


def test_a_turn_completed_before_it_has_been_played() -> None:
    seen = session(ASKED, audio(100, duration_ms=3000), came(200, TURN_COMPLETE))

    assert observing.end_of_turn(seen).facts == {
        "turnComplete comes": "before the audio has been played"
    }


def test_generation_complete_in_the_message_of_turn_complete_comes_first() -> None:
    both = {"serverContent": {"generationComplete": True, "turnComplete": True}}

    assert observing.completion_order(session(ASKED, audio(100), came(200, both))).facts == {
        "order": "last audio, generationComplete, turnComplete"
    }


def test_turn_complete_without_generation_complete() -> None:
    seen = session(ASKED, audio(100), came(200, TURN_COMPLETE))

    assert observing.completion_order(seen).facts == {"order": "turnComplete only"}


def test_words_that_follow_the_audio() -> None:
    seen = session(ASKED, audio(100), words(120, "Yes."))

    assert observing.output_transcript(seen).facts == {"first words come": "after the first audio"}


def test_words_that_never_come() -> None:
    assert observing.input_transcript(session(audio(100))).facts == {
        "words heard": "none",
        "first words come": "never",
    }


def test_words_misheard() -> None:
    seen = session(words(90, " What is the", "inputTranscription"), audio(100))

    assert observing.input_transcript(seen).facts["words heard"] == "some"


def test_usage_after_the_turn_with_thoughts_and_text() -> None:
    report = {
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}, {"modality": "AUDIO"}],
        "responseTokensDetails": [
            {"modality": "TEXT", "tokenCount": 2},
            {"modality": "AUDIO", "tokenCount": 30},
        ],
    }
    seen = session(
        ASKED, audio(100), came(200, TURN_COMPLETE), came(210, {"usageMetadata": report})
    )

    assert observing.usage(seen).facts == {
        "usageMetadata": "after turnComplete",
        "prompt": "TEXT",
        "response": "AUDIO, TEXT",
    }


def test_usage_without_details() -> None:
    seen = session(ASKED, audio(100), came(150, {"usageMetadata": {}}), came(200, TURN_COMPLETE))

    assert observing.usage(seen).facts == {
        "usageMetadata": "before turnComplete",
        "prompt": "not told",
        "response": "not told",
    }


def test_a_handle_before_the_turn_is_over() -> None:
    update = {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}
    seen = session(ASKED, came(60, update), audio(100), came(200, TURN_COMPLETE))

    assert observing.resumption_updates(seen).facts == {
        "before the answer": "nothing said",
        "handle": "before its end",
    }


def test_audio_between_interrupted_and_turn_complete() -> None:
    cut = {"serverContent": {"interrupted": True}}
    seen = session(ASKED, audio(100), came(200, cut), audio(210), came(300, TURN_COMPLETE))

    assert observing.interrupted(seen).facts == {
        "order": "interrupted, turnComplete",
        "audio between them": "some",
    }


def test_a_caller_who_is_not_noticed() -> None:
    assert observing.interrupted(session(ASKED, audio(100))).facts == {"order": "no interrupted"}


def test_a_resumed_session_that_has_forgotten() -> None:
    first = session(ASKED, audio(100))
    second = session(ASKED, audio(100), words(110, "I do not know."))

    assert observing.memory(first + second).facts == {"result": "resumed", "remembers": "no"}


def test_a_session_that_cannot_be_resumed_for_want_of_a_handle() -> None:
    with pytest.raises(CannotTell, match="no resumption handle"):
        observing.memory(session(ASKED, audio(100)))


def test_a_refusal_after_the_setup() -> None:
    seen = session(Ended(90, "closed with 1007", "Bad\nvoice for project 123456789."))

    outcome = observing.refusal(seen)

    assert outcome.facts == {"result": "closed with 1007", "when": "after setupComplete"}
    assert outcome.note == "Bad voice for project …."


def test_what_should_be_refused_and_is_not() -> None:
    assert observing.refusal(session(ASKED, audio(100))).facts == {"result": "the session goes on"}


def test_a_setup_that_is_never_answered() -> None:
    assert observing.refusal([Recording((ASKED,))]).facts == {"result": "no answer"}


@pytest.mark.parametrize(
    "ended",
    [
        Ended(90, "HTTP 429", ""),
        Ended(90, "HTTP 503", ""),
        Ended(90, "closed with 1011", "You exceeded your current quota."),
    ],
)
def test_a_service_without_room_tells_nothing_about_a_behaviour(ended: Ended) -> None:
    with pytest.raises(CannotTell, match="out of reach or quota"):
        observing.refusal([Recording((ended,))])


def test_a_model_that_calls_no_tool_tells_nothing_about_tools() -> None:
    with pytest.raises(CannotTell, match="did not call"):
        observing.call_ids(session(ASKED, audio(100), came(200, TURN_COMPLETE)))


def test_a_call_without_an_id() -> None:
    call = {"toolCall": {"functionCalls": [{"name": "look_up_balance"}]}}

    assert observing.call_ids(session(ASKED, came(90, call))).facts == {"id of a call": "missing"}


def test_a_refused_session_tells_nothing_about_speech() -> None:
    refused = [Recording((Ended(10, "closed with 1008", "No such model."),))]

    with pytest.raises(CannotTell, match="closed with 1008 No such model"):
        observing.output_format(refused)


def test_kept_messages_have_no_audio() -> None:
    message = audio(0).message

    kept = without_audio(message)["serverContent"]["modelTurn"]["parts"][0]["inlineData"]

    assert kept == {"mimeType": "audio/pcm;rate=24000", "data": "<2560 characters>"}
