"""Parses TwiML into verbs, as strictly as Twilio's schema demands.

A document that isn't XML, or isn't a `<Response>`, is refused. Anything else that the schema
doesn't allow gets a 12200 warning and is ignored, as Twilio does; the rest of the document runs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .alerts import Alert, AlertCode
from .twiml import (
    ConnectStream,
    Dial,
    Document,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Verb,
)
from .twiml_element import ElementReader

MAX_PARAMETER_CHARS = 500
# Markup that <Say> allows inside its text; it changes how the words sound, not what they are.
SSML = frozenset(
    {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}
)

_OTHER_NOUNS = frozenset({"Application", "Conference", "Queue", "Sim", "WhatsApp"})


class TwimlRefused(Exception):
    """The document can't be run at all; `alert` is what Twilio logs."""

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
        TwimlRefused: it isn't well-formed XML (12100), or its root isn't `<Response>` (12102).
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


class _Reader(ElementReader):
    def verb(self, element: Element) -> Verb | None:
        readers: dict[str, Callable[[Element], Verb | None]] = {
            "Say": self.say,
            "Play": self.play,
            "Pause": self.pause,
            "Connect": self.connect,
            "Redirect": self.redirect,
            "Dial": self.dial,
            "Gather": self.gather,
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
        # An empty <Redirect> requests the current document again.
        return Redirect((element.text or "").strip(), self.method(element))

    def dial(self, element: Element) -> Verb | None:
        nouns = [inner for inner in element if inner.tag in ("Number", "Sip", "Client")]
        for inner in element:
            if inner.tag in _OTHER_NOUNS:
                self.warn(
                    f"<{inner.tag}> in <Dial> is not simulated; <Number>, <Sip> and <Client> are"
                )
            elif inner not in nouns:
                detail = f"<{inner.tag}> is not allowed in <Dial>"
                self.warn(detail, AlertCode.DIAL_INVALID_ELEMENT)
        plain = (element.text or "").strip()
        if len(nouns) + bool(plain) != 1:
            self.warn("<Dial> needs exactly one number")
            return None
        return replace(
            self.noun(nouns[0]) if nouns else Dial(plain),
            action=element.get("action"),
            method=self.method(element, code=AlertCode.DIAL_INVALID_METHOD),
            timeout_s=self.count(element, "timeout", 30, AlertCode.DIAL_INVALID_TIMEOUT),
            time_limit_s=self.count(
                element, "timeLimit", 14_400, AlertCode.DIAL_INVALID_TIME_LIMIT
            ),
            caller_id=element.get("callerId"),
            answer_on_bridge=self.flag(element, "answerOnBridge"),
        )

    def noun(self, element: Element) -> Dial:
        """Read whom a `<Dial>` rings, and what they hear first."""
        self.check_attributes(element)
        self.refuse_children(element)
        address = (element.text or "").strip()
        digits = element.get("sendDigits", "")
        if set(digits) - set("0123456789*#wW"):
            detail = f'<Number sendDigits="{digits}"> has characters that are not tones'
            self.warn(detail, AlertCode.NUMBER_INVALID_DIGITS)
            digits = ""
        return Dial(
            f"client:{address}" if element.tag == "Client" else address,
            send_digits=digits,
            url=element.get("url"),
            url_method=self.method(element, code=AlertCode.NUMBER_INVALID_METHOD),
        )

    def gather(self, element: Element) -> Verb | None:
        self.check_text(element)
        finish_on_key = element.get("finishOnKey", "#")
        if len(finish_on_key) > 1 or set(finish_on_key) - set("0123456789*#"):
            detail = f'<Gather finishOnKey="{finish_on_key}"> is not a key'
            self.warn(detail, AlertCode.GATHER_INVALID_FINISH_KEY)
            finish_on_key = "#"
        return Gather(
            prompts=tuple(self.prompts(element)),
            action=element.get("action"),
            method=self.method(element, code=AlertCode.GATHER_INVALID_METHOD),
            num_digits=self.positive(element, "numDigits", AlertCode.GATHER_INVALID_NUM_DIGITS),
            timeout_s=self.positive(element, "timeout", AlertCode.GATHER_INVALID_TIMEOUT) or 5,
            finish_on_key=finish_on_key,
            action_on_empty_result=self.flag(element, "actionOnEmptyResult"),
        )

    def prompts(self, element: Element) -> Iterator[Say | Pause]:
        for inner in element:
            if inner.tag not in ("Say", "Pause"):
                detail = f"<{inner.tag}> in <Gather> is not simulated; <Say> and <Pause> are"
                self.warn(detail, AlertCode.GATHER_INVALID_ELEMENT)
            elif isinstance(prompt := self.verb(inner), Say | Pause):
                yield prompt

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
