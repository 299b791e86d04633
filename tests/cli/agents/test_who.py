"""Who edited an agent and why, in its history."""

import json
from pathlib import Path

import pytest

from ringdown.agents.yaml_text import to_yaml
from ringdown_cli.agents.who import editor_of
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, save, write
from tests.cli.command_line import CommandLine

EDIT = ("agents", "edit", "shop")


@pytest.fixture
def annas(shop: CommandLine) -> CommandLine:
    shop.environ["USER"] = "anna"
    return shop


def events(command_line: CommandLine) -> list[tuple[str | None, str | None, str]]:
    """Who, why and what, newest first."""
    rows = json.loads(command_line.run("agents", "history", "shop", "--json").said)
    return [(row["who"], row["why"], row["what_changed"]) for row in rows]


def test_an_edit_says_who_and_why(annas: CommandLine) -> None:
    text = to_yaml({**DOCUMENT, "voice": "Puck"})
    annas.run(*EDIT, "--file", "-", "--yes", "-m", "A friendlier voice", answers=text)
    assert events(annas)[0] == ("anna", "A friendlier voice", 'voice: "Kore" → "Puck"')
    said = annas.run("agents", "history", "shop").said
    assert "anna  answers calls  A friendlier voice  voice" in said


def test_who_edits_is_asked_why_and_need_not_say(annas: CommandLine) -> None:
    for answers, why in (("y\nNew prices.\n", "New prices."), ("y\n\n", None)):
        new = "two" if why else "three"
        source = f"text = text.replace('ten', {new!r}).replace('two', {new!r})"
        annas.environ["EDITOR"] = annas.editor(source)
        ran = annas.run(*EDIT, answers=answers)
        assert ran.status == 0, ran.all
        assert "Why? (for the history; press Enter to skip)" in ran.complained
        assert events(annas)[0][:2] == ("anna", why)


def test_who_publishes_and_who_rolls_back(annas: CommandLine) -> None:
    write(annas, {**DOCUMENT, "voice": "Puck", "testers": [TESTER]}, draft=True)
    annas.run("agents", "publish", "shop", "--yes", "-m", "Testers like it")
    annas.environ["USER"] = "ben"
    annas.run("agents", "rollback", "shop", "--yes", "-m", "Callers don't")
    (back, published, *_) = events(annas)
    assert back[:2] == ("ben", "Callers don't")
    assert back[2].startswith("rolled back from ")
    assert published[:2] == ("anna", "Testers like it")


def test_gclouds_account_is_a_better_name_than_this_machines(tmp_path: Path) -> None:
    (tmp_path / "configurations").mkdir()
    (tmp_path / "active_config").write_text("work\n")
    (tmp_path / "configurations" / "config_work").write_text(
        "[core]\naccount = anna@example.com\nproject = my-project\n"
    )
    environ = {"USER": "anna", "CLOUDSDK_CONFIG": str(tmp_path)}
    assert editor_of(environ) == "anna@example.com"
    assert editor_of({"USER": "anna", "CLOUDSDK_CONFIG": str(tmp_path / "gone")}) == "anna"
    (tmp_path / "configurations" / "config_work").write_text("not a configuration")
    assert editor_of(environ) == "anna"


# Whole agents


def test_a_new_agent_must_be_new(annas: CommandLine) -> None:
    ran = annas.run("agents", "new", "shop")
    assert (ran.status, ran.complained) == (
        1,
        "Agent shop already exists. To change it: ringdown agents edit shop\n",
    )
    annas.environ["EDITOR"] = annas.editor("text = text.replace('demonstration', 'night')")
    made = annas.run("agents", "new", "night", answers="y\n\n")
    assert made.status == 0, made.all
    assert "No number uses it yet" in made.said
    assert "ringdown numbers set NUMBER night" in made.said


def test_a_copy_is_an_agent_of_its_own(annas: CommandLine) -> None:
    ran = annas.run("agents", "copy", "shop", "night", "-m", "For the evening")
    assert ran.status == 0, ran.all
    assert ran.said.startswith("agents/night is a copy of agents/shop.\n")
    assert annas.run("agents", "show", "night", "--json").said == (
        annas.run("agents", "show", "shop", "--json").said
    )
    again = annas.run("agents", "copy", "shop", "night")
    assert again.status == 1
    assert again.complained.startswith("Agent night already exists.")
    assert "Did you mean shop?" in annas.run("agents", "copy", "shpo", "late").complained


def test_an_agent_that_is_deleted_can_be_brought_back(annas: CommandLine) -> None:
    revision = save(annas)
    write(annas, {**DOCUMENT, "testers": [TESTER]}, draft=True)
    refused = annas.run("agents", "delete", "shop", answers="\n")
    assert (refused.status, "Nothing was changed." in refused.complained) == (1, True)
    ran = annas.run("agents", "delete", "shop", "--yes")
    assert ran.said.startswith("Deleted agents/shop and its draft. Its revisions are kept.")
    assert annas.run("agents", "show", "shop").status == 1
    text = to_yaml({**DOCUMENT, "greeting": "Hi."})
    annas.run("agents", "new", "shop", "--file", "-", "--yes", answers=text)
    back = annas.run("agents", "rollback", "shop", revision, "--yes")
    assert back.status == 0, back.all


def test_an_agent_that_a_number_names_is_not_deleted(annas: CommandLine) -> None:
    annas.run("numbers", "set", "+14155550100", "shop")
    ran = annas.run("agents", "delete", "shop", "--yes")
    assert ran.status == 1
    assert ran.complained == (
        "shop still answers 1 number. First run:\nringdown numbers unset +14155550100\n"
    )
    assert "can't be deleted" in annas.run("agents", "delete", "default").complained


def test_what_differs(annas: CommandLine) -> None:
    first = save(annas)
    second = save(annas, voice="Puck")
    save(annas, voice="Leda")
    assert "-voice: Puck\n+voice: Leda\n" in annas.run("agents", "diff", "shop").said
    assert "+voice: Leda\n" in annas.run("agents", "diff", "shop", first[:6]).said
    two = annas.run("agents", "diff", "shop", first, second)
    assert "+voice: Puck\n" in two.said, "Kore is the default, so it is not in the first"
    assert two.complained == f"From revision {first} to revision {second}:\n"
    write(annas, {**DOCUMENT, "voice": "Zephyr", "testers": [TESTER]}, draft=True)
    draft = annas.run("agents", "diff", "shop")
    assert "-voice: Leda\n+voice: Zephyr\n" in draft.said
    assert "testers" not in draft.said


def test_without_anything_to_compare_with_it_says_so(annas: CommandLine) -> None:
    ran = annas.run("agents", "diff", "shop")
    assert (ran.status, ran.complained) == (
        1,
        "shop has no draft and no earlier revision.\n",
    )
