"""Chooses the scenario's next reply, and what it says once the tools have returned."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from simulators.gemini_live.memory import Memory
from simulators.gemini_live.messages import HistoryTurn
from simulators.gemini_live.scenario import Reply, Scenario, Turn
from simulators.speech.recognition import normalise

GREETING = "greeting"
UNKNOWN = "unknown"
RECITAL = "recital"
PICTURES = "pictures"
_ROLES = {"Caller": "user", "You": "model"}
_VALUE = re.compile(r"\{([\w.]+)\}")


class MissingValue(ValueError):
    """A sentence names a value that the tools' responses don't have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply. `name` is its turn's, or "greeting", "unknown", "recital" or "pictures"."""

    name: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one tool call of a batch ended."""

    tool: str
    response: Mapping[str, Any]


def answer_speech(scenario: Scenario, memory: Memory, phrase: str | None) -> Answer | None:
    """Choose the reply to a recognised phrase; None for no reply."""
    turns = [turn for turn in scenario.turns if phrase in [*map(normalise, turn.heard)]]
    return _pick(scenario, memory, turns)


def answer_text(scenario: Scenario, memory: Memory, text: str) -> Answer | None:
    """Choose the reply to typed text.

    The first text of a call asks for the greeting, unless it contains the `text` of a turn.
    """
    words = normalise(text)
    turns = [turn for turn in scenario.turns if turn.text and normalise(turn.text) in words]
    if not turns and memory.unspoken:
        return _answer_pictures(scenario, memory)
    opens = GREETING not in memory.answered and not memory.history
    if scenario.greeting and opens and not turns:
        return Answer(GREETING, scenario.greeting)
    return _pick(scenario, memory, turns) if turns else answer_speech(scenario, memory, words)


def shown(scenario: Scenario, memory: Memory, picture: str | None) -> Memory:
    """Add a picture to `memory`."""
    memory = replace(memory, unspoken=(*memory.unspoken, picture)).with_meter(
        memory.meter.with_image()
    )
    for turn in scenario.turns:
        if picture in turn.seen:
            memory = memory.with_answer(turn.name)
    return memory


def _answer_pictures(scenario: Scenario, memory: Memory) -> Answer | None:
    """Reply to all pictures shown, in order; `unknown` replies to those that aren't known."""
    turns = [
        next((turn for turn in scenario.turns if picture in turn.seen), None)
        for picture in memory.unspoken
    ]
    replies = [turn.reply for turn in turns if turn is not None]
    if len(replies) < len(turns) and scenario.unknown:
        replies.append(scenario.unknown)
    if not replies:
        return None
    if len(replies) == 1:
        return Answer(PICTURES, replies[0])
    say = " ".join(reply.say for reply in replies if reply.say)
    return Answer(PICTURES, Reply(say=say, calls=tuple(c for r in replies for c in r.calls)))


def asked(memory: Memory, text: str) -> tuple[str, Memory]:
    """Return the question in `text`, and the memory without it.

    A text without words asks for a reply to the latest content: pipecat sends " " for that, and
    LiveKit's Google plugin ".".
    """
    if normalise(text) or not memory.history:
        return text, memory
    *before, last = memory.history
    return last.text, replace(memory, history=tuple(before))


def recall(scenario: Scenario, memory: Memory, turns: Sequence[HistoryTurn]) -> Memory:
    """Add a conversation that the client reports to `memory`; its questions count as answered."""
    for turn in turns:
        memory = memory.with_turn(turn.role, turn.text)
        asked = normalise(turn.text) if turn.role == "user" else ""
        for known in scenario.turns:
            if asked and asked in map(normalise, known.heard):
                memory = memory.with_answer(known.name)
    return memory


def told(instructions: str) -> tuple[HistoryTurn, ...]:
    """Read a conversation from instructions, in lines such as "Caller: …" and "You: …"."""
    lines = (line.partition(": ") for line in instructions.splitlines())
    return tuple(HistoryTurn(_ROLES[who], text) for who, _, text in lines if who in _ROLES)


def conclude(reply: Reply, outcomes: Sequence[Outcome]) -> str | None:
    """Choose what to say after the tools have returned; None to stay silent.

    Raises MissingValue if `then` names a value that is missing.
    """
    if any("error" in outcome.response for outcome in outcomes):
        return reply.otherwise
    return None if reply.then is None else _fill(reply.then, outcomes)


def _pick(scenario: Scenario, memory: Memory, turns: Sequence[Turn]) -> Answer | None:
    if not turns:
        return Answer(UNKNOWN, scenario.unknown) if scenario.unknown else None
    fresh = [turn for turn in turns if turn.name not in memory.answered]
    turn = fresh[0] if fresh else turns[-1]
    if turn.needs is None or turn.needs in memory.answered:
        return Answer(turn.name, turn.reply)
    if turn.forgotten:
        return Answer(UNKNOWN, Reply(say=turn.forgotten))
    return Answer(UNKNOWN, scenario.unknown) if scenario.unknown else None


def _fill(sentence: str, outcomes: Sequence[Outcome]) -> str:
    readings = [(o.tool, reading) for o in outcomes for reading in _readings(o.response)]
    roots = [{tool: reading} for tool, reading in readings] + [reading for _, reading in readings]

    def look_up(match: re.Match[str]) -> str:
        for root in roots:
            value = _descend(root, match[1].split("."))
            if value is not None:
                return str(value)
        raise MissingValue(f"the response has no {match[1]}: {outcomes[0].response}")

    return _VALUE.sub(look_up, sentence)


def _readings(response: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a response as received, then without the wrappers that clients add.

    pipecat sends a tool's result bare, google-genai in `result`, others in `output`; LiveKit sends
    it as a string.
    """
    yield response
    for name in ("output", "result"):
        wrapped = response.get(name)
        if isinstance(wrapped, str):
            with suppress(ValueError):
                wrapped = json.loads(wrapped)
        if isinstance(wrapped, Mapping):
            yield wrapped


def _descend(root: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(root, Mapping):
            return None
        root = root.get(key)
    return root
