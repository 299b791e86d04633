"""What the page and the line say to each other, beside the sound.

Sound goes both ways in binary messages of 20 ms: 160 samples, PCM16 LE mono at 8 kHz. A longer one
is a whole sentence, which the synthetic caller begins to say.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

# From the page


class Dial(msgspec.Struct, frozen=True, tag="dial", tag_field="do"):
    """`at` is the time where the agent is, such as 2026-11-29T20:00; empty for now."""

    caller: Annotated[str, msgspec.Meta(max_length=100)]
    called: Annotated[str, msgspec.Meta(max_length=100)]
    at: Annotated[str, msgspec.Meta(max_length=30)] = ""


class Speak(msgspec.Struct, frozen=True, tag="speak", tag_field="do"):
    """Have a sentence said by the synthetic caller."""

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
    """What there is to choose from: callers and numbers, each with a word on it, and sentences.

    `suggestions` are in the order of a conversation, `pictures` names of those the caller can send.
    `is_stand_in`: the model knows no others.
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
    """`words` say why the call is over, or why it never began.

    Once it is over, `page` is where it can be read and heard, `figures` and `problems` its gist.
    """

    status: Literal["ringing", "answered", "over", "refused"]
    words: str = ""
    page: str | None = None
    figures: tuple[CallFigure, ...] = ()
    problems: tuple[str, ...] = ()


class Answering(msgspec.Struct, frozen=True, tag="answering", tag_field="is"):
    """Which agent has the call, and which words of it."""

    agent: str
    revision: str
    is_draft: bool


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


class Texted(msgspec.Struct, frozen=True, tag="text", tag_field="is"):
    """A text message that the caller was sent; `link` is one in it to the caller's page, if any."""

    words: str
    link: str


class Problem(msgspec.Struct, frozen=True, tag="problem", tag_field="is"):
    """What could not be done, and what to do."""

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
