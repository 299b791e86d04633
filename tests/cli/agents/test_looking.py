"""`agents list`, `show` and `validate`."""

import json

import msgspec
import pytest

from ringdown.agents.yaml_text import from_yaml, to_yaml
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, read, save, write
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import a_tool


def test_the_list_tells_the_state_of_agents_drafts_and_numbers(shop: CommandLine) -> None:
    revision = save(shop)
    write(shop, {**DOCUMENT, "voice": "Korr", "testers": [TESTER]}, draft=True)
    write(shop, {**DOCUMENT, "voice": "Korr"}, agent_id="night")
    shop.run("numbers", "set", "+14155550100", "shop")
    ran = shop.run("agents", "list")
    assert ran.status == 0, ran.all
    lines = [line.split() for line in ran.said.splitlines()]
    assert lines == [
        ["agent", "state", "revision", "draft", "numbers"],
        ["night", "broken"],
        ["shop", "ok", revision, "broken", "+14155550100"],
    ]
    assert [row["agent"] for row in json.loads(shop.run("agents", "list", "--json").said)] == [
        "night",
        "shop",
    ]


def test_a_broken_agent_is_listed_with_the_revision_that_answers(shop: CommandLine) -> None:
    revision = save(shop)
    write(shop, {**DOCUMENT, "voice": "Korr"})
    assert f"broken; revision {revision} answers" in shop.run("agents", "list").said


def test_an_empty_store_says_what_answers_and_what_to_do(command_line: CommandLine) -> None:
    command_line.run("agents", "seed")
    shown = CommandLine(command_line.folder / "other")
    shown.folder.mkdir()
    shown.with_store(lambda store: store.list_agents())
    ran = shown.run("agents", "list")
    assert ran.status == 0
    assert "To make it yours: ringdown agents seed" in ran.complained


def test_what_is_shown_can_be_saved_again(shop: CommandLine) -> None:
    revision = save(shop)
    ran = shop.run("agents", "show", "shop")
    assert ran.said.startswith(f"# agents/shop: ok, revision {revision}\n")
    assert from_yaml(ran.said) == DOCUMENT


def test_a_broken_agent_is_shown_with_what_is_wrong(shop: CommandLine) -> None:
    write(shop, {**DOCUMENT, "voice": "Korr"})
    said = shop.run("agents", "show", "shop").said
    assert said.startswith("# agents/shop: broken; revision ")
    assert "\n# - voice: there is no voice" in said


def test_what_is_worth_knowing_is_shown_beside_a_good_agent(shop: CommandLine) -> None:
    parameters = {"type": "object", "properties": {"size": {"type": "integer", "enum": [1, 2]}}}
    tool = msgspec.structs.replace(a_tool("check_stock"), parameters=parameters)
    shop.with_store(lambda store: store.write_tool(tool))
    ran = shop.run(
        *("agents", "edit", "shop", "--file", "-", "--yes"),
        answers=to_yaml({**DOCUMENT, "tools": ["check_stock"], "temperature": 0.5}),
    )
    assert ran.status == 0, ran.all
    assert "Note on tools: check_stock: the model gets a simpler form" in ran.said

    said = shop.run("agents", "show", "shop").said
    assert said.startswith("# agents/shop: ok, revision ")
    assert "\n# - temperature: gemini-3.8-live may ignore it" in said
    assert "\n# - tools: check_stock: the model gets a simpler form of its parameters:" in said
    assert shop.run("agents", "validate", "shop").status == 0
    status = read(shop).status
    assert status is not None
    assert status.error is None
    assert "size as text" in str(status.notes)


def test_a_retired_model_is_shown_with_its_successor(shop: CommandLine) -> None:
    write(shop, {**DOCUMENT, "model": "gemini-3.1-flash-live-preview"})
    said = shop.run("agents", "show", "shop").said
    assert said.startswith("# agents/shop: ok, with remarks, revision ")
    assert "\n# - model: gemini-3.1-flash-live-preview was retired on 2026-11-17" in said


def test_an_earlier_revision_is_shown(shop: CommandLine) -> None:
    first = save(shop)
    save(shop, voice="Puck")
    ran = shop.run("agents", "show", "shop", "--revision", first[:5])
    assert ran.said.startswith(f"# revision {first}, last in use ")
    assert from_yaml(ran.said) == {k: v for k, v in DOCUMENT.items() if k != "voice"}


def test_scripts_get_the_document(shop: CommandLine) -> None:
    assert json.loads(shop.run("agents", "show", "shop", "--json").said) == DOCUMENT


@pytest.mark.parametrize("draft", [[], ["--draft"]])
def test_what_is_not_there_is_told(shop: CommandLine, draft: list[str]) -> None:
    ran = shop.run("agents", "show", "gone", *draft)
    assert ran.status == 1
    assert ran.complained.startswith("gone has no draft." if draft else "There is no agent gone.")


# Validating


def test_a_good_file_needs_no_store(command_line: CommandLine) -> None:
    file = command_line.folder / "agent.yaml"
    file.write_text(to_yaml(DOCUMENT))
    ran = command_line.run("agents", "validate", str(file), environ={})
    assert (ran.status, ran.complained) == (0, "")
    assert ran.said == (f"{file} can answer calls. (Without a store, its tools weren't checked.)\n")


def test_everything_that_is_wrong_with_a_file_is_told(command_line: CommandLine) -> None:
    text = "instructions: Hi {nme}\ngreeting: 5\nvoice: Korr\nlanguage: english\n"
    ran = command_line.run("agents", "validate", "-", answers=text, environ={})
    assert ran.status == 1
    for field in ("instructions", "greeting", "voice", "language"):
        assert f"  - {field}: " in ran.complained


def test_tools_are_those_of_the_store(shop: CommandLine) -> None:
    text = to_yaml({**DOCUMENT, "tools": ["lookup_acount"]})
    ran = shop.run("agents", "validate", "-", answers=text)
    assert ran.status == 1
    assert ran.complained.startswith("- can be used, but:\n  - tools: there is no tool")
    assert "Did you mean lookup_account?" in ran.complained


def test_a_stored_agent_and_its_draft_are_validated(shop: CommandLine) -> None:
    write(shop, {**DOCUMENT, "voice": "Korr", "testers": [TESTER]}, draft=True)
    assert shop.run("agents", "validate", "shop").status == 0
    assert shop.run("agents", "validate", "shop", "--draft").status == 1


def test_a_file_that_is_no_yaml_is_told_by_line(command_line: CommandLine) -> None:
    ran = command_line.run("agents", "validate", "-", answers="a: b: c", environ={})
    assert ran.status == 1
    assert ran.complained.startswith("-: Line 1 cannot be read")
