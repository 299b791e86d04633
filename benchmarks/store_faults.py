"""The caller's audio while Firestore is well, slow, or gone: side by side, in every run.

The emulator is behind a hop in the rig's process. The fault begins when all calls are up, so that
each is one that Firestore let in; from then on everything that a call records has to wait.
"""

import asyncio
import os
import secrets
from collections.abc import Coroutine, Iterator

import uvloop

from benchmarks.results import LoadPoint
from benchmarks.rig.point import Load, measure
from benchmarks.rig.usage import Pins, find_pins, kept_to_rig_core
from benchmarks.targets import Ringdown
from simulators.hop import Hop, hop_before

EMULATOR = "FIRESTORE_EMULATOR_HOST"
CALLS = 50
SLOW_S = 2.0
WELL, SLOW, GONE = "well", f"{SLOW_S:g} s slow", "gone"
STATES = (WELL, SLOW, GONE)
NO_EMULATOR = (
    f"Firestore's emulator is needed: set {EMULATOR} to the address of one, such as 127.0.0.1:8915"
    " after `gcloud emulators firestore start --host-port=127.0.0.1:8915`."
)
_WARM_UP_S = 1.0  # the emulator's first calls are slow, as those of any Java program
_SETTLE_S = 4.0  # longer than a slow request, so that writes wait when the window begins


def emulator() -> str | None:
    """Where the emulator listens, if one was named."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")  # it warns of each process we start
    return os.environ.get(EMULATOR) or None


def measure_run(host: str, run: int, seconds: float) -> Iterator[LoadPoint]:
    """One run: a point for each state, whose `target` names it.

    Raises devtools.processes.ProcessFailed, benchmarks.rig.usage.TargetDied, and StoreUnavailable
    if the emulator does not answer before any fault.
    """
    pins = find_pins()
    if run == 1:
        _run(_measure(host, WELL, run, _WARM_UP_S, pins), pins)
    for state in STATES:
        yield _run(_measure(host, state, run, seconds, pins), pins)


def _run(measuring: Coroutine[None, None, LoadPoint], pins: Pins | None) -> LoadPoint:
    with kept_to_rig_core(pins), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measuring)


async def _measure(host: str, state: str, run: int, seconds: float, pins: Pins | None) -> LoadPoint:
    load = Load(CALLS, run, seconds, settle_s=_SETTLE_S, pins=pins)
    try:
        async with hop_before(host) as hop:
            target = Ringdown(
                name=state,
                store_url=f"firestore:bench-{secrets.token_hex(6)}",
                environ={EMULATOR: hop.host},
            )
            return await measure(target, load, loaded=lambda: _cause(hop, state))
    except ExceptionGroup as failures:  # the hop's
        raise failures.exceptions[0] from None


def _cause(hop: Hop, state: str) -> None:
    if state == SLOW:
        hop.delay_s = SLOW_S
    elif state == GONE:
        hop.leave()
