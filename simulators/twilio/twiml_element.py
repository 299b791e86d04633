"""Reads the attributes of one TwiML element, and collects what Twilio would complain about."""

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from .alerts import Alert, AlertCode

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
    "Number": frozenset({"sendDigits", "url", "method"}),
    "Sip": frozenset({"url", "method"}),
    "Client": frozenset({"url", "method"}),
    "Gather": frozenset(
        {"action", "method", "timeout", "numDigits", "finishOnKey", "actionOnEmptyResult", "input"}
    ),
    "Hangup": frozenset[str](),
    "Reject": frozenset({"reason"}),
}


@dataclass(slots=True)
class ElementReader:
    warnings: list[Alert] = field(default_factory=list)

    def warn(self, detail: str, code: AlertCode = AlertCode.SCHEMA_WARNING) -> None:
        self.warnings.append(Alert(code, detail))

    def check_attributes(self, element: Element) -> None:
        for name in sorted(set(element.keys()) - ATTRIBUTES[element.tag]):
            self.warn(f'<{element.tag}> has no attribute "{name}"')

    def check_text(self, element: Element) -> None:
        pieces = [element.text, *(inner.tail for inner in element)]
        if any(piece and piece.strip() for piece in pieces):
            self.warn(f"<{element.tag}> can't contain text")

    def refuse_children(self, element: Element) -> None:
        for inner in element:
            self.warn(f"<{inner.tag}> is not allowed in <{element.tag}>")

    def count(
        self,
        element: Element,
        name: str,
        default: int,
        code: AlertCode = AlertCode.SCHEMA_WARNING,
    ) -> int:
        text = element.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()):
            self.warn(f'<{element.tag} {name}="{text}"> is not a whole number', code)
            return default
        return int(text)

    def positive(self, element: Element, name: str, code: AlertCode) -> int | None:
        """Read a positive whole number; None if it is missing or invalid."""
        text = element.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and int(text)):
            self.warn(f'<{element.tag} {name}="{text}"> is not a positive whole number', code)
            return None
        return int(text)

    def flag(self, element: Element, name: str) -> bool:
        text = element.get(name, "false")
        if text not in ("true", "false"):
            self.warn(f'<{element.tag} {name}="{text}"> is neither true nor false')
        return text == "true"

    def method(
        self,
        element: Element,
        name: str = "method",
        *,
        code: AlertCode = AlertCode.SCHEMA_WARNING,
    ) -> str:
        text = element.get(name, "POST").upper()
        if text not in ("GET", "POST"):
            self.warn(f'<{element.tag} {name}="{text}"> is neither GET nor POST', code)
            return "POST"
        return text
