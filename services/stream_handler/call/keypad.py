"""What the caller types: digits that belong together, and digits that are a secret.

Digits that were collected for a purpose stay here. They are given to tools that are declared for
that purpose, and nowhere else; they are gone when the session ends.
"""

from dataclasses import dataclass

from stream_handler.call.timers import COLLECTION_BEGINS_MS, COLLECTION_PAUSE_MS, KEY_PAUSE_MS

_END = "#"
_ANY_DIGIT = "1"


@dataclass(frozen=True, slots=True)
class Collection:
    """Digits that a tool call asked for. `length` 0: until # or a pause."""

    tool_call_id: str
    purpose: str
    length: int
    secret: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """A group of digits that the model may know."""

    digits: str

    @property
    def asks_for_person(self) -> bool:
        """Only zeros count: people press it again when nothing happens immediately."""
        return not self.digits.strip("0")


@dataclass(frozen=True, slots=True)
class Collected:
    """A collection is over; `complete` unless nothing, or too little, was typed."""

    collection: Collection
    complete: bool


class Keypad:
    """Groups digits, and keeps those that were collected."""

    def __init__(self) -> None:
        self._typed = ""
        self._collection: Collection | None = None
        self._surplus = False
        """A collection is over, and what is typed without a pause is the rest of it."""
        self._kept: dict[str, str] = {}
        self._heard_speech = False

    @property
    def collecting(self) -> Collection | None:
        return self._collection

    @property
    def ignores_keys(self) -> bool:
        """Whether what is typed now is the rest of a collection that is over."""
        return self._surplus

    @property
    def hides_the_caller(self) -> bool:
        """Whether a secret is being typed, so that neither model nor transcript may listen."""
        return self._collection is not None and self._collection.secret

    @property
    def pause_ms(self) -> int:
        """How long to wait for the next digit."""
        if self._collection is None:
            return KEY_PAUSE_MS
        return COLLECTION_PAUSE_MS if self._typed else COLLECTION_BEGINS_MS

    def collect(self, collection: Collection) -> Collected | None:
        """Digits typed from now on belong to `collection`; so do those typed just before, because
        callers don't wait for the end of the question. Returns what that may complete."""
        typed, self._typed, self._surplus = self._typed, "", False
        self._collection, self._heard_speech = collection, False
        for key in typed:
            collected = self.digit(key)
            if collected is not None:
                return collected
        return None

    def digit(self, key: str) -> Collected | None:
        """Take a key (0-9, *, #); tell if it ends the collection."""
        collection = self._collection
        if collection is None:
            self._typed += "" if self._surplus else key
            return None
        if key != _END:
            self._typed += key
        if key != _END and len(self._typed) != collection.length:
            return None
        self._surplus = True  # many end a PIN with a #, asked to or not
        return self._close(collection)

    def as_recorded(self, key: str) -> str:
        """The key that a record has in the place of `key`, which comes next: digits may be a
        secret, and only a 0 that may stand alone means something by itself."""
        only_zeros = not self._typed.strip("0") and not self._surplus and self._collection is None
        return key if key in "*#" or (key == "0" and only_zeros) else _ANY_DIGIT

    def pause(self) -> Typed | Collected | None:
        """No digit has come for `pause_ms`."""
        if self._collection is not None:
            return self._close(self._collection)
        typed, self._typed, self._surplus = self._typed, "", False
        return Typed(typed) if typed else None

    def cancel(self, tool_call_id: str) -> bool:
        """Whether a collection for this tool call was under way, and is not any more."""
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
        """What was collected for `purposes`."""
        return {purpose: self._kept[purpose] for purpose in purposes if purpose in self._kept}

    def _close(self, collection: Collection) -> Collected:
        typed, self._typed = self._typed, ""
        self._collection = None
        complete = len(typed) == collection.length if collection.length else bool(typed)
        if complete:
            self._kept[collection.purpose] = typed
        return Collected(collection, complete)
