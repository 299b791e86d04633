"""TwiML text to verbs, as strictly as Twilio's schema has it.

A document that is not XML, or not a `<Response>`, is refused. Anything else that the schema does
not allow earns a 12200 warning and is left out, as Twilio does: the rest of the document runs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .alerts import Alert, AlertCode
from .twiml import (
    ConnectStream,
    Dial,
    Document,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Verb,
)

MAX_PARAMETER_CHARS = 500
# The markup that <Say> takes inside its text; it changes how words sound, not which.
SSML = frozenset(
    {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}
)
ATTRIBUTES = {
    "Response": frozenset[str](),
    "Say": frozenset({"voice", "language", "loop"}),
    "Play": frozenset({"loop", "digits"}),
    "Pause": frozenset({"length"}),
    "Connect": frozenset({"action", "method"}),
    "Stream": frozenset({"url", "name", "track", "statusCallback", "statusCallbackMethod"}),
    "Parameter": frozenset({"name", "value"}),
    "Redirect": frozenset({"method"}),
    "Dial": frozenset(
        {"action", "method", "timeout", "timeLimit", "callerId", "answerOnBridge", "hangupOnStar"}
    ),
    "Number": frozenset({"sendDigits"}),
    "Hangup": frozenset[str](),
    "Reject": frozenset({"reason"}),
}


class TwimlRefused(Exception):
    """The document cannot be run at all; `alert` is what Twilio logs."""

    def __init__(self, alert: Alert) -> None:
        super().__init__(str(alert))
        self.alert = alert


@dataclass(frozen=True, slots=True)
class Parsed:
    document: Document
    warnings: tuple[Alert, ...] = ()


def parse_twiml(text: str) -> Parsed:
    """Read a TwiML document.

    Raises:
        TwimlRefused: not well-formed XML (12100) or another root than `<Response>` (12102).
    """
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  the peer is the project under test
    except ElementTree.ParseError as error:
        raise TwimlRefused(Alert(AlertCode.DOCUMENT_PARSE_FAILURE, str(error))) from error
    if root.tag != "Response":
        detail = f"the root element is <{root.tag}>, not <Response>"
        raise TwimlRefused(Alert(AlertCode.ROOT_IS_NOT_RESPONSE, detail))
    reader = _Reader()
    reader.check_attributes(root)
    reader.check_text(root)
    verbs = tuple(verb for element in root if (verb := reader.verb(element)) is not None)
    return Parsed(Document(verbs), tuple(reader.warnings))


@dataclass(slots=True)
class _Reader:
    warnings: list[Alert] = field(default_factory=list)

    def warn(self, detail: str) -> None:
        self.warnings.append(Alert(AlertCode.SCHEMA_WARNING, detail))

    def verb(self, element: Element) -> Verb | None:
        readers: dict[str, Callable[[Element], Verb | None]] = {
            "Say": self.say,
            "Play": self.play,
            "Pause": self.pause,
            "Connect": self.connect,
            "Redirect": self.redirect,
            "Dial": self.dial,
            "Hangup": self.hangup,
            "Reject": self.reject,
        }
        read = readers.get(element.tag)
        if read is None:
            self.warn(f"<{element.tag}> is not a verb of a voice response")
            return None
        self.check_attributes(element)
        return read(element)

    def say(self, element: Element) -> Verb | None:
        for inner in element.iter():
            if inner is not element and inner.tag not in SSML:
                self.warn(f"<{inner.tag}> is not allowed in <Say>")
                return None
        text = " ".join("".join(element.itertext()).split())
        if not text:
            self.warn("<Say> has no text")
            return None
        return Say(
            text=text,
            voice=element.get("voice", "man"),
            language=element.get("language", "en-US"),
            loop=self.count(element, "loop", 1),
        )

    def play(self, element: Element) -> Verb | None:
        self.refuse_children(element)
        url = (element.text or "").strip() or None
        digits = element.get("digits", "")
        if set(digits) - set("0123456789*#wW"):
            self.warn(f'<Play digits="{digits}"> has characters that are not tones')
            return None
        if url is None and not digits:
            self.warn("<Play> has neither a URL nor digits")
            return None
        return Play(url=url, digits=digits.lower(), loop=self.count(element, "loop", 1))

    def pause(self, element: Element) -> Verb | None:
        self.refuse_children(element)
        self.check_text(element)
        return Pause(self.count(element, "length", 1))

    def connect(self, element: Element) -> Verb | None:
        self.check_text(element)
        streams = [inner for inner in element if inner.tag == "Stream"]
        for inner in element:
            if inner.tag != "Stream":
                self.warn(f"<{inner.tag}> in <Connect> is not simulated; only <Stream> is")
        if len(streams) != 1:
            self.warn(f"<Connect> has {len(streams)} <Stream> elements instead of 1")
            return None
        stream = streams[0]
        self.check_attributes(stream)
        url = stream.get("url", "").strip()
        if not url:
            self.warn("<Stream> has no url")
            return None
        return ConnectStream(
            url=url,
            name=stream.get("name", ""),
            track=stream.get("track", "inbound_track"),
            parameters=self.parameters(stream),
            status_callback=stream.get("statusCallback"),
            status_callback_method=self.method(stream, "statusCallbackMethod"),
            action=element.get("action"),
            method=self.method(element),
        )

    def parameters(self, stream: Element) -> tuple[tuple[str, str], ...]:
        found: dict[str, str] = {}
        for inner in stream:
            if inner.tag != "Parameter":
                self.warn(f"<{inner.tag}> is not allowed in <Stream>")
                continue
            self.check_attributes(inner)
            name, value = inner.get("name", ""), inner.get("value", "")
            if not name or inner.get("value") is None:
                self.warn("<Parameter> needs a name and a value")
            elif len(name) + len(value) >= MAX_PARAMETER_CHARS:
                length = len(name) + len(value)
                self.warn(f'<Parameter name="{name}"> has {length} characters; 499 are allowed')
            elif name in found:
                self.warn(f'<Parameter name="{name}"> is given twice')
            else:
                found[name] = value
        return tuple(found.items())

    def redirect(self, element: Element) -> Verb | None:
        self.refuse_children(element)
        # An empty <Redirect> asks for the document at hand again.
        return Redirect((element.text or "").strip(), self.method(element))

    def dial(self, element: Element) -> Verb | None:
        numbers = [inner for inner in element if inner.tag == "Number"]
        for inner in element:
            if inner.tag != "Number":
                self.warn(f"<{inner.tag}> in <Dial> is not simulated; only <Number> is")
        plain = (element.text or "").strip()
        if len(numbers) + bool(plain) != 1:
            self.warn("<Dial> needs exactly one number")
            return None
        if numbers:
            self.check_attributes(numbers[0])
            plain = (numbers[0].text or "").strip()
        return Dial(
            number=plain,
            action=element.get("action"),
            method=self.method(element),
            timeout_s=self.count(element, "timeout", 30),
            time_limit_s=self.count(element, "timeLimit", 14_400),
            caller_id=element.get("callerId"),
            send_digits=numbers[0].get("sendDigits", "") if numbers else "",
        )

    def hangup(self, element: Element) -> Verb | None:
        self.refuse_children(element)
        self.check_text(element)
        return Hangup()

    def reject(self, element: Element) -> Verb | None:
        self.refuse_children(element)
        reason = element.get("reason", "rejected")
        if reason not in ("rejected", "busy"):
            self.warn(f'<Reject reason="{reason}"> is neither "rejected" nor "busy"')
            reason = "rejected"
        return Reject(reason)

    def check_attributes(self, element: Element) -> None:
        for name in sorted(set(element.keys()) - ATTRIBUTES[element.tag]):
            self.warn(f'<{element.tag}> has no attribute "{name}"')

    def check_text(self, element: Element) -> None:
        pieces = [element.text, *(inner.tail for inner in element)]
        if any(piece and piece.strip() for piece in pieces):
            self.warn(f"<{element.tag}> takes no text")

    def refuse_children(self, element: Element) -> None:
        for inner in element:
            self.warn(f"<{inner.tag}> is not allowed in <{element.tag}>")

    def count(self, element: Element, name: str, default: int) -> int:
        text = element.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()):
            self.warn(f'<{element.tag} {name}="{text}"> is not a whole number')
            return default
        return int(text)

    def method(self, element: Element, name: str = "method") -> str:
        text = element.get(name, "POST").upper()
        if text not in ("GET", "POST"):
            self.warn(f'<{element.tag} {name}="{text}"> is neither GET nor POST')
            return "POST"
        return text
