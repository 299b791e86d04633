"""Faults of Ringdown's processes."""

import asyncio
import signal
from collections.abc import Sequence

from simulators.twilio import Call
from tests.faults.fault import Fault, Seen
from tests.faults.story import Meanwhile, asks_for_number, handed_over, taken_over
from tests.faults.world import World

_CALLS = 20
_LEAVES_WITHIN_S = 11.0
"""How long a handler may take to leave: eight seconds for a turn to end, and some to save."""
_NOTICED_WITHIN_S = 9.0
"""How long it may take to notice a frozen handler, which is probed every two seconds and has two
seconds to respond."""


async def _killed(world: World, times: int) -> list[Seen]:
    return await _signalled(world, times, signal.SIGKILL, 1)


async def _one_of_two_killed(world: World, times: int) -> list[Seen]:
    return await _signalled(world, times, signal.SIGKILL, _CALLS)


async def _one_of_two_stopped(world: World, times: int) -> list[Seen]:
    seen: list[Seen] = []
    for _ in range(times):
        stop = _sends(world, signal.SIGTERM)
        seen += await handed_over(world, _CALLS, stop, hit_within_s=_LEAVES_WITHIN_S)
        await world.all_ready()
    return seen


async def _frozen_for_good(world: World, times: int) -> list[Seen]:
    calls = len(world.handlers)  # with two handlers, each gets one call
    return await _signalled(world, times, signal.SIGSTOP, calls, hit_within_s=_NOTICED_WITHIN_S)


async def _signalled(
    world: World, times: int, number: signal.Signals, calls: int, hit_within_s: float = 2.0
) -> list[Seen]:
    """Carry `calls` calls in parallel and send the first handler a signal, `times` times."""
    seen: list[Seen] = []
    for _ in range(times):
        seen += await taken_over(world, calls, _sends(world, number), hit_within_s=hit_within_s)
        await world.all_ready()
    return seen


def _sends(world: World, number: signal.Signals) -> Meanwhile:
    async def send(_: Sequence[Call]) -> None:
        world.signal(world.handlers[0], number)

    return send


async def _frozen_for_3_s(world: World, times: int) -> list[Seen]:
    async def freeze(_: Sequence[Call]) -> None:
        world.signal(world.handlers[0], signal.SIGSTOP)
        await asyncio.sleep(3.0)
        world.signal(world.handlers[0], signal.SIGCONT)

    return [seen for _ in range(times) for seen in await asks_for_number(world, 1, freeze)]


FAULTS = (
    Fault(
        "kill -9, one handler",
        "it restarts and takes over",
        _killed,
        most_silence_ms=15_000,
    ),
    Fault(
        "kill -9 of one of two handlers, 20 calls",
        "the other takes over",
        _one_of_two_killed,
        handlers=2,
        most_silence_ms=3_000,
    ),
    Fault(
        "SIGTERM to one of two handlers, 20 calls",
        "calls are handed over when it is the caller's turn; callers notice nothing",
        _one_of_two_stopped,
        handlers=2,
        most_silence_ms=1_000,
    ),
    Fault(
        "a handler is frozen for 3 s (SIGSTOP)",
        "the caller hears what was already sent; the call continues",
        _frozen_for_3_s,
        most_silence_ms=4_000,
    ),
    Fault(
        "the only handler is frozen for 30 s",
        "killed, as by Cloud Run's liveness probe; restarts and takes over",
        _frozen_for_good,
        most_silence_ms=15_000,
    ),
    Fault(
        "one of two handlers is frozen for 30 s",
        "killed; the other takes over",
        _frozen_for_good,
        handlers=2,
        most_silence_ms=9_000,
    ),
)
