"""What Gemini Live refuses, and how; and what of ours it must not refuse."""

from devtools.conformance import observing, scripts
from devtools.conformance.behaviours import Behaviour, Probe, Source, SourceKind
from devtools.conformance.gemini_sources import OTHERS, REFERENCE, SDK_SOURCE
from devtools.conformance.recording import Json
from devtools.conformance.scripts import Script

_REPORTED = Source(SourceKind.REPORTED, OTHERS)
_UNDOCUMENTED = Source(SourceKind.MEMORY, "not documented")
_START_FAILS = "The call's start fails at once: apology and fallback number."
_NOT_SENT = "We never send it; the stand-in refuses it so that a slip shows in tests."


def _at_setup(script: Script, code: int) -> Probe:
    expected = {"result": f"closed with {code}", "when": "before setupComplete"}
    return Probe(script, observing.refusal, expected)


def _in_session(message: Json) -> Probe:
    script = scripts.with_message(message)
    return Probe(script, observing.bad_message, {"result": "closed with 1007"})


def _detection(**fields: object) -> Json:
    return {"automaticActivityDetection": fields}


def _audio(data: str, mime_type: str) -> Json:
    return {"realtimeInput": {"audio": {"data": data, "mimeType": mime_type}}}


_EMPTY_REQUIRED: Json = {"type": "OBJECT", "properties": {}, "required": []}
_VOICE: Json = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
_ODD_VOICE: Json = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "NoSuchVoice"}}}
_DECLARATION: Json = {
    "name": "end_call",
    "description": "Ends the call.",
    "parameters": {"type": "OBJECT", "properties": {"reason": {"type": "STRING"}}},
}
_OUR_SETUP: Json = {
    "generationConfig": {
        "responseModalities": ["AUDIO"],
        "speechConfig": {**_VOICE, "languageCode": "en-US"},
    },
    "contextWindowCompression": {
        "triggerTokens": "24000",
        "slidingWindow": {"targetTokens": "12000"},
    },
    "realtimeInputConfig": _detection(
        silenceDurationMs=1400, endOfSpeechSensitivity="END_SENSITIVITY_LOW"
    ),
    "sessionResumption": {},
    "tools": [{"functionDeclarations": [_DECLARATION]}, {"googleSearch": {}}],
}

REFUSALS = (
    Behaviour(
        "our-setup",
        "A setup with every field that we use is accepted: voice, language, compression, turn"
        " taking, resumption, a tool with parameters, Google Search beside it.",
        Source(SourceKind.SDK, SDK_SOURCE),
        "Every call.",
        Probe(scripts.with_setup(**_OUR_SETUP), observing.refusal, {"result": observing.GOES_ON}),
    ),
    Behaviour(
        "wrong-key",
        "A wrong key is refused after the handshake, with 1007.",
        Source(SourceKind.MEMORY, "concluded from the REST API, where it is an invalid argument"),
        f"{_START_FAILS} The reason is in the log.",
        Probe(scripts.with_key("wrong-key"), observing.admitted, {"result": "closed with 1007"}),
    ),
    Behaviour(
        "missing-key",
        "A missing key is refused after the handshake, with 1008.",
        REFERENCE,
        _START_FAILS,
        Probe(scripts.with_key(""), observing.admitted, {"result": "closed with 1008"}),
    ),
    Behaviour(
        "unknown-model",
        "An unknown model is refused with 1008.",
        _REPORTED,
        f"{_START_FAILS} An agent's model is text that operators write.",
        _at_setup(scripts.with_setup(model="models/no-such-model"), 1008),
    ),
    Behaviour(
        "unknown-field",
        "A field that the setup does not have is refused with 1007.",
        _REPORTED,
        _NOT_SENT,
        _at_setup(scripts.with_setup(noSuchField=True), 1007),
    ),
    Behaviour(
        "sensitivity-medium",
        "A start sensitivity of MEDIUM is refused with 1007: there are HIGH and LOW only.",
        _REPORTED,
        "How agents' turn taking is translated.",
        _at_setup(
            scripts.with_setup(
                realtimeInputConfig=_detection(startOfSpeechSensitivity="START_SENSITIVITY_MEDIUM")
            ),
            1007,
        ),
    ),
    Behaviour(
        "unknown-voice",
        "An unknown voice is refused with 1007.",
        _UNDOCUMENTED,
        f"{_START_FAILS} An agent's voice is text that operators write.",
        _at_setup(
            scripts.with_setup(
                generationConfig={"responseModalities": ["AUDIO"], "speechConfig": _ODD_VOICE}
            ),
            1007,
        ),
    ),
    Behaviour(
        "empty-required",
        "A tool's schema with an empty `required` is refused with 1008.",
        _REPORTED,
        "Anybody's tool can be added, with its own schema.",
        _at_setup(scripts.with_setup(tools=scripts.tools(parameters=_EMPTY_REQUIRED)), 1008),
    ),
    Behaviour(
        "proactive-audio",
        "gemini-3.8-live refuses `proactiveAudio`, even false, with 1007.",
        _REPORTED,
        _NOT_SENT,
        _at_setup(scripts.with_setup(proactivity={"proactiveAudio": False}), 1007),
    ),
    Behaviour(
        "bad-base64",
        "Audio that is no Base64 ends the session with 1007.",
        _UNDOCUMENTED,
        _NOT_SENT,
        _in_session(_audio("no base64!", "audio/pcm;rate=16000")),
    ),
    Behaviour(
        "wrong-mime-type",
        "Audio of another type than PCM ends the session with 1007.",
        _UNDOCUMENTED,
        _NOT_SENT,
        _in_session(_audio("AAAA", "audio/ogg")),
    ),
    Behaviour(
        "media-chunks",
        "`mediaChunks`, the old way to send audio, ends the session with 1007 on 3.x models.",
        _REPORTED,
        _NOT_SENT,
        _in_session(
            {
                "realtimeInput": {
                    "mediaChunks": [{"data": "AAAA", "mimeType": "audio/pcm;rate=16000"}]
                }
            }
        ),
    ),
)
