"""Groups the digits that the caller types, and keeps collected ones from the model.

Only tools declared for a purpose receive the digits collected for it. They are deleted when the
session ends.
"""

from dataclasses import dataclass

from stream_handler.call.timers import COLLECTION_BEGINS_MS, COLLECTION_PAUSE_MS, KEY_PAUSE_MS

_END = "#"
_ANY_DIGIT = "1"


@dataclass(frozen=True, slots=True)
class Collection:
    """A tool call's request for digits. If `length` is 0, they end with # or a pause."""

    tool_call_id: str
    purpose: str
    length: int
    secret: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """A group of digits that the model may see."""

    digits: str

    @property
    def asks_for_person(self) -> bool:
        """True for any run of zeros: people press 0 again when nothing happens immediately."""
        return not self.digits.strip("0")


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of a collection; `complete` unless nothing, or too little, was typed."""

    collection: Collection
    complete: bool


class Keypad:
    """Groups digits, and keeps the collected ones."""

    def __init__(self) -> None:
        self._typed = ""
        self._collection: Collection | None = None
        self._surplus = False
        """A collection has ended; keys typed without a pause since then are left over from it."""
        self._kept: dict[str, str] = {}
        self._heard_speech = False

    @property
    def collecting(self) -> Collection | None:
        return self._collection

    @property
    def ignores_keys(self) -> bool:
        """Whether keys typed now are left over from a collection that has ended."""
        return self._surplus

    @property
    def hides_the_caller(self) -> bool:
        """Whether a secret is being typed, so neither model nor transcript may listen."""
        return self._collection is not None and self._collection.secret

    @property
    def pause_ms(self) -> int:
        """How long to wait for the next digit."""
        if self._collection is None:
            return KEY_PAUSE_MS
        return COLLECTION_PAUSE_MS if self._typed else COLLECTION_BEGINS_MS

    def collect(self, collection: Collection) -> Collected | None:
        """Assign the digits typed from now on to `collection`, and those typed just before: callers
        don't wait for the end of the question. Returns the result if that already completes it."""
        typed, self._typed, self._surplus = self._typed, "", False
        self._collection, self._heard_speech = collection, False
        for key in typed:
            collected = self.digit(key)
            if collected is not None:
                return collected
        return None

    def digit(self, key: str) -> Collected | None:
        """Handle a key (0-9, *, #). Return the result if it ends the collection."""
        collection = self._collection
        if collection is None:
            self._typed += "" if self._surplus else key
            return None
        if key != _END:
            self._typed += key
        if key != _END and len(self._typed) != collection.length:
            return None
        self._surplus = True  # many callers end a PIN with #, asked or not
        return self._close(collection)

    def as_recorded(self, key: str) -> str:
        """Return what to record in place of `key`, before it is handled.

        Digits may be secret, and only a 0 that may stand alone means something by itself.
        """
        only_zeros = not self._typed.strip("0") and not self._surplus and self._collection is None
        return key if key in "*#" or (key == "0" and only_zeros) else _ANY_DIGIT

    def pause(self) -> Typed | Collected | None:
        """End the group or collection: no digit came for `pause_ms`. Return what was typed."""
        if self._collection is not None:
            return self._close(self._collection)
        typed, self._typed, self._surplus = self._typed, "", False
        return Typed(typed) if typed else None

    def cancel(self, tool_call_id: str) -> bool:
        """Cancel the collection for this tool call; False if there was none."""
        if self._collection is None or self._collection.tool_call_id != tool_call_id:
            return False
        self._collection, self._typed, self._surplus = None, "", True
        return True

    def speech_heard(self) -> bool:
        """Whether the caller speaks instead of typing a secret, and the model doesn't know yet."""
        first = self.hides_the_caller and not self._heard_speech
        self._heard_speech = True
        return first

    def digits_for(self, purposes: tuple[str, ...]) -> dict[str, str]:
        """Return the digits collected for `purposes`."""
        return {purpose: self._kept[purpose] for purpose in purposes if purpose in self._kept}

    def _close(self, collection: Collection) -> Collected:
        typed, self._typed = self._typed, ""
        self._collection = None
        complete = len(typed) == collection.length if collection.length else bool(typed)
        if complete:
            self._kept[collection.purpose] = typed
        return Collected(collection, complete)
