"""TwiML as data: the verbs that this network can carry out.

Source: https://www.twilio.com/docs/voice/twiml, one page for each verb.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text`; `loop` 0 repeats it until the call ends."""

    text: str
    voice: str = "man"
    language: str = "en-US"
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Play:
    """Play the sound at `url`, or the tones of `digits` (`w` waits half a second)."""

    url: str | None = None
    digits: str = ""
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    length_s: int = 1


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """`<Connect><Stream>`: hand the call's audio to a WebSocket until our side closes it.

    With `action`, the document ends there, and that URL says what comes next.
    """

    url: str
    name: str = ""
    track: str = "inbound_track"
    parameters: tuple[tuple[str, str], ...] = ()
    status_callback: str | None = None
    status_callback_method: str = "POST"
    action: str | None = None
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring `number`, which may be an address such as sip:desk@example.com or client:alex.

    With `action`, the document ends, and that URL says what comes next. The person who answers
    hears what `url` returns before being connected.
    """

    number: str
    action: str | None = None
    method: str = "POST"
    timeout_s: int = 30
    time_limit_s: int = 14_400
    caller_id: str | None = None
    send_digits: str = ""
    answer_on_bridge: bool = False
    url: str | None = None
    url_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Gather:
    """Collect keys during `prompts` and for `timeout_s` afterwards, and send them to `action`.

    If no key is pressed, the document continues.
    """

    prompts: tuple[Say | Pause, ...] = ()
    action: str | None = None
    method: str = "POST"
    num_digits: int | None = None
    timeout_s: int = 5
    finish_on_key: str = "#"
    action_on_empty_result: bool = False


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    """Leave the call unanswered; `reason` is `rejected` or `busy`."""

    reason: str = "rejected"


Verb = Say | Play | Pause | Gather | ConnectStream | Redirect | Dial | Hangup | Reject


@dataclass(frozen=True, slots=True)
class Document:
    verbs: tuple[Verb, ...] = ()
