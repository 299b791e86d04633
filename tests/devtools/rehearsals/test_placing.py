import pytest
from msgspec.structs import replace

from devtools.rehearsals.placing import judged
from ringdown.calls import EndReason
from tests.ringdown.rehearsals.samples import PERSONA, a_record, a_run

SLOW = tuple(replace(turn, reply_ms=9_000) for turn in a_record().turns)


@pytest.mark.parametrize(
    ("late_ms", "ending", "passed"),
    [
        (0, EndReason.AGENT_HUNG_UP, False),
        (500, EndReason.AGENT_HUNG_UP, None),
        (500, EndReason.CALLER_IDLE, False),
    ],
)
def test_a_busy_machine_is_to_blame_for_the_call_and_never_for_a_fact(
    late_ms: int, ending: EndReason, passed: bool | None
) -> None:
    run = replace(a_run(a_record(turns=SLOW, ending=ending)), persona=PERSONA)

    found = judged(run, late_ms)

    assert found.passed is passed
    assert ("too busy" in (found.partial or "")) is (passed is None)


def test_a_call_that_went_well_did_so_whatever_the_machine_was_doing() -> None:
    assert judged(a_run(), 500).passed is True
