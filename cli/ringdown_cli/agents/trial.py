"""Sends one example to the model, and collects the answer."""

import asyncio
import datetime
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from ringdown.agents import Agent, Example
from ringdown.calls import RETENTION, Call, Speaker
from ringdown.gemini.model_session import ModelError, ModelSession
from ringdown.gemini.session import GeminiLive
from ringdown.tools import (
    Scheduling,
    ToolAnswer,
    ToolDeclaration,
)
from ringdown.tools.client import ToolClient
from ringdown.tools.request import tool_request
from ringdown.wording import shown
from stream_handler.call.events import (
    GenerationCompleted,
    ToolCallRequested,
    TranscriptReceived,
    TurnCompleted,
)
from stream_handler.call.functions import BUILT_IN
from stream_handler.call.model_config import session_config

ANSWERED_WITHIN_S = 40.0
_MORE_AFTER_TOOL_S = 5.0
"""A model may end its turn with a tool call, and talk about the result in the next one."""
_LATE_WORDS_S = 2.0
"""Transcripts trail their audio by up to this long. TurnCompleted may take longer: it comes when
the audio could have been played to the end."""

CallTool = Callable[[ToolCallRequested], Awaitable[ToolAnswer]]


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of an example; `fault` says why there is no answer."""

    example: Example
    answer: str = ""
    tools: tuple[str, ...] = ()
    took_s: float = 0.0
    fault: str | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """What the answer should contain but doesn't, ignoring case."""
        heard = _plain(self.answer)
        return tuple(text for text in self.example.answer_contains if _plain(text) not in heard)

    @property
    def ok(self) -> bool:
        return self.fault is None and not self.missing


@dataclass(slots=True)
class _Heard:
    words: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    owes_an_answer: bool = False


async def try_example(
    model: GeminiLive, call: Call, example: Example, call_tool: CallTool
) -> Tried:
    """Send the caller's sentence, as text, in a session like a call's, and return the result."""
    began_s = time.monotonic()
    heard = _Heard()
    fault = None
    try:
        async with (
            asyncio.timeout(ANSWERED_WITHIN_S) as deadline,
            model.connect(session_config(call), lambda: 0.0) as session,
        ):
            await session.send_text(example.caller)
            await _listen(session, heard, call_tool, deadline)
    except TimeoutError:
        if not heard.words:
            fault = "The model didn't say anything."
    except ModelError as error:
        code = "" if error.code is None else f" (code {error.code})"
        fault = f"The model failed: {error}{code}."
    took_s = time.monotonic() - began_s
    answer = " ".join("".join(heard.words).split())
    return Tried(example, answer, tuple(heard.tools), took_s, fault)


async def _listen(
    session: ModelSession, heard: _Heard, call_tool: CallTool, deadline: asyncio.Timeout
) -> None:
    async for event in session.receive():
        match event:
            case TranscriptReceived(speaker=Speaker.AGENT, text=text):
                heard.words.append(text)
                heard.owes_an_answer = False
            case ToolCallRequested():
                heard.tools.append(event.name)
                function = BUILT_IN.get(event.name)
                silent = function is not None and function.is_last
                scheduling: Scheduling | None = "silent" if silent else None
                answer = await call_tool(event)
                await session.send_tool_response(event.id, event.name, answer, scheduling)
                heard.owes_an_answer = not silent
            case GenerationCompleted() | TurnCompleted() if heard.owes_an_answer:
                deadline.reschedule(asyncio.get_running_loop().time() + _MORE_AFTER_TOOL_S)
            case GenerationCompleted():
                deadline.reschedule(asyncio.get_running_loop().time() + _LATE_WORDS_S)
            case TurnCompleted():
                return
            case _:
                pass


def trial_call(
    agent_id: str, agent: Agent, tools: Sequence[ToolDeclaration], now: datetime.datetime
) -> Call:
    """Return a call for a trial; it isn't stored, and no phone is involved."""
    return Call(
        call_sid=f"TRIAL{uuid.uuid4().hex}",
        caller="",
        called="",
        agent_id=agent_id,
        agent=agent,
        agent_revision=agent.revision,
        tools=tuple(tools),
        created_at=now,
        expires_at=now + RETENTION,
    )


# Tools


def tool_caller(call: Call, client: ToolClient | None) -> CallTool:
    """Return a function that calls tools over HTTP with `client`. Without a client, it tells the
    model that this is a trial."""
    declared = {tool.name: tool for tool in call.tools}

    async def call_tool(event: ToolCallRequested) -> ToolAnswer:
        if event.name in BUILT_IN:
            return ToolAnswer(output={"status": "done"})
        tool = declared.get(event.name)
        if tool is None:
            return ToolAnswer.failed(f"There is no tool named {shown(event.name)}.")
        if client is None:
            return ToolAnswer.failed("This is a trial: tools are not called. Go on without it.")
        key = f"{call.call_sid}/{event.id}"
        request = tool_request(call, tool.name, event.args, idempotency_key=key)
        return (await client.call(tool, request)).answer

    return call_tool


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())
