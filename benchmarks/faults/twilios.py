"""Faults on Twilio's side of the stream and of the webhooks, and of strangers."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks.faults.fault import Fault, Seen
from benchmarks.faults.story import asks_for_number, seen_if, taken_up
from benchmarks.faults.world import World
from ringdown import stream_token
from ringdown.calls import EndReason
from simulators.twilio import Call

_HALF_DEAD_S = 8.0
"""Longer than it takes to notice that pings are not answered."""
_SILENT = 100
_HUGE_BYTES = 10_000_000


async def _dropped(world: World, times: int) -> list[Seen]:
    async def drop(calls: Sequence[Call]) -> None:
        for call in calls:
            call.drop_stream()

    return await taken_up(world, times, drop)


async def _stops_reading(world: World, times: int) -> list[Seen]:
    return await _stalled(world, times, sending=False)


async def _half_dead(world: World, times: int) -> list[Seen]:
    return await _stalled(world, times, sending=True)


async def _stalled(world: World, times: int, *, sending: bool) -> list[Seen]:
    async def stall(calls: Sequence[Call]) -> None:
        for call in calls:
            call.stall_stream(reading=True, sending=sending)
        await asyncio.sleep(_HALF_DEAD_S)
        for call in calls:
            call.resume_stream()

    return await taken_up(world, times, stall)


async def _hangs_up_in_mid_tool(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        world.tool.behaves(waits_s=2.0)
        async with world.call() as call:
            await call.agent_silent_for(0.5)
            await call.say("Please look it up.")
            async with asyncio.timeout(10):
                await world.tool.asked.wait()
            await call.hang_up()
        record = await world.record(call)
        outcomes = [f"{tool.name} {tool.outcome}" for tool in record.tool_calls]
        as_decided = record.call.end_reason is EndReason.CALLER_HUNG_UP and outcomes == [
            "fault_tool cancelled"
        ]
        return seen_if(as_decided, f"{record.call.end_reason}, {outcomes}")

    return [await once() for _ in range(times)]


async def _webhook_twice(world: World, times: int) -> list[Seen]:
    async def post_again(call: Call) -> None:
        answers = [await world.post(call, "/") for _ in range(2)]
        if len({_without_token(answer) for answer in answers}) != 1:
            raise AssertionError("a repeated webhook was answered otherwise")

    return await asks_for_number(world, times, post_again)


async def _bad_tokens(world: World, times: int) -> list[Seen]:
    async def tried(call: Call) -> None:
        sid = call.identity.call_sid
        now_s = time.time()
        good = stream_token.mint(world.token_secret, call_sid=sid, attempt=1, now_s=now_s)
        old = stream_token.mint(world.token_secret, call_sid=sid, attempt=1, now_s=now_s - 600)
        forged = stream_token.mint("x" * 64, call_sid=sid, attempt=1, now_s=now_s)
        for name, token in (("replayed", good), ("expired", old), ("forged", forged)):
            code = await world.stream_with(sid, token)
            if code != 1008:
                raise AssertionError(f"a {name} token was answered with {code}")

    return await asks_for_number(world, times, tried)


async def _clocks_differ(world: World, times: int) -> list[Seen]:
    async def once(skew_s: float) -> Seen:
        sid = await world.open_call()
        token = stream_token.mint(
            world.token_secret, call_sid=sid, attempt=1, now_s=time.time() + skew_s
        )
        async with world.socket() as socket:
            await socket.send(world.start_message(sid, token))
            async with asyncio.timeout(5):
                answer = await socket.recv()
        return seen_if('"media"' in str(answer), f"{skew_s:+g} s: the stream was not let in")

    return [await once(skew_s) for _ in range(times) for skew_s in (30.0, -30.0)]


async def _never_say_start(world: World, times: int) -> list[Seen]:
    async with AsyncExitStack() as silent:
        for _ in range(_SILENT):
            await silent.enter_async_context(world.socket())
        return await asks_for_number(world, times, _nothing)


async def _huge_message(world: World, times: int) -> list[Seen]:
    async def send(_: Call) -> None:
        code = await asyncio.to_thread(_send_huge, *world.stream_address())
        if code not in (1009, 1006):
            raise AssertionError(f"it was answered with {code}")

    return await asks_for_number(world, times, send)


def _send_huge(url: str, headers: dict[str, str]) -> int:
    """The code with which the connection is closed; 1006 if it is broken off."""
    with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
        try:
            socket.send("x" * _HUGE_BYTES)
            socket.recv(timeout=5)
        except ConnectionClosed as closed:
            return 1006 if closed.rcvd is None else closed.rcvd.code
    return 0


async def _nothing(_: Call) -> None:
    pass


def _without_token(twiml: str) -> str:
    return twiml.partition("<Parameter")[0]


FAULTS = (
    Fault(
        "Twilio's socket is dropped",
        "if Twilio asks what to do, the call is taken up; the turn in progress is lost",
        _dropped,
        most_silence_ms=3_000,
    ),
    Fault(
        "Twilio stops reading",
        "noticed within 6 s; the stream is closed, and the call taken up once Twilio sees it",
        _stops_reading,
        most_silence_ms=12_000,
    ),
    Fault(
        "Twilio's socket is half dead",
        "as when it stops reading",
        _half_dead,
        most_silence_ms=12_000,
    ),
    Fault(
        "the caller hangs up in mid-tool",
        "the tool is cancelled; the record says so",
        _hangs_up_in_mid_tool,
    ),
    Fault("the webhook comes twice", "the same answer; one call, one stream", _webhook_twice),
    Fault(
        "a forged, a replayed and an expired token",
        "refused (1008) before anything is dialled; the call beside them does not notice",
        _bad_tokens,
    ),
    Fault("clocks differ by 30 s", "the stream is let in", _clocks_differ),
    Fault(
        "100 connections never say start",
        "they make room for callers, who do not notice",
        _never_say_start,
    ),
    Fault(
        "a message of 10 MB",
        "that connection is closed; the call beside it does not notice",
        _huge_message,
    ),
)
