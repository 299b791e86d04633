"""`ringdown rehearsals`, `calls rehearse`, and what `agents rehearse` says before it calls."""

from pathlib import Path

import pytest

from ringdown.rehearsals import Persona
from ringdown.rehearsals.persona_text import packaged_personas, persona_to_yaml
from ringdown.rehearsals.store import list_personas
from tests.cli.agents.stored_agents import DOCUMENT, write
from tests.cli.calls.stored_calls import begin_call, end_call, sid
from tests.cli.command_line import CommandLine, kept_text

NAME = "asks-for-hours"
TEXT = """\
who: Somebody.
wants: The opening hours.
agent: shop
lines:
  - say: When do you open?
  - wait: hangup
"""


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    write(command_line, DOCUMENT)
    return command_line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / f"{NAME}.yaml"
    path.write_text(TEXT, "utf-8")
    return path


def personas(line: CommandLine) -> dict[str, Persona]:
    stored, _ = line.with_store(lambda store: list_personas(store.documents))
    return stored


def test_a_persona_is_saved_listed_shown_and_deleted(line: CommandLine, file: Path) -> None:
    saved = line.run("rehearsals", "edit", NAME, "--file", str(file))
    assert saved.said == (
        f"Saved rehearsals/{NAME}. To have it call: ringdown agents rehearse shop {NAME}\n"
    )
    listed = line.run("rehearsals", "list").said.splitlines()
    assert listed[1].split() == [NAME, "shop", "script", "Somebody."]
    assert line.run("rehearsals", "show", NAME).said == persona_to_yaml(personas(line)[NAME])

    assert line.run("rehearsals", "delete", NAME, answers="n\n").status == 1
    assert line.run("rehearsals", "delete", NAME, "--yes").status == 0
    assert personas(line) == {}


def test_what_ships_is_shown_stored_and_left_as_it_was_changed(line: CommandLine) -> None:
    assert "No personas are stored" in line.run("rehearsals", "list").complained
    assert line.run("rehearsals", "show", "interrupts").said.startswith("who: Someone in a hurry")
    editor = line.editor("text = text.replace('in a hurry', 'with time')")
    line.environ["EDITOR"] = editor
    assert line.run("rehearsals", "edit", "interrupts").status == 0
    assert line.run("rehearsals", "seed").said.startswith("11 personas stored.")
    assert personas(line).keys() == packaged_personas().keys()
    assert "with time" in personas(line)["interrupts"].who


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("who: Somebody.\n", "missing required field `wants`"),
        (TEXT.replace("wait: hangup", "wait: forever"), "lines[1].wait"),
        (TEXT.replace("wait: hangup", "wait: hangup\n    say: And?"), "give one of say, make"),
        (TEXT + "must: {tool: end_call}\n", "unknown field `tool`"),
        (TEXT + "tools: {lookup: [{output: {}, error: No.}]}\n", "give one of output, error"),
        ("lines: [", "cannot be read"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_saved(
    text: str, why: str, line: CommandLine, file: Path
) -> None:
    file.write_text(text, "utf-8")
    ran = line.run("rehearsals", "edit", NAME, "--file", str(file))
    assert ran.status == 1
    assert why in ran.complained
    assert personas(line) == {}


def test_a_text_with_a_mistake_is_kept(line: CommandLine) -> None:
    line.environ["EDITOR"] = line.editor("text = 'who: 7\\n'")
    ran = line.run("rehearsals", "edit", NAME)
    assert ran.status == 1
    assert "who: 7" in kept_text(ran).read_text("utf-8")


def test_a_name_that_is_none_is_refused(line: CommandLine) -> None:
    assert "can't be a persona's name" in line.run("rehearsals", "edit", "Asks Hours").complained
    shown = line.run("rehearsals", "show", "interupts").complained
    assert shown.startswith("There is no persona interupts. Did you mean interrupts?")


def test_a_stored_persona_with_a_mistake_can_be_corrected_and_nothing_replaces_it(
    line: CommandLine,
) -> None:
    broken = {"who": "Our own words.", "wants": "A price.", "agent": "shop", "lines": [{"sai": 1}]}
    line.with_store(lambda store: store.documents.write("rehearsals/interrupts", broken))
    correct = "To correct it: ringdown rehearsals edit interrupts"
    for command in ("rehearsals list", "rehearsals show interrupts", "agents rehearse shop"):
        assert correct in line.run(*command.split()).complained
    assert correct in line.run("agents", "rehearse", "shop", "interrupts").complained

    assert line.run("rehearsals", "seed").said.startswith("11 personas stored.")
    assert "interrupts" not in personas(line)

    line.environ["EDITOR"] = line.editor("text = text.replace('sai: 1', 'say: How much?')")
    assert line.run("rehearsals", "edit", "interrupts").status == 0
    assert personas(line)["interrupts"].who == "Our own words."


# From a call


def test_a_call_becomes_a_file_to_be_read(line: CommandLine, tmp_path: Path) -> None:
    end_call(line, begin_call(line, 1))
    path = tmp_path / "opens.yaml"

    ran = line.run("calls", "rehearse", sid(1)[:10], str(path))

    assert ran.status == 0, ran.all
    assert "Read it before you keep it" in ran.said
    assert "say: When do you open?" in path.read_text("utf-8")
    assert personas(line) == {}, "nothing is stored before somebody has read it"
    assert line.run("rehearsals", "edit", "opens", "--file", str(path)).status == 0

    again = line.run("calls", "rehearse", sid(1), str(path))
    assert again.status == 1
    assert "already exists" in again.complained


# Before anybody calls


def test_who_and_what_is_missing_is_told(line: CommandLine, file: Path) -> None:
    assert "There is no agent shopp" in line.run("agents", "rehearse", "shopp").complained
    line.run("rehearsals", "edit", NAME, "--file", str(file))
    unknown = line.run("agents", "rehearse", "shop", "asks-hours").complained
    assert f"There is no persona asks-hours. Did you mean {NAME}?" in unknown
    write(line, DOCUMENT, agent_id="other")
    assert "No persona calls other." in line.run("agents", "rehearse", "other").complained


def test_a_tool_that_the_agent_does_not_have_is_told(line: CommandLine, file: Path) -> None:
    file.write_text(TEXT + "must_not: {tools: [end_cal, transfer_call]}\n", "utf-8")
    line.run("rehearsals", "edit", NAME, "--file", str(file))
    line.environ["GEMINI_API_KEY"] = "a-key-that-is-long-enough"
    ran = line.run("agents", "rehearse", "shop", "--runs", "100", answers="n\n")
    assert "shop has no tool end_cal. Did you mean end_call?" in ran.complained
    assert f"Checks of this tool in {NAME} prove nothing." in ran.complained
    assert "transfer_call" not in ran.complained


def test_the_cost_is_told_and_agreed_to_first(line: CommandLine, file: Path) -> None:
    line.run("rehearsals", "edit", NAME, "--file", str(file))
    line.environ["GEMINI_API_KEY"] = "a-key-that-is-long-enough"
    ran = line.run("agents", "rehearse", "shop", "--runs", "100", "--budget", "3", answers="n\n")
    assert ran.status == 1
    assert "1 persona, 100 calls with gemini-3.8-live: about $16.00." in ran.said
    assert "The budget is $3.00: the rehearsal stops when it is used up." in ran.said
    assert "No calls were made." in ran.complained


def test_a_budget_that_is_none_is_refused(line: CommandLine) -> None:
    with pytest.raises(SystemExit):
        line.run("agents", "rehearse", "shop", "--budget", "0")


def test_a_stand_in_that_cannot_hear_a_word_says_which(line: CommandLine, file: Path) -> None:
    file.write_text(TEXT.replace("you open", "Zzyzx open"), "utf-8")
    line.run("rehearsals", "edit", NAME, "--file", str(file))
    ran = line.run("agents", "rehearse", "shop")
    assert ran.status == 1
    assert "'zzyzx' in 'when do zzyzx open' is not in the dictionary" in ran.complained
    assert "GEMINI_API_KEY" in ran.complained


def test_other_languages_need_one_voice_at_a_time(line: CommandLine, file: Path) -> None:
    for name, language in (("german", "de-DE"), ("french", "fr-FR")):
        file.write_text(f"{TEXT}language: {language}\n", "utf-8")
        line.run("rehearsals", "edit", name, "--file", str(file))
    ran = line.run("agents", "rehearse", "shop")
    assert "it understands English, or one other voice at a time" in ran.complained
