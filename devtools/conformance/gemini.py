"""What we rely on in Gemini Live: speech, turns, tools and sessions that last."""

from typing import Any

from devtools.conformance import observing, scripts
from devtools.conformance.behaviours import Behaviour, Probe, Source, SourceKind
from devtools.conformance.gemini_refusals import REFUSALS
from devtools.conformance.gemini_sources import (
    GUIDE,
    OTHERS,
    REFERENCE,
    SDK_SOURCE,
    SESSIONS,
    TOOLS_GUIDE,
)

_SPOKEN = scripts.spoken_question(scripts.WIDEBAND_HZ)
_SPOKEN_NARROWBAND = scripts.spoken_question(scripts.NARROWBAND_HZ)
_BARGE_IN_ON_BLOCKING = scripts.barge_in_on_call("BLOCKING")
_BARGE_IN_ON_NON_BLOCKING = scripts.barge_in_on_call("NON_BLOCKING")


def _probe(script: scripts.Script, observe: observing.Observer, **expected: Any) -> Probe:
    """`expected` with `_` for spaces in the names of facts."""
    return Probe(script, observe, {name.replace("_", " "): text for name, text in expected.items()})


_SPEECH = (
    Behaviour(
        "frames",
        "The service sends its JSON in binary frames.",
        Source(SourceKind.MEMORY, "not documented"),
        "Nothing while the SDK reads the frames: it takes both kinds.",
        _probe(scripts.short_answer, observing.frames, JSON_comes_in_frames="binary"),
    ),
    Behaviour(
        "first-message",
        "The first message is `setupComplete`, with the session's id.",
        REFERENCE,
        "A session counts as open only after it; another first message fails the call's start.",
        _probe(
            scripts.short_answer,
            observing.first_message,
            first_message="setupComplete",
            session_id="given",
        ),
    ),
    Behaviour(
        "text-greeting",
        "A line of text by `realtimeInput.text` is answered with speech.",
        Source(SourceKind.REPORTED, OTHERS),
        "The agent speaks first: this is how its greeting is asked for.",
        _probe(scripts.short_answer, observing.answer, answer="audio"),
    ),
    Behaviour(
        "client-content",
        "`clientContent` with `turnComplete` is answered with speech.",
        REFERENCE,
        "The other way to ask for a greeting, should the text not do.",
        _probe(scripts.client_content, observing.answer, answer="audio"),
    ),
    Behaviour(
        "spoken-question",
        "Speech at 16 kHz, then a quiet line, is answered with speech.",
        GUIDE,
        "Every turn of every call.",
        _probe(_SPOKEN, observing.answer, answer="audio"),
    ),
    Behaviour(
        "narrowband-question",
        "Speech declared as `audio/pcm;rate=8000` is resampled by the service and understood.",
        GUIDE,
        "Nothing today: we send 16 kHz. It would save us the resampling.",
        _probe(
            _SPOKEN_NARROWBAND,
            observing.input_transcript,
            words_heard="most",
            first_words_come="before the first audio",
        ),
    ),
    Behaviour(
        "output-format",
        "The model's audio is `audio/pcm;rate=24000`.",
        GUIDE,
        "The resampling towards the caller; another rate would sound too high or too low.",
        _probe(scripts.short_answer, observing.output_format, mime_type="audio/pcm;rate=24000"),
    ),
    Behaviour(
        "audio-speed",
        "Audio comes faster than real time.",
        Source(SourceKind.REPORTED, OTHERS),
        "We pass it on at once and let Twilio play it; marks say what was heard.",
        _probe(scripts.long_answer, observing.speed, audio_comes="faster than real time"),
    ),
    Behaviour(
        "output-transcript",
        "The words of an answer run ahead of its audio.",
        Source(SourceKind.REPORTED, OTHERS),
        "The estimate of which words an interrupted caller has heard.",
        _probe(
            scripts.short_answer,
            observing.output_transcript,
            first_words_come="before the first audio",
        ),
    ),
    Behaviour(
        "input-transcript",
        "The caller's words come as `inputTranscription`, before the answer's audio.",
        Source(SourceKind.REPORTED, "the guide promises no order; seen so by other projects"),
        "The order of turns in a call's record.",
        _probe(
            _SPOKEN,
            observing.input_transcript,
            words_heard="most",
            first_words_come="before the first audio",
        ),
    ),
)

_TURNS = (
    Behaviour(
        "completion-order",
        "`generationComplete` follows the last audio, `turnComplete` follows it.",
        REFERENCE,
        "The resampler's tail is flushed at the first; a turn is closed at the second.",
        _probe(
            scripts.short_answer,
            observing.completion_order,
            order="last audio, generationComplete, turnComplete",
        ),
    ),
    Behaviour(
        "end-of-turn",
        "`turnComplete` waits until the audio has been played, as far as the service knows.",
        REFERENCE,
        "Idle times and the goodbye count from marks, so that neither order breaks them.",
        _probe(
            scripts.long_answer,
            observing.end_of_turn,
            turnComplete_comes="when the audio has been played",
        ),
    ),
    Behaviour(
        "usage",
        "`usageMetadata` comes with `turnComplete` and counts tokens by modality.",
        Source(SourceKind.SDK, f"{SDK_SOURCE}; when it comes is from memory"),
        "What a call costs: the sum of all reports, by modality.",
        _probe(
            scripts.short_answer,
            observing.usage,
            usageMetadata="with turnComplete",
            prompt="TEXT",
            response="AUDIO",
        ),
    ),
    Behaviour(
        "interruption",
        "A caller who speaks gets `interrupted`, then `turnComplete`, and no audio between them.",
        REFERENCE,
        "Barge-in: `clear` goes to Twilio at `interrupted`, and what still comes is dropped.",
        _probe(
            scripts.interruption,
            observing.interrupted,
            order="interrupted, turnComplete",
            audio_between_them="none",
        ),
    ),
    Behaviour(
        "context-update",
        "`contextUpdate` changes the instructions of a running session.",
        Source(SourceKind.SDK, SDK_SOURCE),
        "Operators' edits that are to reach calls in progress.",
        _probe(scripts.context_update, observing.bad_message, result=observing.GOES_ON),
    ),
)

_TOOLS = (
    Behaviour(
        "tool-call-id",
        "Every tool call has an id.",
        TOOLS_GUIDE,
        "Calls without an id cannot be answered, and are ignored.",
        _probe(scripts.tool_round_trip, observing.call_ids, id_of_a_call="given"),
    ),
    Behaviour(
        "tool-response",
        "The response to a tool call is answered with speech.",
        TOOLS_GUIDE,
        "Every tool.",
        _probe(scripts.tool_round_trip, observing.tool_answer, after_the_response="audio"),
    ),
    Behaviour(
        "tool-response-unknown",
        "A response to a call that was never made ends the session with 1008.",
        Source(SourceKind.MEMORY, "not documented"),
        "We answer each call once; an answer too many must not reach the service.",
        _probe(scripts.unknown_call, observing.bad_message, result="closed with 1008"),
    ),
    Behaviour(
        "tool-response-oversized",
        "A response of 100 kB ends the session with 1011.",
        Source(SourceKind.REPORTED, f"{OTHERS}; the limit is not known"),
        "Results are cut long before that size.",
        _probe(
            scripts.oversized_response, observing.tool_answer, after_the_response="closed with 1011"
        ),
    ),
    Behaviour(
        "tool-response-silent",
        "A `SILENT` response to a `NON_BLOCKING` call is taken without a word.",
        TOOLS_GUIDE,
        "The goodbye: the model must not speak again once it has called `end_call`.",
        _probe(scripts.silent_response, observing.tool_answer, after_the_response="none"),
    ),
    Behaviour(
        "blocking-call-cancelled",
        "A `BLOCKING` call is cancelled when the caller speaks; its late response does no harm.",
        Source(SourceKind.REPORTED, OTHERS),
        "A cancelled call's request is aborted, and its result is dropped.",
        _probe(
            _BARGE_IN_ON_BLOCKING,
            observing.cancellation,
            toolCallCancellation="with the call's id",
            after_a_late_response=observing.GOES_ON,
        ),
    ),
    Behaviour(
        "non-blocking-call-kept",
        "A `NON_BLOCKING` call is not cancelled when the caller speaks.",
        Source(SourceKind.MEMORY, "concluded from the line above"),
        "A result is sent even after a barge-in.",
        _probe(
            _BARGE_IN_ON_NON_BLOCKING,
            observing.cancellation,
            toolCallCancellation="none",
            after_a_late_response=observing.GOES_ON,
        ),
    ),
)

_RESUMPTION = (
    Behaviour(
        "resumption-updates",
        "A session is not resumable while it answers; a handle comes after the turn.",
        SESSIONS,
        "Taking a conversation up again: only the newest handle has the last turn.",
        _probe(
            scripts.short_answer,
            observing.resumption_updates,
            before_the_answer="not resumable",
            handle="after the turn",
        ),
    ),
    Behaviour(
        "resumption",
        "A session opened with a handle remembers the conversation.",
        SESSIONS,
        "A conversation that outlives its connection.",
        _probe(scripts.resumption, observing.memory, result="resumed", remembers="yes"),
    ),
    Behaviour(
        "resumption-unknown-handle",
        "An unknown handle is refused with 1007.",
        Source(SourceKind.REPORTED, OTHERS),
        "A new session, seeded from our own transcript, takes its place.",
        _probe(
            scripts.with_setup(sessionResumption={"handle": "no-such-handle"}),
            observing.refusal,
            result="closed with 1007",
            when="before setupComplete",
        ),
    ),
    Behaviour(
        "resumption-too-early",
        "A handle is refused with 1011 while the session's old socket is open.",
        Source(SourceKind.REPORTED, OTHERS),
        "The old socket is closed first.",
        _probe(
            scripts.resumption_too_early,
            observing.early_handle,
            result="closed with 1011",
            when="before setupComplete",
        ),
    ),
    Behaviour(
        "go-away",
        "`goAway` comes about a minute before a connection ends, with the time left.",
        SESSIONS,
        "Moving to a new connection between two turns.",
        by_hand="cannot be asked for: it comes after about ten minutes of a connection",
    ),
)

GEMINI: tuple[Behaviour, ...] = (*_SPEECH, *_TURNS, *_TOOLS, *_RESUMPTION, *REFUSALS)
