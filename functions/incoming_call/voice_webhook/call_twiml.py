"""The TwiML documents that the webhook returns. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from twilio.twiml.voice_response import Connect, VoiceResponse

from ringdown.agents.phrases import phrases_for
from ringdown.phone_numbers import is_somebody

RING_FOR_S = 20
"""How long a person's phone rings before the caller goes back to the agent."""
PRESS_WITHIN_S = 8
"""How long a person has to press a key after hearing who is calling."""


def caller_id(caller: str, called: str) -> str | None:
    """Return the number to show a person we dial: the caller's, or else the called number. None if
    neither party has a number.

    Without one, Twilio shows the call's origin, and doesn't dial at all if that is a SIP address, a
    client or a withheld number (https://www.twilio.com/docs/api/errors/13214).
    """
    return next((number for number in (caller, called) if is_somebody(number)), None)


@dataclass(frozen=True, slots=True)
class StreamOffer:
    """What Twilio needs to open the media stream of one attempt, and to continue after it."""

    media_url: str
    token: str
    status_url: str
    after_stream_url: str
    call: Mapping[str, str]
    """Parameters that carry the call itself; empty if the store has it."""
    pause_s: int = 0
    """How long to wait before opening the stream."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words spoken without the model. If the text is empty, nothing is spoken."""

    text: str
    language: str
    """The language of the text, and so of Twilio's voice."""
    clip_url: str | None = None
    """URL of the same words in the agent's voice."""


NOTHING = Sentence("", "")


def connect_stream(offer: StreamOffer, notice: Sentence) -> str:
    """Speak the notice, if any, then hand the audio to the stream handler."""
    response = VoiceResponse()
    _speak(response, notice)
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


def apology(language: str | None, number: str | None) -> Sentence:
    """Return what a caller hears after a failure, before `number`, if any, is dialled."""
    phrases = phrases_for(language)
    words = phrases.closing_apology if number is None else phrases.connecting_apology
    return Sentence(words, phrases.language)


def say_and_dial(sentence: Sentence, *, number: str | None, caller_id: str | None) -> str:
    """Say `sentence`, if any, then dial `number` (E.164) or, without one, end the call.

    `caller_id` is the number shown to the person dialled.
    """
    response = VoiceResponse()
    _speak(response, sentence)
    if number is not None:
        response.dial(number, caller_id=caller_id)
    response.hangup()
    return _document(response)


def transfer(
    *, party: str, caller_id: str | None, whisper_url: str | None, after_dial_url: str
) -> str:
    """Dial the person the agent has announced; `after_dial_url` decides what comes next.

    When they answer, Twilio runs the TwiML from `whisper_url` for them before connecting the two.
    Until then the caller hears ringing.
    """
    response = VoiceResponse()
    dial = response.dial(
        answer_on_bridge=True,
        timeout=RING_FOR_S,
        caller_id=caller_id,
        action=after_dial_url,
        method="POST",
    )
    scheme, _, name = party.partition(":")
    match scheme:
        case "sip" | "sips":
            dial.sip(party, url=whisper_url)
        case "client":
            dial.client(name, url=whisper_url)
        case _:
            dial.number(party, url=whisper_url)
    return _document(response)


def ask_to_accept(sentence: str, language: str, *, accept_url: str) -> str:
    """Ask the person to press a key, and post it to `accept_url`; hang up on them if they don't.

    The `<Hangup>` matters: without it, Twilio would connect them at the end of the document.
    """
    response = VoiceResponse()
    gather = response.gather(num_digits=1, timeout=PRESS_WITHIN_S, action=accept_url, method="POST")
    gather.say(_speakable(sentence), language=language)
    response.hangup()
    return _document(response)


def reject() -> str:
    """Don't answer at all: the caller hears that the number is not in service, and pays nothing
    (https://www.twilio.com/docs/voice/twiml/reject)."""
    response = VoiceResponse()
    response.reject()
    return _document(response)


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return _document(response)


def nothing() -> str:
    """Return an empty document, for a call that is over, or to connect a person who was dialled."""
    return _document(VoiceResponse())


def _speak(response: VoiceResponse, sentence: Sentence) -> None:
    spoken = _speakable(sentence.text)
    if sentence.clip_url is not None:
        response.play(sentence.clip_url)
    elif spoken:
        response.say(spoken, language=sentence.language)


def _speakable(text: str) -> str:
    """Drop characters that XML can't hold: with them, Twilio ends the call with error 12100."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _document(response: VoiceResponse) -> str:
    return str(response.to_xml())
