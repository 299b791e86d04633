"""The demonstration call's exit status."""

import pytest

from devtools.demonstration import Outcome
from ringdown_cli.command import BROKEN, DONE, TOO_BUSY


@pytest.mark.parametrize(
    ("problems", "late_ms", "load", "status"),
    [
        ((), 10, 0.5, DONE),
        ((), 500, 3.0, DONE),
        (("a sentence is missing",), 20, 0.9, BROKEN),
        (("a sentence is missing",), 21, 0.9, TOO_BUSY),
        (("a sentence is missing",), 20, 1.5, TOO_BUSY),
    ],
)
def test_only_a_damaged_call_can_be_the_fault_of_a_busy_machine(
    problems: tuple[str, ...], late_ms: int, load: float, status: int
) -> None:
    assert Outcome(None, (), (), problems, late_ms, load).status == status
