"""What the operators' commands still do wrong."""

import pytest

from tests.cli.agents.stored_agents import read, save
from tests.cli.command_line import CommandLine


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="Going back twice brings the bad version back."
)
def test_two_operators_who_both_go_back_are_where_one_would_be(command_line: CommandLine) -> None:
    for greeting in ("The good one.", "The bad one."):
        save(command_line, greeting=greeting)
    greetings = []
    for _ in range(2):
        command_line.run("agents", "rollback", "shop", "--yes")
        greetings.append(read(command_line).document["greeting"])

    assert greetings == ["The good one.", "The good one."]
