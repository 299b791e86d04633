from typing import Any

from devtools.conformance.comparison import differences, fields, order
from devtools.conformance.recording import Message, Recording


def session(*bodies: dict[str, Any]) -> Recording:
    """A recording of messages from the peer, except those with the key "we", which are ours."""
    return Recording(
        [Message(n, "we" in body, body.get("we", body)) for n, body in enumerate(bodies)]
    )


def content(**fields: Any) -> dict[str, Any]:
    return {"serverContent": fields}


def audio(mime_type: str = "audio/pcm;rate=24000") -> dict[str, Any]:
    return content(modelTurn={"parts": [{"inlineData": {"mimeType": mime_type, "data": "AAAA"}}]})


SETUP: dict[str, Any] = {"we": {"setup": {"model": "m"}}}
DONE: dict[str, Any] = {**content(turnComplete=True), "usageMetadata": {"totalTokenCount": 7}}


def test_amounts_words_and_times_are_no_difference() -> None:
    one = session(SETUP, audio(), content(outputTranscription={"text": "Hi."}), DONE)
    other = session(
        SETUP, audio(), content(outputTranscription={"text": "Hello"}), audio(), audio(), DONE
    )

    assert differences([one], [other]) == []


def test_the_order_is_told_in_kinds_with_ours_in_brackets() -> None:
    one = session(SETUP, audio(), audio(), content(generationComplete=True), DONE)

    assert order(one) == [
        *("(setup)", "serverContent.modelTurn", "serverContent.generationComplete"),
        "serverContent.turnComplete+usageMetadata",
    ]


def test_another_order_and_another_end_are_differences() -> None:
    told = content(outputTranscription={"text": "Hi."})
    [order_differs] = differences([session(told, audio())], [session(audio(), told)])
    [end_differs] = differences([session({"ended": "closed with 1007"})], [session(DONE)])

    assert order_differs.startswith("order: stand-in serverContent.outputTranscription → ")
    assert "closed with 1007" in end_differs


def test_fields_types_and_formats_are_compared_by_kind() -> None:
    ours = session(audio(), {"setupComplete": {"sessionId": "s"}})
    theirs = session(audio("audio/pcm;rate=16000"), {"setupComplete": {}})
    where = "parts[].inlineData.mimeType"

    assert differences([ours], [theirs]) == [
        f"`serverContent.modelTurn`, only stand-in: {where} = audio/pcm;rate=24000",
        f"`serverContent.modelTurn`, only real: {where} = audio/pcm;rate=16000",
        "`setupComplete`, only stand-in: sessionId: str",
        "`setupComplete`, only real: value: dict",
    ]


def test_arguments_are_the_scripts_own() -> None:
    def call(**args: Any) -> Recording:
        return session({"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": args}]}})

    assert differences([call(account="12")], [call(account=12, more=True)]) == []


def test_webhooks_and_a_stream_are_compared_too() -> None:
    def recorded(**more: str) -> Recording:
        return session(
            {"request": "POST /", "form": {"CallSid": "CA1", **more}},
            {"event": "media", "media": {"chunk": "1"}},
        )

    assert fields(recorded())["media"] == {"event: str", "media.chunk: str"}
    assert differences([recorded()], [recorded(Region="ie1")]) == [
        "`POST /`, only real: Region: str"
    ]


def test_a_session_too_many_is_a_difference() -> None:
    [line] = differences([session(DONE), session(DONE)], [session(DONE)])

    assert line == "sessions: 2 with the stand-in, 1 with the real service"
