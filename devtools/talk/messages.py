"""The messages between the page and the line, other than audio.

Audio goes both ways in binary messages of 20 ms: 160 samples, PCM16 LE mono at 8 kHz. A longer one
is a complete sentence that the synthetic caller starts to say.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

# From the page


class Dial(msgspec.Struct, frozen=True, tag="dial", tag_field="do"):
    """`at` is a time in the agent's time zone, such as 2026-11-29T20:00; empty means now."""

    caller: Annotated[str, msgspec.Meta(max_length=100)]
    called: Annotated[str, msgspec.Meta(max_length=100)]
    at: Annotated[str, msgspec.Meta(max_length=30)] = ""


class Speak(msgspec.Struct, frozen=True, tag="speak", tag_field="do"):
    """Have the synthetic caller say a sentence."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class Press(msgspec.Struct, frozen=True, tag="press", tag_field="do"):
    key: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class HangUp(msgspec.Struct, frozen=True, tag="hang_up", tag_field="do"):
    pass


class Trouble(msgspec.Struct, frozen=True, tag="trouble", tag_field="do"):
    what: Literal["drop_stream", "kill_handler", "go_away"]


FromPage: TypeAlias = Dial | Speak | Press | HangUp | Trouble


# To the page


class LineReady(msgspec.Struct, frozen=True, tag="line", tag_field="is"):
    """What the user can choose: callers and numbers, each with a description, and sentences.

    `suggestions` are in the order of a conversation, and `pictures` are the names of those that the
    caller can send. With `is_stand_in`, the model knows no other sentences or pictures.
    """

    callers: dict[str, str]
    numbers: dict[str, str]
    suggestions: tuple[str, ...]
    phrases: tuple[str, ...]
    pictures: tuple[str, ...]
    is_stand_in: bool


class CallFigure(msgspec.Struct, frozen=True):
    name: str
    value: str
    note: str


class CallChanged(msgspec.Struct, frozen=True, tag="call", tag_field="is"):
    """`words` say why the call ended, or why it never started.

    Once it is over, `page` is the path of the call's page, and `figures` and `problems` sum it up.
    """

    status: Literal["ringing", "answered", "over", "refused"]
    words: str = ""
    page: str | None = None
    figures: tuple[CallFigure, ...] = ()
    problems: tuple[str, ...] = ()


class Answering(msgspec.Struct, frozen=True, tag="answering", tag_field="is"):
    """Which agent answers the call, and in which version."""

    agent: str
    revision: str
    is_draft: bool


class Happened(msgspec.Struct, frozen=True, tag="event", tag_field="is"):
    """An event worth showing; `at_s` is measured from dialling."""

    at_s: float
    kind: str
    words: str


class Said(msgspec.Struct, frozen=True, tag="turn", tag_field="is"):
    """A turn in the record; sent again whenever it changes."""

    n: int
    who: str
    text: str
    interrupted: bool
    reply_ms: int | None
    barge_in_ms: int | None


class Saying(msgspec.Struct, frozen=True, tag="saying", tag_field="is"):
    """What one side is saying, as far as known; empty once the record has all of it."""

    who: str
    text: str


class Lost(msgspec.Struct, frozen=True, tag="lost", tag_field="is"):
    """What was said but will never be in the record."""

    who: str
    text: str


class ToolUsed(msgspec.Struct, frozen=True, tag="tool", tag_field="is"):
    """`args` and `answer` are JSON text; if the tool failed, `answer` is its error."""

    id: str
    name: str
    args: str
    answer: str
    outcome: str
    duration_ms: int


class Texted(msgspec.Struct, frozen=True, tag="text", tag_field="is"):
    """A text message to the caller; `link` is its link to the caller's page, if any."""

    words: str
    link: str


class Problem(msgspec.Struct, frozen=True, tag="problem", tag_field="is"):
    """What failed, and what to do."""

    words: str


ToPage: TypeAlias = (
    LineReady
    | CallChanged
    | Answering
    | Happened
    | Said
    | Saying
    | Lost
    | ToolUsed
    | Texted
    | Problem
)
