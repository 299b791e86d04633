"""The TwiML documents that the webhook answers with. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from twilio.twiml.voice_response import Connect, VoiceResponse

from ringdown.agents.phrases import phrases_for

RING_FOR_S = 25
"""How long a person's phone rings before the caller is given back to the agent."""


@dataclass(frozen=True, slots=True)
class StreamOffer:
    """What Twilio needs to open the media stream of one attempt, and what comes after it."""

    media_url: str
    token: str
    status_url: str
    after_stream_url: str
    call: Mapping[str, str]
    """The parameters that carry the call itself; empty if the store has it."""
    pause_s: int = 0
    """How long to wait first."""


def connect_stream(offer: StreamOffer, *, notice: str, language: str) -> str:
    """Speak the notice, if any, then hand the audio to the stream handler."""
    response = VoiceResponse()
    spoken = _speakable(notice)
    if spoken:
        response.say(spoken, language=language)
    if offer.pause_s:
        response.pause(length=offer.pause_s)
    connect = Connect()
    stream = connect.stream(
        url=offer.media_url, status_callback=offer.status_url, status_callback_method="POST"
    )
    for name, value in {"token": offer.token, **offer.call}.items():
        stream.parameter(name=name, value=value)
    response.append(connect)
    response.redirect(offer.after_stream_url, method="POST")
    return _document(response)


def fall_back(*, language: str | None, number: str | None, caller_id: str | None) -> str:
    """Apologise, then dial `number` (E.164) or, without one, end the call.

    Here as below, `caller_id` is the number that whoever is dialled sees.
    """
    phrases = phrases_for(language)
    apology = phrases.closing_apology if number is None else phrases.connecting_apology
    response = VoiceResponse()
    response.say(apology, language=phrases.language)
    if number is not None:
        response.dial(number, caller_id=caller_id)
    response.hangup()
    return _document(response)


def connect_person(*, language: str, number: str, caller_id: str | None) -> str:
    """The caller wants a person: say that they are connected, and dial."""
    phrases = phrases_for(language)
    response = VoiceResponse()
    response.say(phrases.connecting, language=phrases.language)
    response.dial(number, caller_id=caller_id)
    response.hangup()
    return _document(response)


def say_and_dial(sentence: str, *, language: str, number: str | None, caller_id: str | None) -> str:
    """Say `sentence`, if there is any, then dial `number` or, without one, end the call."""
    response = VoiceResponse()
    spoken = _speakable(sentence)
    if spoken:
        response.say(spoken, language=language)
    if number is not None:
        response.dial(number, caller_id=caller_id)
    response.hangup()
    return _document(response)


def transfer(*, number: str, caller_id: str | None, after_dial_url: str) -> str:
    """Dial the person that the agent has announced; `after_dial_url` says what comes then."""
    response = VoiceResponse()
    response.dial(
        number, caller_id=caller_id, action=after_dial_url, method="POST", timeout=RING_FOR_S
    )
    return _document(response)


def say_goodbye(sentence: str, *, language: str) -> str:
    """Say `sentence` and end the call."""
    response = VoiceResponse()
    response.say(sentence, language=language)
    response.hangup()
    return _document(response)


def reject() -> str:
    """Do not answer at all: the caller hears that the number is not in service, and pays nothing
    (https://www.twilio.com/docs/voice/twiml/reject)."""
    response = VoiceResponse()
    response.reject()
    return _document(response)


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return _document(response)


def nothing() -> str:
    """For a call that is over: no verb would be carried out."""
    return _document(VoiceResponse())


def _speakable(text: str) -> str:
    """`text` without characters that XML cannot hold (Twilio's error 12100 ends the call)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _document(response: VoiceResponse) -> str:
    return str(response.to_xml())
