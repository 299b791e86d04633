"""What the page and the line say to each other, beside the sound.

Sound goes both ways in binary messages of 20 ms: 160 samples, PCM16 LE mono at 8 kHz.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

_MOST_TEXT = 1_000_000


# From the page


class Dial(msgspec.Struct, frozen=True, tag="dial", tag_field="do"):
    pass


class Press(msgspec.Struct, frozen=True, tag="press", tag_field="do"):
    key: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class HangUp(msgspec.Struct, frozen=True, tag="hang_up", tag_field="do"):
    pass


class Trouble(msgspec.Struct, frozen=True, tag="trouble", tag_field="do"):
    what: Literal["drop_stream", "kill_handler", "go_away"]


class SaveAgent(msgspec.Struct, frozen=True, tag="save_agent", tag_field="do"):
    """`version` is that of the document which was edited."""

    text: Annotated[str, msgspec.Meta(max_length=_MOST_TEXT)]
    version: str


FromPage: TypeAlias = Dial | Press | HangUp | Trouble | SaveAgent


# To the page


class AgentShown(msgspec.Struct, frozen=True, tag="agent", tag_field="is"):
    """The agent's document as YAML. `said` is what came of saving it, if it was; `good` whether all
    is well."""

    text: str
    version: str
    said: str = ""
    good: bool = True


class LineReady(msgspec.Struct, frozen=True, tag="line", tag_field="is"):
    """`phrases` is what the stand-in understands; empty with a real model."""

    number: str
    phrases: tuple[str, ...]
    agent: AgentShown


class CallChanged(msgspec.Struct, frozen=True, tag="call", tag_field="is"):
    """`page` is where the call can be read and heard once it is over; `words` say why it is, or why
    it never began."""

    status: Literal["ringing", "answered", "over", "refused"]
    words: str = ""
    page: str | None = None


class Happened(msgspec.Struct, frozen=True, tag="event", tag_field="is"):
    """A moment that a person would want to know of; `at_s` counts from dialling."""

    at_s: float
    kind: str
    words: str


class Said(msgspec.Struct, frozen=True, tag="turn", tag_field="is"):
    """A turn as the record has it, again whenever it changes."""

    n: int
    who: str
    text: str
    interrupted: bool
    reply_ms: int | None
    barge_in_ms: int | None


class Saying(msgspec.Struct, frozen=True, tag="saying", tag_field="is"):
    """What one side is saying and the record does not have yet, as far as it is known; empty when
    the record has it all."""

    who: str
    text: str


class Lost(msgspec.Struct, frozen=True, tag="lost", tag_field="is"):
    """What was said and will be in no record."""

    who: str
    text: str


class ToolUsed(msgspec.Struct, frozen=True, tag="tool", tag_field="is"):
    """`args` and `answer` as JSON text."""

    id: str
    name: str
    args: str
    answer: str
    outcome: str
    duration_ms: int


class Problem(msgspec.Struct, frozen=True, tag="problem", tag_field="is"):
    """What could not be done, and what to do."""

    words: str


ToPage: TypeAlias = (
    LineReady | AgentShown | CallChanged | Happened | Said | Saying | Lost | ToolUsed | Problem
)
