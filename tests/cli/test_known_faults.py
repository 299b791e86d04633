"""What the operators' commands still do wrong."""

import pytest

from ringdown_cli.agents.yaml_text import NotReadable, from_yaml
from tests.cli.agents.stored_agents import read, save
from tests.cli.command_line import CommandLine

GOOD = "instructions: Be brief.\ngreeting: Hello.\n"


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


@pytest.mark.xfail(
    strict=True,
    raises=ValueError,
    reason="YAML that its library can't read leaves a traceback.",
)
def test_what_yaml_cannot_read_is_told() -> None:
    with pytest.raises(NotReadable):
        from_yaml(f"{GOOD}max_call_s: {'9' * 5_000}\n")


@pytest.mark.xfail(
    strict=True,
    raises=pytest.fail.Exception,
    reason="Aliases in YAML grow into more than a process can hold.",
)
def test_aliases_are_refused() -> None:
    with pytest.raises(NotReadable):
        from_yaml(f"{GOOD}a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
