"""`agents try` with the stand-in, started by the command or as another endpoint."""

import pytest

from ringdown.tools import Json
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, write
from tests.cli.command_line import CommandLine

GOOD: Json = {"caller": "What do the roses cost?", "answer_contains": ["TEN dollars", "roses"]}
BAD: Json = {"caller": "What do the tulips cost?", "answer_contains": ["five dollars"]}


@pytest.fixture
def with_examples(shop: CommandLine) -> CommandLine:
    write(shop, {**DOCUMENT, "examples": [GOOD]})
    write(shop, {**DOCUMENT, "examples": [GOOD, BAD], "testers": [TESTER]}, draft=True)
    return shop


def test_examples_whose_answers_are_in_the_instructions_pass(with_examples: CommandLine) -> None:
    ran = with_examples.run("agents", "try", "shop")
    assert ran.status == 0, ran.all
    assert "with a stand-in" in ran.said
    assert "set GEMINI_API_KEY" in ran.said
    assert "✓ What do the roses cost?" in ran.said
    assert "    You sell flowers. The roses cost ten dollars.\n" in ran.said
    assert ran.said.endswith("All answers contain what they must.\n")


def test_a_draft_that_lacks_a_fact_fails_and_says_which(with_examples: CommandLine) -> None:
    ran = with_examples.run("agents", "try", "shop", "--draft")
    assert ran.status == 1
    lines = ran.said.splitlines()
    assert lines[-1] == "1 of 2 failed."
    assert "    missing: “five dollars”" in lines
    assert [line[0] for line in lines if line[0] in "✓✗"] == ["✓", "✗"], "in their order"


def test_an_agent_without_examples_is_told_how_to_write_some(shop: CommandLine) -> None:
    ran = shop.run("agents", "try", "shop")
    assert ran.status == 1
    assert "agents/shop has no examples to try. Add some" in ran.complained


def test_a_broken_draft_is_not_tried(shop: CommandLine) -> None:
    write(shop, {**DOCUMENT, "voice": "Korr", "examples": [GOOD]}, draft=True)
    ran = shop.run("agents", "try", "shop", "--draft")
    assert ran.status == 1
    assert 'there is no voice "Korr"' in ran.complained


def test_a_model_that_cannot_be_reached_is_told(with_examples: CommandLine) -> None:
    with_examples.environ["GEMINI_BASE_URL"] = "https://127.0.0.1:1"
    ran = with_examples.run("agents", "try", "shop")
    assert ran.status == 1
    assert "✗ What do the roses cost?" in ran.said
    assert "    The model failed: " in ran.said
