"""What we rely on in Twilio. Most of it shows in a real call only."""

from devtools.conformance.behaviours import Behaviour, Source, SourceKind

_STREAM = Source(
    SourceKind.DOCUMENTATION, "[TwiML Stream](https://www.twilio.com/docs/voice/twiml/stream)"
)
_MESSAGES = Source(
    SourceKind.DOCUMENTATION,
    "[Media Streams messages](https://www.twilio.com/docs/voice/media-streams/websocket-messages)",
)
_VOICE = Source(SourceKind.DOCUMENTATION, "[TwiML](https://www.twilio.com/docs/voice/twiml)")
_ERRORS = Source(
    SourceKind.DOCUMENTATION, "[error dictionary](https://www.twilio.com/docs/api/errors)"
)
_SDK = Source(SourceKind.SDK, "twilio 9.13.0")
_MEMORY = Source(SourceKind.MEMORY, "not documented")
_REPORTED = Source(SourceKind.REPORTED, "users of the service in other projects")

_CALL = "call"
_DEBUGGER = "then look at the debugger in Twilio's console"
_BY_REST = "`make conformance` with Twilio's credentials"

_ACCOUNT = (
    Behaviour(
        "account-type",
        "A trial account speaks a message of its own before the document, and calls verified"
        " numbers only.",
        Source(SourceKind.MEMORY, "Twilio's trial terms"),
        "The first thing a caller hears, and whom the fallback number may be.",
        by_hand=_BY_REST,
    ),
    Behaviour(
        "webhooks-by-post",
        "The voice webhook and the status callback are called by the method set on the number.",
        _VOICE,
        "The webhook answers POST; by GET nothing is signed in the form.",
        by_hand=_BY_REST,
    ),
    Behaviour(
        "alert-codes",
        "What goes wrong is shown by the debugger under the codes that the stand-in reports.",
        _ERRORS,
        "Tests that expect no alert, or a certain one.",
        by_hand=_BY_REST,
    ),
)

_WEBHOOKS = (
    Behaviour(
        "webhook-signature",
        "Form posts are signed by HMAC-SHA1 over the URL and the sorted fields.",
        _SDK,
        "Every webhook; a wrong signature is refused.",
        by_hand=f"{_CALL}: it is answered only if the signature fits",
    ),
    Behaviour(
        "webhook-signature-sha256",
        "With a shared key, the signature is HMAC-SHA256 and a header says so.",
        _SDK,
        "Accounts that have moved to shared keys.",
        by_hand=f"set a shared key, then {_CALL}",
    ),
    Behaviour(
        "webhook-budget",
        "A webhook has 15 s in all; then the fallback URL is asked, and 11205 is shown.",
        _ERRORS,
        "The webhook's own deadlines are far shorter.",
        by_hand=f"stop the webhook's process (SIGSTOP), {_CALL}, {_DEBUGGER}",
    ),
    Behaviour(
        "caller-gives-up",
        "A caller who hangs up while it rings leaves the status `no-answer` or `canceled`.",
        _MEMORY,
        "How such a call is recorded.",
        by_hand=f"{_CALL}, hang up before the notice, look at `twilio_status`",
    ),
    Behaviour(
        "dial-result",
        "The `action` of `<Dial>` is told `DialCallStatus`, `DialCallSid`, `DialCallDuration` and"
        " `DialBridged`.",
        _REPORTED,
        "What happens after a transfer that was not answered.",
        by_hand=f"{_CALL}, ask to be transferred, do not answer there",
    ),
)

_STREAMS = (
    Behaviour(
        "stream-url",
        "A stream's URL is `wss` and has no query string; parameters go by `<Parameter>`.",
        _STREAM,
        "The token travels as a parameter.",
        by_hand=f"{_CALL}: without its token the stream would be refused",
    ),
    Behaviour(
        "parameter-length",
        "Name and value of a parameter have less than 500 characters together.",
        _MEMORY,
        "The token is far shorter.",
        by_hand=f"{_CALL}: the token arrives whole",
    ),
    Behaviour(
        "upgrade-signature",
        "The upgrade is signed over the `wss://` URL of the document, without parameters.",
        _REPORTED,
        "Who may open a stream.",
        by_hand=f"{_CALL}: the stream is accepted only if the signature fits",
    ),
    Behaviour(
        "redirect-after-close",
        "The verbs after `<Connect>` run once our side has closed the stream.",
        _STREAM,
        "The goodbye, and every transfer.",
        by_hand=f"{_CALL}, say goodbye: Twilio asks `/after-stream`",
    ),
    Behaviour(
        "redirect-after-drop",
        "The verbs after `<Connect>` also run when the connection is lost without a close.",
        _MEMORY,
        "Calls that outlive a crash of the stream handler.",
        by_hand=f"{_CALL}, kill the stream handler (SIGKILL): does Twilio ask `/after-stream`?",
    ),
    Behaviour(
        "redirect-after-refusal",
        "The document goes on after a stream that could not connect.",
        _MEMORY,
        "Apology and fallback number when the stream handler is down.",
        by_hand=f"stop the stream handler, {_CALL}",
    ),
    Behaviour(
        "closed-by-us",
        "31921 is shown even when our side meant to close.",
        _ERRORS,
        "It is no sign of trouble.",
        by_hand=f"{_CALL}, say goodbye, {_DEBUGGER}",
    ),
    Behaviour(
        "stream-callbacks",
        "`stream-started`, `stream-stopped`, `stream-error` are posted to the stream's callback.",
        _STREAM,
        "The call's record.",
        by_hand=f"{_CALL}, look at the webhook's log",
    ),
)

_MEDIA = (
    Behaviour(
        "message-fields",
        "`sequenceNumber`, `chunk` and `timestamp` are text, `sampleRate` and `channels` numbers.",
        _MESSAGES,
        "The decoder takes both.",
        by_hand=f"{_CALL}: it is understood",
    ),
    Behaviour(
        "inbound-frames",
        "The caller's audio comes in frames of 20 ms, 160 bytes of µ-law.",
        _MESSAGES,
        "Nothing: other lengths are taken as well.",
        by_hand=_CALL,
    ),
    Behaviour(
        "marks",
        "A mark comes back when what was sent before it has been played.",
        _MESSAGES,
        "What the caller has heard; when the goodbye is over.",
        by_hand=f"{_CALL}, let the agent finish: the record has its words as heard",
    ),
    Behaviour(
        "clear",
        "`clear` empties the buffer and returns all marks that were waiting.",
        _MESSAGES,
        "Barge-in; a mark that comes back after a clear was not played.",
        by_hand=f"{_CALL}, interrupt the agent: it stops at once",
    ),
    Behaviour(
        "long-buffer",
        "More than ten minutes of audio in the buffer are discarded, with 31931.",
        _ERRORS,
        "Nothing: no answer is so long.",
        by_hand="not worth a call",
    ),
    Behaviour(
        "strict-messages",
        "A message with a field too many is refused with 31951, a binary frame with 31950.",
        _ERRORS,
        "Our messages have the documented fields only.",
        by_hand=f"{_CALL}, {_DEBUGGER}: neither code is there",
    ),
    Behaviour(
        "buffer-at-close",
        "Audio still in the buffer when our side closes is not played.",
        _MEMORY,
        "The goodbye waits for its last mark.",
        by_hand=f"{_CALL}, say goodbye: it is heard to its end",
    ),
)

TWILIO: tuple[Behaviour, ...] = (*_ACCOUNT, *_WEBHOOKS, *_STREAMS, *_MEDIA)
