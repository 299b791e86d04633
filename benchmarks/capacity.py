"""`python -m benchmarks.capacity`: what so many calls at once need, and what they cost.

Takes what `make bench` measured and writes docs/capacity.md, its plot, and the few figures that it
stands on (docs/capacity/measured.json). Limits of others are facts with a source; none was tried.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks import costs
from benchmarks.day import TARGET, Day, Deployment, Traffic, needed, simulate
from benchmarks.installing import InstallFailed, ensure_extras
from benchmarks.report.capacity import PAGE, Section, day_table, page, table
from benchmarks.report.day_plot import draw
from benchmarks.report.figures import OURS, LoadFigures
from benchmarks.results import LoadPoint, Results, read_results
from devtools.processes import say

DOCS = Path(__file__).resolve().parents[1] / "docs"
MEASURED = Path("capacity") / "measured.json"
PLOT = Path("capacity") / "day.svg"

# What terraform/variables.tf has for calls_per_instance, max_instances and min_instances: a test
# compares them.
DEFAULTS = (20, 5, 0)
BUSIEST_CALLS = 40.0
"""Of the simulated day: what the defaults are for."""

_PLATFORM_S = 2.0
"""To place and start a container before ours runs: assumed, and more for an image never seen."""
_LATE_MS = 20.0
_INSTANCE_MB = 1024.0
_SIZES = (10, 1_000, 10_000)
_BIG = 50
"""calls_per_instance for lines of hundreds of calls."""
_LOADED = 50
_FIRESTORE_START, _FIRESTORE_GROWTH, _FIRESTORE_STEP_MIN = 500.0, 1.5, 5.0


class Measured(msgspec.Struct, frozen=True):
    """On one core of the machine that measured."""

    cpu: str
    date: str
    core_per_call: float
    """Share of a core at fifty calls, or the most measured below."""
    most_calls: int
    """With uplink p99 under 20 ms and nothing lost."""
    idle_mb: float
    call_mb: float
    handler_start_s: float
    webhook_start_s: float
    webhook_p50_ms: float


def measured(results: Results) -> Measured:
    """Raises ValueError if the results lack what is needed."""
    load = LoadFigures(results.load)
    ours = [calls for calls in load.calls if calls <= _LOADED and load.at(OURS, calls)]
    starts = {
        name: [s.import_to_ready_s for s in results.cold if s.name == name]
        for name in ("stream_handler", "incoming_call")
    }
    if not ours or not all(starts.values()) or not results.webhook:
        raise ValueError("the results lack load, cold starts or the webhook: run make bench")
    points = load.at(OURS, ours[-1])
    return Measured(
        cpu=results.machine.cpu,
        date=results.machine.date,
        core_per_call=median(point.core_share_per_call for point in points),
        most_calls=max((c for c in load.calls if _is_good(load.at(OURS, c))), default=0),
        idle_mb=median(point.idle_memory_mb for point in points),
        call_mb=median(point.memory_per_call_mb for point in points),
        handler_start_s=median(starts["stream_handler"]),
        webhook_start_s=median(starts["incoming_call"]),
        webhook_p50_ms=median(time.p50_ms for time in results.webhook),
    )


def _is_good(points: Sequence[LoadPoint]) -> bool:
    late_ms = [p.uplink.p99_ms for p in points if p.uplink.p99_ms is not None]
    lost = any(p.uplink_lost_ms or p.downlink_lost_bursts or p.calls_failed for p in points)
    return bool(late_ms) and not lost and median(late_ms) < _LATE_MS


def deployment(
    found: Measured, calls_per_instance: int, max_instances: int, min_instances: int
) -> Deployment:
    return Deployment(
        calls_per_instance=calls_per_instance,
        max_instances=max_instances,
        min_instances=min_instances,
        core_per_call=found.core_per_call,
        start_s=_PLATFORM_S + found.handler_start_s,
    )


def sized(found: Measured, calls: int) -> tuple[int, int]:
    """`calls_per_instance` and `max_instances` for so many calls at once."""
    per_instance, least, _ = DEFAULTS
    if calls > per_instance * least:
        per_instance = _BIG
    wanted = needed(calls, deployment(found, per_instance, 0, 0))
    return per_instance, max(wanted, least)


def hour_usd(found: Measured, calls: int) -> dict[str, float]:
    """What an hour with so many calls at once costs, by who bills it."""
    minutes = 60.0 * calls
    begun = minutes / costs.CALL_MIN
    per_instance, _ = sized(found, calls)
    instances = needed(calls, deployment(found, per_instance, 0, 0))
    month = costs.month_usd(minutes)
    return {
        "Gemini": month["Gemini"],
        "Twilio": minutes * (costs.TWILIO_INBOUND.usd + costs.TWILIO_STREAM.usd),
        "Cloud Run": instances * 3_600 * (costs.RUN_CPU.usd + costs.RUN_MEMORY.usd),
        "Functions": begun * month["Functions"] / (minutes / costs.CALL_MIN),
        "Firestore": month["Firestore"],
    }


def ramp_min(writes_per_s: float) -> float:
    """How long Firestore wants to be led up to so many writes (500, then half more each 5 min)."""
    steps = math.log(max(writes_per_s / _FIRESTORE_START, 1.0), _FIRESTORE_GROWTH)
    return math.ceil(steps) * _FIRESTORE_STEP_MIN


def written(found: Measured) -> str:
    """docs/capacity.md."""
    return page(
        {
            Section.MEASURED: table(("measured", "figure"), _measured(found)),
            Section.SIZES: table(
                ("calls at once", *(f"{calls:,}" for calls in _SIZES)), _sizes(found)
            ),
            Section.MONEY: table(
                ("USD an hour, at", *(f"{calls:,}" for calls in _SIZES)), _money(found)
            ),
            Section.DAY: day_table(the_day(found)),
        },
        busiest=BUSIEST_CALLS,
        start_s=_PLATFORM_S + found.handler_start_s,
        defaults=DEFAULTS,
        big=_BIG,
    )


def the_day(found: Measured) -> Day:
    return simulate(deployment(found, *DEFAULTS), Traffic(BUSIEST_CALLS))


def _measured(found: Measured) -> Iterator[tuple[str, str]]:
    yield "processor", f"{found.cpu}, {found.date}"
    yield "core per call", f"{100 * found.core_per_call:.2f} %"
    yield "calls that a core carries, uplink p99 under 20 ms, nothing lost", f"{found.most_calls}"
    at_target = TARGET / found.core_per_call
    yield (
        "calls at which a core is used by 60 %, where Cloud Run adds an instance",
        f"{at_target:.0f}",
    )
    yield "memory: the process, and each call", f"{found.idle_mb:.0f} MB + {found.call_mb:.2f} MB"
    by_memory = (_INSTANCE_MB - found.idle_mb) / found.call_mb
    yield "calls for which 1 GiB would do", f"{by_memory:,.0f}"
    yield (
        "handler's start, webhook's start",
        (f"{found.handler_start_s:.2f} s, {found.webhook_start_s:.2f} s"),
    )
    yield "webhook, warm", f"{found.webhook_p50_ms:.1f} ms"


def _sizes(found: Measured) -> Iterator[tuple[str, ...]]:
    per = {calls: sized(found, calls) for calls in _SIZES}
    yield "`calls_per_instance`", *(str(per[calls][0]) for calls in _SIZES)
    wanted = {c: needed(c, deployment(found, per[c][0], 0, 0)) for c in _SIZES}
    yield "instances (of one vCPU) at 60 %", *(f"{wanted[calls]:,}" for calls in _SIZES)
    yield "`max_instances`, at least", *(f"{per[calls][1]:,}" for calls in _SIZES)
    full = {c: math.ceil(c / per[c][0]) for c in _SIZES}
    yield "instances if all were full", *(f"{full[calls]:,}" for calls in _SIZES)
    used = {c: 100 * min(c / wanted[c], per[c][0]) * found.core_per_call for c in _SIZES}
    yield "of each vCPU used", *(f"{used[calls]:.0f} %" for calls in _SIZES)
    begun = {c: c / (costs.CALL_MIN * 60) for c in _SIZES}
    yield "new calls a second", *(_rate(begun[calls]) for calls in _SIZES)
    asked = {c: begun[c] * costs.REQUESTS_PER_CALL for c in _SIZES}
    yield "requests to functions a second", *(_rate(asked[calls]) for calls in _SIZES)
    writes = {c: c * costs.WRITES_PER_MINUTE / 60 for c in _SIZES}
    yield "Firestore writes a second", *(f"{writes[calls]:,.0f}" for calls in _SIZES)
    yield "to be led up to in, min", *(f"{ramp_min(writes[calls]):.0f}" for calls in _SIZES)
    yield "Gemini sessions at once", *(f"{calls:,}" for calls in _SIZES)


def _rate(a_second: float) -> str:
    return f"{a_second:,.0f}" if a_second >= 10 else f"{a_second:.2f}"


def _money(found: Measured) -> Iterator[tuple[str, ...]]:
    bills = [hour_usd(found, calls) for calls in _SIZES]
    for who in bills[0]:
        yield who, *(f"{bill[who]:,.2f}" for bill in bills)
    yield "**together**", *(f"**{sum(bill.values()):,.2f}**" for bill in bills)
    each = (sum(b.values()) / c / 60 for b, c in zip(bills, _SIZES, strict=True))
    yield "a minute of a call", *(f"{usd:.3f}" for usd in each)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument(
        "--results", type=Path, default=Path("out/bench/results.json"), help="(%(default)s)"
    )
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the page goes")
    given = parser.parse_args(argv)
    try:
        ensure_extras()
        found = measured(read_results(given.results))
    except (OSError, ValueError, msgspec.ValidationError, InstallFailed) as failure:
        say(f"{failure}")
        return 1
    (given.docs / MEASURED).parent.mkdir(exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(found), indent=2)
    (given.docs / MEASURED).write_bytes(text + b"\n")
    draw(the_day(found), DEFAULTS[0], given.docs / PLOT)
    (given.docs / PAGE).write_text(written(found), "utf-8")
    say(f"Wrote {given.docs / PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
