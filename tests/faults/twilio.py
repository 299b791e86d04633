"""Faults on Twilio's side of streams and webhooks, and attacks by strangers."""

import asyncio
import dataclasses
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ringdown.calls import EndReason, stream_token
from simulators.twilio import Call, TwilioNetwork
from tests.faults.fault import Fault, Seen
from tests.faults.story import (
    Meanwhile,
    asks_for_number,
    at_once,
    heard_again,
    seen_if,
    taken_over,
)
from tests.faults.world import PERSON, World

_HALF_DEAD_S = 8.0
"""How long streams stall: longer than it takes to notice unanswered pings."""
_SILENT = 100
_HUGE_BYTES = 10_000_000
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


async def _dropped(world: World, times: int) -> list[Seen]:
    async def drop(calls: Sequence[Call]) -> None:
        for call in calls:
            call.drop_stream()

    return await taken_over(world, times, drop)


async def _ends_the_call(world: World, times: int) -> list[Seen]:
    auth_token = world.stack.twilio_auth_token
    network = TwilioNetwork(auth_token=auth_token, after_drop="end")
    unforgiving = dataclasses.replace(world, network=network)

    async def once() -> Seen:
        async with unforgiving.call() as call:
            await call.agent_speaking_for(0.5)
            call.drop_stream()
            await call.ended(10)
        async with asyncio.timeout(5):
            while not (record := await world.record(call)).call.stream_error:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        reason = record.call.end_reason
        return seen_if(reason is EndReason.STREAM_LOST, f"the record says {reason}")

    return await at_once(times, once)


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

    return await taken_over(world, times, stall)


async def _webhook_twice(world: World, times: int) -> list[Seen]:
    async def post_again(call: Call) -> None:
        answers = [await world.post(call, "/") for _ in range(2)]
        if len({_without_token(answer) for answer in answers}) != 1:
            raise AssertionError("a repeated webhook got a different response")

    return await asks_for_number(world, times, _each(post_again))


async def _after_stream_again(world: World, times: int) -> list[Seen]:
    """Post /after-stream late, when the next stream already carries the call."""

    async def drop_and_ask_again(call: Call) -> None:
        call.drop_stream()
        await heard_again(call, streams=2)
        await world.post(call, "/after-stream?attempt=1", "in-progress")
        await world.post(call, "/status", "ringing")

    return await taken_over(world, times, _each(drop_and_ask_again))


async def _callbacks_first(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        sid = world.new_call_sid()
        await world.post_about(sid, "/status", "ringing")
        apology = await world.post_about(sid, "/after-stream", "in-progress")
        if PERSON not in apology:
            return Seen(problem=f"/after-stream of an unknown call was answered with {apology}")
        twiml = await world.post_about(sid, "/", "ringing")
        token = _TOKEN.search(twiml)
        if token is None:
            return Seen(problem=f"the call was answered with {twiml}")
        return await _let_in(world, sid, token[1])

    return await at_once(times, once)


async def _end_first(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        sid = world.new_call_sid()
        await world.post_about(sid, "/status", "completed")
        twiml = await world.post_about(sid, "/", "ringing")
        return seen_if("<Hangup" in twiml and "<Stream" not in twiml, f"answered with {twiml}")

    return await at_once(times, once)


async def _after_stream_when_over(world: World, times: int) -> list[Seen]:
    async def once() -> Seen:
        async with world.call() as call:
            await call.agent_speaking_for(0.5)
            await call.hang_up()
        before = await world.record(call)
        answers = [
            await world.post(call, "/after-stream?attempt=1", status)
            for status in ("in-progress", "completed")
        ]
        if any("<Stream" in answer or "<Dial" in answer for answer in answers):
            return Seen(problem=f"it was answered with {answers}")
        after = await world.record(call)
        return seen_if(after.call.attempt == before.call.attempt, "the call was taken over")

    return await at_once(times, once)


async def _bad_tokens(world: World, times: int) -> list[Seen]:
    async def tried(call: Call) -> None:
        sid = call.identity.call_sid
        now_s = time.time()
        good = stream_token.mint((world.token_secret,), call_sid=sid, attempt=1, now_s=now_s)
        old = stream_token.mint((world.token_secret,), call_sid=sid, attempt=1, now_s=now_s - 600)
        forged = stream_token.mint(("x" * 64,), call_sid=sid, attempt=1, now_s=now_s)
        for name, token in (("replayed", good), ("expired", old), ("forged", forged)):
            code = await world.stream_with(sid, token)
            if code != 1008:
                raise AssertionError(f"a {name} token was answered with {code}")

    return await asks_for_number(world, times, _each(tried))


async def _clocks_differ(world: World, times: int) -> list[Seen]:
    async def once(skew_s: float) -> Seen:
        sid = await world.open_call()
        token = stream_token.mint(
            (world.token_secret,), call_sid=sid, attempt=1, now_s=time.time() + skew_s
        )
        return await _let_in(world, sid, token)

    return [await once(skew_s) for _ in range(times) for skew_s in (30.0, -30.0)]


async def _let_in(world: World, call_sid: str, token: str) -> Seen:
    """Check that the agent answers a stream with this token."""
    async with world.socket() as socket:
        await socket.send(world.start_message(call_sid, token))
        async with asyncio.timeout(5):
            answer = await socket.recv()
    return seen_if('"media"' in str(answer), "the stream was not accepted")


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

    return await asks_for_number(world, times, _each(send))


def _send_huge(url: str, headers: dict[str, str]) -> int:
    """The code with which the connection is closed; 1006 if it is dropped."""
    with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
        try:
            socket.send("x" * _HUGE_BYTES)
            socket.recv(timeout=5)
        except ConnectionClosed as closed:
            return 1006 if closed.rcvd is None else closed.rcvd.code
    return 0


async def _nothing(_: Sequence[Call]) -> None:
    pass


def _each(do: Callable[[Call], Awaitable[None]]) -> Meanwhile:
    async def do_to_all(calls: Sequence[Call]) -> None:
        await asyncio.gather(*map(do, calls))

    return do_to_all


def _without_token(twiml: str) -> str:
    return twiml.partition("<Parameter")[0]


FAULTS = (
    Fault(
        "Twilio's socket is dropped",
        "taken over if Twilio asks what to do",
        _dropped,
        most_silence_ms=3_000,
    ),
    Fault(
        "Twilio's socket is dropped, and Twilio ends the call",
        "lost; the callbacks complete its record and say why",
        _ends_the_call,
    ),
    Fault(
        "Twilio stops reading",
        "the stream is closed within 6 s; taken over once Twilio sees that",
        _stops_reading,
        most_silence_ms=12_000,
    ),
    Fault(
        "Twilio's socket is half dead",
        "as when it stops reading",
        _half_dead,
        most_silence_ms=12_000,
    ),
    Fault("the webhook comes twice", "the same answer: one call, one stream", _webhook_twice),
    Fault(
        "`/after-stream` comes again, after a take-over",
        "the call isn't taken over twice",
        _after_stream_again,
        most_silence_ms=3_000,
    ),
    Fault(
        "callbacks come before their call",
        "logged, or get the fallback number; the call is answered",
        _callbacks_first,
    ),
    Fault(
        "a call's end is reported before its beginning",
        "hung up; it takes no place on the line",
        _end_first,
    ),
    Fault(
        "`/after-stream` of a call that is over",
        "hung up; the record doesn't change",
        _after_stream_when_over,
    ),
    Fault(
        "a forged, a replayed and an expired token",
        "refused (1008) before any model is dialled",
        _bad_tokens,
    ),
    Fault("clocks differ by 30 s", "accepted", _clocks_differ),
    Fault(
        "100 connections never say start",
        "closed after 5 s; beyond 64, the oldest make room for callers",
        _never_say_start,
    ),
    Fault("a message of 10 MB", "that connection is closed", _huge_message),
)
