"""Has a Live model say a sentence word for word."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ringdown.agents import Agent, TurnTaking
from ringdown.agents.clips import MOST_BYTES
from ringdown.audio.telephone import MODEL_OUTPUT_HZ, PHONE_HZ
from ringdown.calls import Speaker
from ringdown.clip_making.sound import clip_sound
from ringdown.clip_making.words import same_words
from ringdown.gemini.events import (
    GenerationCompleted,
    ModelInterrupted,
    ModelSpeech,
    TranscriptReceived,
    TurnCompleted,
)
from ringdown.gemini.model_session import LiveModel, ModelError, ModelSession, SessionFunction
from ringdown.gemini.models import live_model
from ringdown.wording import shown

INSTRUCTIONS = (
    "You record announcements for a telephone line. Each text you are sent asks for one of them, in"
    " quotation marks. Say it word for word, in the language it is written in, and nothing else: no"
    " introduction, no comment, no reply to it. Speak in a friendly voice, at the pace of a"
    " conversation on the telephone."
)

_NO_TURNS = TurnTaking()  # only the model speaks
_OPENING_S = 10.0
_S_PER_CHARACTER = 0.15  # half as fast as people speak
_LATE_WORDS_S = 2.0
"""The transcript may arrive this long after the sound."""
_FASTEST_CHARACTERS_S = 35
"""Twice as fast as people speak; anything faster was cut off."""
_MOST_PCM_BYTES = MOST_BYTES * 2 * MODEL_OUTPUT_HZ // PHONE_HZ


class NotSaid(Exception):
    """The model didn't say it. The message says why, as the second half of a sentence."""


@dataclass(frozen=True, slots=True)
class _Config:
    """The configuration of a session that has the agent's voice, but not its instructions."""

    model: str
    voice: str
    language: str
    thinking: str | None
    instructions: str = INSTRUCTIONS
    languages: Sequence[str] = ()
    vocabulary: Sequence[str] = ()
    turn_taking: TurnTaking = _NO_TURNS
    functions: Sequence[SessionFunction] = ()
    google_search: bool = False
    temperature: float | None = None
    handle: str | None = None


@dataclass(slots=True)
class _Heard:
    pcm: bytearray = field(default_factory=bytearray)
    words: list[str] = field(default_factory=list)
    generated: bool = False
    """Whether all of the sound has arrived."""

    @property
    def text(self) -> str:
        return "".join(self.words).strip()


async def say(model: LiveModel, agent: Agent, text: str) -> bytes:
    """Return the sound of `agent` saying `text`: µ-law, ready to play. Opens one session.

    Raises NotSaid.
    """
    heard = _Heard()
    within_s = _OPENING_S + _S_PER_CHARACTER * len(text)
    try:
        async with (
            asyncio.timeout(within_s) as deadline,
            model.connect(_config(agent), lambda: 0.0) as session,
        ):
            await session.send_text(f'Say this announcement word for word: "{text}"')
            await _listen(session, heard, deadline, agent, text)
    except TimeoutError:
        if not heard.generated:
            raise NotSaid(f"the model did not finish within {within_s:.0f} s") from None
    except ModelError as error:
        code = "" if error.code is None else f" (code {error.code})"
        raise NotSaid(f"the model's side failed: {error}{code}") from error
    if not same_words(text, heard.text, agent.language):
        said = f"said {shown(heard.text)} instead" if heard.text else "said nothing"
        raise NotSaid(f"the model {said}")
    return _sound(heard, agent, text)


async def _listen(
    session: ModelSession, heard: _Heard, deadline: asyncio.Timeout, agent: Agent, text: str
) -> None:
    """Listen until everything has been said. The turn itself ends later, when its sound could have
    been played."""
    async for event in session.receive():
        match event:
            case ModelSpeech(pcm):
                heard.pcm += pcm
                if len(heard.pcm) > _MOST_PCM_BYTES:
                    raise NotSaid("it takes longer than 50 s to say")
            case TranscriptReceived(speaker=Speaker.AGENT, text=words):
                heard.words.append(words)
            case ModelInterrupted():
                raise NotSaid("the model interrupted itself")
            case GenerationCompleted():
                heard.generated = True
            case TurnCompleted():
                heard.generated = True
                deadline.reschedule(asyncio.get_running_loop().time() + _LATE_WORDS_S)
            case _:
                pass
        if heard.generated and same_words(text, heard.text, agent.language):
            return


def _sound(heard: _Heard, agent: Agent, text: str) -> bytes:
    mulaw = clip_sound(bytes(heard.pcm), agent.volume_db)
    if not mulaw:
        raise NotSaid("the model sent silence")
    if len(mulaw) < len(text) / _FASTEST_CHARACTERS_S * PHONE_HZ:
        raise NotSaid("the model's sound broke off")
    return mulaw


def _config(agent: Agent) -> _Config:
    thinking = "minimal" if live_model(agent.model).thinks else None
    return _Config(agent.model, agent.voice, agent.language, thinking)
