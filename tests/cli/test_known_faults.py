"""What the operators' commands still do wrong."""

import pytest

from ringdown.gemini.backend import DeveloperApi
from ringdown.gemini.model_session import ModelError
from ringdown_cli.doctor.model import judge_failure
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


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="A refusal that will not pass is told as one that will.",
)
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1008, "models/gemini-3.1-flash-live-preview was retired on 2026-11-17."),
        (1008, "Your project has been denied access. Please contact support."),
        (1008, "User location is not supported for the API use."),
        (1008, "Policy violation: content was blocked"),
        (1008, "Operation is not implemented, or supported, or enabled."),
        (1007, "Request contains an invalid argument."),
    ],
)
def test_what_will_not_pass_is_not_to_be_waited_for(code: int, reason: str) -> None:
    failure = ModelError(reason, code=code)
    verdict = judge_failure(failure, DeveloperApi("key"), "gemini-3.1-flash-live-preview")

    assert "try again in a minute" not in str(verdict.advice).lower()
