"""What the demonstration call's exit status says."""

import pytest

from devtools.demonstration import Outcome
from ringdown_cli.command import BROKEN, DONE, TOO_BUSY


@pytest.mark.parametrize(
    ("problems", "late_ms", "status"),
    [
        ((), 10, DONE),
        ((), 500, DONE),
        (("a sentence is missing",), 20, BROKEN),
        (("a sentence is missing",), 21, TOO_BUSY),
    ],
)
def test_only_a_damaged_call_can_be_the_fault_of_a_busy_machine(
    problems: tuple[str, ...], late_ms: int, status: int
) -> None:
    assert Outcome(None, (), (), problems, late_ms).status == status
