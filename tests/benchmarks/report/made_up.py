"""Made-up results, for what is told of them."""

from collections.abc import Iterable

from benchmarks.results import (
    ColdStart,
    Conversion,
    Delay,
    LoadPoint,
    Machine,
    Results,
    ToolCallTime,
    WebhookTime,
)

MACHINE = Machine(
    cpu="Some CPU",
    cores=2,
    python="3.11.7",
    kernel="Linux 6.1",
    versions={"uvloop": "0.23.0", "pipecat-ai": "1.14.0"},
    date="2026-01-02",
)


def point(
    target: str,
    calls: int = 50,
    run: int = 1,
    *,
    up_ms: float | None = 1.0,
    p99_ms: float | None = 3.0,
    core: float = 0.01,
    memory_mb: float = 0.2,
    failed: int = 0,
) -> LoadPoint:
    """Every delay has the same p99."""
    return LoadPoint(
        target=target,
        calls=calls,
        run=run,
        uplink=Delay(up_ms, p99_ms, 100),
        downlink=Delay(1.5, p99_ms, 100),
        barge_in=Delay(0.5, p99_ms, 20),
        first_audio=Delay(8.0, p99_ms, calls),
        core_share_per_call=core,
        memory_per_call_mb=memory_mb,
        idle_memory_mb=80.0,
        uplink_lost_ms=0.0,
        downlink_lost_bursts=0,
        calls_failed=failed,
        rig_core_share=0.3,
    )


def results(load: Iterable[LoadPoint], *, only_load: bool = False) -> Results:
    points = list(load)
    runs = max((p.run for p in points), default=0)
    if only_load:
        return Results(machine=MACHINE, load=points, seconds=10, runs=runs)
    return Results(
        machine=MACHINE,
        load=points,
        cold=[ColdStart("python -c pass", 1, 0.02), ColdStart("stream_handler", 1, 0.8)],
        webhook=[WebhookTime(1, 8.0, 14.0), WebhookTime(2, 10.0, 18.0)],
        tools=[ToolCallTime(1, 1.5, 4.0)],
        conversion=[
            Conversion("ringdown", "up", 10.0, 1.2, 80.0, -57.0),
            Conversion("soxr VHQ", "up", 4.0, 98.0, 80.5, -115.0),
        ],
        seconds=10,
        runs=runs,
    )
