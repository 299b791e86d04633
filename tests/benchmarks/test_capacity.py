"""The sums behind docs/capacity.md, and that Terraform's defaults are the page's."""

import re

import msgspec
import pytest

from benchmarks.capacity import DEFAULTS, DOCS, MEASURED, Measured, ramp_min, sized, written
from benchmarks.day import Deployment, Traffic, needed, simulate
from benchmarks.report.capacity import PAGE
from tests.terraform.stand_in import ROOT

FOUND = Measured(
    cpu="Some CPU",
    date="2026-01-02",
    core_per_call=0.01,
    most_calls=100,
    idle_mb=90.0,
    call_mb=0.3,
    handler_start_s=1.0,
    webhook_start_s=0.7,
    webhook_p50_ms=10.0,
)
LINE = Deployment(
    calls_per_instance=20, max_instances=5, min_instances=0, core_per_call=0.01, start_s=3.0
)


def change(**fields: float) -> Deployment:
    return msgspec.convert(
        {name: fields.get(name, getattr(LINE, name)) for name in LINE.__slots__}, Deployment
    )


def test_the_page_is_what_the_sums_say() -> None:
    found = msgspec.json.decode((DOCS / MEASURED).read_bytes(), type=Measured)

    assert (DOCS / PAGE).read_text("utf-8") == written(found), "run python -m benchmarks.capacity"


def test_terraforms_defaults_are_the_pages() -> None:
    variables = (ROOT / "terraform" / "variables.tf").read_text("utf-8")

    def default(name: str) -> int:
        found = re.search(rf'variable "{name}" {{.*?default\s+= (\d+)', variables, re.DOTALL)
        assert found, f"terraform/variables.tf has no number for {name}"
        return int(found[1])

    names = ("calls_per_instance", "max_instances", "min_instances")
    assert tuple(default(name) for name in names) == DEFAULTS
    service = (ROOT / "terraform" / "stream_handler.tf").read_text("utf-8")
    assert re.search(r'cpu\s+= "1"\s+memory = "1Gi"', service), "the page has 1 vCPU and 1 GiB"


@pytest.mark.parametrize(
    ("calls", "core_per_call", "instances"),
    [(0, 0.01, 0), (1, 0.01, 1), (12, 0.01, 1), (13, 0.01, 2), (12, 0.1, 2), (120, 0.01, 10)],
)
def test_cloud_run_keeps_both_drivers_at_60_percent(
    calls: int, core_per_call: float, instances: int
) -> None:
    assert needed(calls, change(core_per_call=core_per_call)) == instances


def test_small_lines_get_the_defaults_and_big_ones_what_they_need() -> None:
    assert sized(FOUND, 10) == DEFAULTS[:2]
    assert sized(FOUND, 1_000) == (50, 34)


def test_firestore_is_led_up_to_many_writes() -> None:
    assert [ramp_min(writes) for writes in (5, 500, 750, 5_000)] == [0, 0, 5, 30]


def test_a_day_on_the_defaults_turns_nobody_away() -> None:
    day = simulate(LINE, Traffic(busiest_calls=40))

    assert day.calls > 5_000
    assert day.turned_away == 0
    assert 1 < day.most_instances <= LINE.max_instances
    assert max(day.waited_s) <= LINE.start_s
    assert day.taken_up > 0, "nobody noticed the crash"
    assert day.handed_over > 0, "no call was longer than 58 minutes"


def test_a_line_that_is_too_small_turns_callers_away() -> None:
    assert simulate(change(max_instances=1), Traffic(busiest_calls=40)).turned_away > 100


def test_an_instance_that_waits_spares_the_first_caller_the_start() -> None:
    awake = simulate(change(min_instances=1), Traffic(busiest_calls=2))

    assert len(awake.waited_s) == awake.taken_up, "only after the crash"
    assert awake.instance_s >= 23 * 3600
