"""An error in one call leaves another, healthy one alone.

Whatever raises (the core on any event, an action of any kind, or an observer), the healthy call is
handed over and recorded when the server is told to stop.
"""

import asyncio
import base64
import functools
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import trustme
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ringdown.agents import Agent
from ringdown.calls import Call, CallChanges, CallStatus, EndReason
from ringdown.errors import StoreUnavailable
from ringdown.stores import open_store
from stream_handler import bridge
from stream_handler.call.actions import Action, SendModelImage
from stream_handler.call.events import (
    DrainRequested,
    Event,
    GoAwayReceived,
    PictureReceived,
    SaveFailed,
    StreamLost,
    StreamStopped,
    TextReceived,
    TimerFired,
)
from stream_handler.call.session import StreamSession
from stream_handler.record.flight_record import FlightRecord
from stream_handler.record.recorder import Recorder
from stream_handler.record.stream_report import StreamReport
from tests.ringdown.samples import a_call, a_picture, a_text, a_tool, an_agent
from tests.stream_handler.handler import (
    CONNECTED,
    LOUD_FRAME,
    Handler,
    call_sid,
    closed,
    media,
    running_handler,
    start,
    stop,
    stream_sid,
)
from tests.stream_handler.little_gemini import Json, LittleGemini, little_gemini, send, until_closed
from tests.stream_handler.tool_server import response, tool_server
from tests.stream_handler.unsteady_store import UnsteadyStore

HEALTHY, DOOMED = 1, 2
LIVE = msgspec.structs.replace(an_agent(), apply_to_live_calls=True, photos=True)
_OF_UPLOADS = (PictureReceived, TextReceived, SendModelImage)
SILENT_FRAME = b"\xff" * 160
SOUND = {
    "mimeType": "audio/pcm;rate=24000",
    "data": base64.b64encode(b"\x00\x20" * 12_000).decode(),
}


class Planted(Exception):
    pass


class Mine:
    """A fault planted in the doomed call, and whether it has been triggered."""

    def __init__(self, kind: type[Any] | None) -> None:
        self.kind = kind
        self.met = asyncio.Event()

    def meets(self, what: object) -> bool:
        if type(what) is self.kind:
            self.met.set()
        return type(what) is self.kind

    def session_class(self) -> type[StreamSession]:
        """A core that raises on events of this kind, and replaces actions of this kind by an
        impossible one."""
        mine = self

        class Mined(StreamSession):
            def __init__(self, call: Call, *rest: Any) -> None:
                super().__init__(call, *rest)
                self._is_mined = call.call_sid == call_sid(DOOMED)

            def handle(self, event: Event) -> tuple[Action, ...]:
                if self._is_mined and mine.meets(event):
                    raise Planted
                actions = super().handle(event)
                if not self._is_mined:
                    return actions
                mined: list[Any] = [Planted() if mine.meets(a) else a for a in actions]
                return tuple(mined)

        return Mined


def says(text: str) -> Json:
    content = {"modelTurn": {"parts": [{"inlineData": SOUND}]}}
    return {"serverContent": {**content, "outputTranscription": {"text": text}}}


def asks(id: str) -> Json:
    call = {"id": id, "name": "lookup_account", "args": {"account": id}}
    return {"toolCall": {"functionCalls": [call]}}


async def models(kind: type[Any] | None, gemini: LittleGemini, socket: ServerConnection) -> None:
    """The first session listens, the second does everything in turn, others are refused."""
    match len(gemini.setups):
        case 1:
            await until_closed(gemini, socket)
        case 2:
            await asyncio.sleep(1.5)  # long enough for ringback
            await send(socket, {"setupComplete": {}})
            await socket.recv()
            await send(
                socket,
                {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
                says("Hello. "),
                {"serverContent": {"generationComplete": True, "turnComplete": True}},
                {"usageMetadata": {"totalTokenCount": 7}},
            )
            await asyncio.sleep(1.0)
            await send(socket, asks("f1"), asks("f2"))
            await asyncio.sleep(0.5)
            await send(socket, {"toolCallCancellation": {"ids": ["f2"]}})
            await asyncio.sleep(3.0)
            await send(socket, says("And "), {"serverContent": {"interrupted": True}})
            if kind is GoAwayReceived:  # otherwise the session must break, not go away
                await send(socket, {"goAway": {"timeLeft": "60s"}})
            await socket.close(1011)
        case _:
            await socket.close(1008)


class _SavesNothingOfTheDoomed(UnsteadyStore):
    async def save(self, call_sid_: str, attempt: int, changes: CallChanges) -> None:
        if call_sid_ == call_sid(DOOMED):
            raise StoreUnavailable("the store refuses this call")
        await super().save(call_sid_, attempt, changes)


async def slowly(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(2.5)
    await response(b'{"output":{}}')(writer)


@asynccontextmanager
async def two_calls(
    certificates: trustme.CA, trusting: ssl.SSLContext, folder: Path, kind: type[Any] | None
) -> AsyncIterator[tuple[Handler, ClientConnection, ClientConnection]]:
    async with (
        tool_server(slowly) as tools,
        open_store(f"sqlite:{folder / 'records.db'}") as store,
        little_gemini(certificates, functools.partial(models, kind)) as gemini,
        running_handler(
            gemini,
            trusting,
            folder,
            claims=_SavesNothingOfTheDoomed(store) if kind is SaveFailed else None,
        ) as handler,
    ):
        await edit(handler, LIVE)
        tool = msgspec.structs.replace(a_tool(), url=tools.url)
        async with handler.call(HEALTHY) as healthy, handler.socket() as doomed:
            call = a_call(call_sid=call_sid(DOOMED), agent=LIVE)
            await handler.store.open_call(msgspec.structs.replace(call, tools=(tool,)))
            await doomed.send(CONNECTED)
            await doomed.send(start(DOOMED))
            yield handler, healthy, doomed


async def edit(handler: Handler, agent: Agent) -> None:
    before = await handler.store.read_agent("default")
    over = None if before is None else before.version
    await handler.store.write_agent("default", msgspec.to_builtins(agent), over=over)


async def go_through_all(handler: Handler, doomed: ClientConnection, kind: type[Any]) -> None:
    """Play Twilio and the caller of the doomed call, and an operator who edits the agent."""
    echoing = asyncio.create_task(_echo_marks(doomed))
    with suppress(ConnectionClosed):
        for n in range(80):
            await doomed.send(media(DOOMED, LOUD_FRAME if n < 5 else SILENT_FRAME))
            if n == 20:
                dtmf = {"event": "dtmf", "streamSid": stream_sid(DOOMED), "dtmf": {"digit": "5"}}
                await doomed.send(json.dumps(dtmf))
                await edit(handler, msgspec.structs.replace(LIVE, instructions="Be kind."))
            if n == 20 and kind in _OF_UPLOADS:  # otherwise tool calls would be refused
                for upload in (a_picture("one"), a_text("two")):
                    await handler.store.add_upload(call_sid(DOOMED), upload)
            if n == 30 and kind is StreamStopped:
                await doomed.send(stop(DOOMED))
            if n == 30 and kind is StreamLost:
                doomed.transport.abort()
            if n == 30 and kind is DrainRequested:
                handler.stopping.set()
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.1)
    echoing.cancel()


async def _echo_marks(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in socket:
            event = json.loads(message)
            if event["event"] == "mark":
                await socket.send(json.dumps(event))


async def check_the_healthy(handler: Handler, healthy: ClientConnection) -> None:
    """Check that the server, told to stop, hands over the healthy call and records it."""
    code, _ = await closed(healthy)
    assert code == 1000
    call = (await handler.record(HEALTHY)).call
    assert call.end_reason is EndReason.HANDLER_STOPPED
    assert (call.status, call.next) == (CallStatus.IN_PROGRESS, None)


EVENTS = get_args(Event)
ACTIONS = get_args(Action)


@pytest.mark.parametrize("kind", [*EVENTS, *ACTIONS], ids=lambda kind: kind.__name__)
async def test_a_call_that_fails_leaves_the_others_alone(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[Any],
) -> None:
    mine = Mine(kind)
    monkeypatch.setattr(bridge, "StreamSession", mine.session_class())
    async with two_calls(certificates, trusting, tmp_path, kind) as (handler, healthy, doomed):
        going = asyncio.create_task(go_through_all(handler, doomed, kind))
        met = asyncio.create_task(mine.met.wait())
        await asyncio.wait((going, met), return_when=asyncio.FIRST_COMPLETED)
        handler.stopping.set()

        await check_the_healthy(handler, healthy)
        await handler.stopped.wait()
        met.cancel()
        await going
    assert mine.met.is_set(), f"the doomed call never had a {kind.__name__}"


def _raise(*_: object) -> None:
    raise Planted


async def _raise_later(*_: object) -> None:
    raise Planted


@pytest.mark.parametrize("observer", [FlightRecord, StreamReport, Recorder])
@pytest.mark.parametrize("method", ["on_event", "on_end"])
async def test_an_observer_that_fails_leaves_all_calls_alone(
    certificates: trustme.CA,
    trusting: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    observer: type[Any],
    method: str,
) -> None:
    broken = type("Broken", (observer,), {method: _raise if method == "on_event" else _raise_later})

    def one_of_them(*args: Any, **kwargs: Any) -> object:
        """Return a working observer for the healthy call, then a broken one."""
        kind: type[Any] = next(kinds)
        return kind(*args, **kwargs)

    kinds = iter((observer, broken))
    monkeypatch.setattr(bridge, observer.__name__, one_of_them)
    async with two_calls(certificates, trusting, tmp_path, None) as (handler, healthy, doomed):
        await go_through_all(handler, doomed, TimerFired)
        handler.stopping.set()

        await check_the_healthy(handler, healthy)
        await handler.stopped.wait()
