"""Operators' tasks, done with only the commands that docs/operations.md lists.

In a folder where `make talk` has run, so that commands find the store. Calls and callers are what
the table calls them: `CA3f9c1d`, `…0123`.
"""

import asyncio
import datetime
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ringdown.agents.edits import look_at_edit
from ringdown.calls import EndReason
from ringdown.gemini.models import DEFAULT_VOICE
from ringdown.stores import Store
from ringdown.tools import Json
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, write
from tests.cli.calls.stored_calls import bad_call, begin_call, end_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import a_tool
from tests.stream_handler.record.recorded_call import record_a_call

ROOT = Path(__file__).parents[2]
_PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
_TABLE = _PAGE.partition("## Every task, and its commands")[2].partition("\n## ")[0]
_ROWS = re.findall(r"^\| ([A-Z][^|]*) \| ([^|]*`[^|]*) \| [^|]* \|$", _TABLE, re.M)
TASKS = {task: re.findall(r"`ringdown ?([^`]*)`", commands) for task, commands in _ROWS}
BAD = 0x3F9C1D
AGENT = {
    **DOCUMENT,
    "examples": [{"caller": "What do the roses cost?", "answer_contains": ["ten"]}],
}


@dataclass
class Desk:
    """An operator's folder, and the output of their commands."""

    line: CommandLine
    """Works on the store, to prepare its contents."""
    hers: CommandLine
    """Works in the operator's folder, without naming a store."""
    edits: list[str] = field(default_factory=list)
    """The edits to make in the editor, in order, as Python code."""

    def does(self, task: str, *, answers: str = "y\n\n") -> list[str]:
        """Run the task's commands. Returns the output of each."""
        return [self.runs(command, answers) for command in TASKS[task]]

    def runs(self, command: str, answers: str = "", *, status: int = 0) -> str:
        self.hers.environ = {"EDITOR": self._editor(), "USER": "anna", "TZ": "Europe/Berlin"}
        ran = self.hers.run(*shlex.split(command), answers=answers, environ={})
        assert ran.status == status, f"ringdown {command}\n{ran.all}"
        return ran.all

    def _editor(self) -> str:
        """An editor that makes the next edit each time it starts."""
        edits = self.hers.folder / "edits"
        edits.mkdir(exist_ok=True)
        for n, edit in enumerate(self.edits):
            (edits / f"{n}.py").write_text(edit)
        self.edits.clear()
        return self.line.editor(
            f"edits = sorted(pathlib.Path({str(edits)!r}).glob('*.py'))\n"
            "if edits:\n"
            "    source = edits[0].read_text()\n"
            "    edits[0].unlink()\n"
            "    exec(source)"
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Store the agent `default`, as checked."""
    folder = tmp_path / "out" / "talk"
    folder.mkdir(parents=True)
    line = CommandLine(folder)
    write(line, AGENT, agent_id="default")
    line.with_store(_look)
    return Desk(line, CommandLine(tmp_path))


async def _look(store: Store) -> None:
    await look_at_edit(store, "default", datetime.datetime.now(datetime.UTC))


def save(desk: Desk, **fields: Json) -> None:
    write(desk.line, {**AGENT, **fields}, agent_id="default")
    desk.line.with_store(_look)


def voice(desk: Desk) -> Json:
    async def read(store: Store) -> Json:
        stored = await store.read_agent("default")
        assert stored is not None
        return stored.document.get("voice", DEFAULT_VOICE)

    return desk.line.with_store(read)


def all_is_well(desk: Desk) -> None:
    (said,) = desk.does("See whether all is well")
    assert "✓ All is well." in said
    assert "(left by make talk)" in said


def the_prompt(desk: Desk) -> None:
    desk.edits.append("text = text.replace('ten dollars', 'twelve dollars')")
    (said,) = desk.does("Change the prompt", answers="y\nNew prices\n")
    assert "New calls use it" in said
    assert "New prices" in desk.runs("agents history default")


def a_mistake(desk: Desk) -> None:
    desk.edits += [
        "text = text.replace('Kore', 'Korr')",
        "assert '#!   - voice: there is no voice' in text\ntext = text.replace('Korr', 'Puck')",
    ]
    (said,) = desk.does("Correct a mistake in it")
    assert "Opening the editor again" in said
    assert voice(desk) == "Puck"


def why_not_used(desk: Desk) -> None:
    save(desk, voice="Korr")
    line, shown = desk.does("Understand why an edit is not used")
    assert 'agents/default: voice: there is no voice "Korr". Did you mean Kore?' in line
    assert "answers instead" in line
    assert "broken; revision " in shown


def two_versions_back(desk: Desk) -> None:
    save(desk, voice="Puck")
    save(desk, voice="Leda")
    desk.does("Go two versions back")
    assert voice(desk) == "Kore"


def yesterdays_call(desk: Desk) -> None:
    bad_call(desk.line, BAD, ago=datetime.timedelta(hours=20))
    good_call(desk.line, 1)
    (said,) = desk.does("Find yesterday's bad call")
    assert sid(BAD)[:8] in said
    assert sid(1)[:8] not in said


def its_cause(desk: Desk) -> None:
    bad_call(desk.line, BAD)
    (desk.line.folder / "logs").mkdir()
    (desk.line.folder / "logs" / "stream_handler.log").write_text(
        f'{{"message": "tool did not answer in time", "call_sid": "{sid(BAD)}"}}\n'
    )
    shown, logged = desk.does("Find its cause")
    assert "The tool lookup_account failed once of 1" in shown
    assert "tool did not answer in time" in logged


def a_block(desk: Desk) -> None:
    good_call(desk.line, 1)
    _, listed = desk.does("Block a caller")
    assert re.search("…0123 +blocked", listed)


def forgetting(desk: Desk) -> None:
    good_call(desk.line, 1)
    (said,) = desk.does("Forget a caller", answers="y\ny\n")
    assert "Erased: 1 call" in said


def costs(desk: Desk) -> None:
    good_call(desk.line, 1)
    days, agents, numbers = desk.does("See what it costs")
    assert "together    1" in days
    assert re.search(r"default +1 +1 +\$0\.02", agents)
    assert "+14155550100" in numbers


def opening_hours(desk: Desk) -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours = dict.fromkeys(days, "00:00-23:59")
    save(desk, time_zone="Europe/Berlin", opening_hours=hours)
    (said,) = desk.does("See the opening hours")
    assert re.search(r"default is (open until|closed, opens)", said)


def another_number(desk: Desk) -> None:
    desk.edits.append("text = text.replace('flower shop', 'night desk')")
    *_, said = desk.does("Let another agent answer another number")
    assert "night-desk now answers +14155550100 (before: default)." in said


def the_number_back(desk: Desk) -> None:
    write(desk.line, AGENT, agent_id="night-desk")
    desk.line.run("numbers", "set", "+14155550100", "night-desk")
    unset, deleted = desk.does("Give the number back")
    assert "default now answers +14155550100" in unset
    assert "Deleted agents/night-desk" in deleted


def a_draft(desk: Desk) -> None:
    desk.edits.append(
        f"text = text.replace('testers: []', 'testers: [{TESTER}]').replace('Kore', 'Puck')"
    )
    saved, differs, _ = desk.does("Try a draft")
    assert "1 tester (…0123) will hear it." in saved
    assert "+voice: Puck" in differs
    assert voice(desk) == "Puck"


def examples(desk: Desk) -> None:
    (said,) = desk.does("Ask the agent its examples")
    assert "All answers contain what they must." in said


def a_replay(desk: Desk) -> None:
    url = asyncio.run(record_a_call(desk.line.folder))
    Path(url.removeprefix("sqlite:")).replace(desk.line.folder / "ringdown.db")
    (said,) = desk.does("Replay a call")
    assert "Replay matches: today's code makes the same decisions." in said


def a_live_call(desk: Desk) -> None:
    end_call(desk.line, begin_call(desk.line, 1), reason=EndReason.CALLER_HUNG_UP)
    (said,) = desk.does("Follow a live call")
    assert said.count(sid(1)) == 1
    assert "over: caller hung up" in said


def a_limit(desk: Desk) -> None:
    _, changed = desk.does("Change a limit")
    assert "calls_at_once is now 10 (it was 50). It applies from the next call." in changed


def a_tool_by_hand(desk: Desk) -> None:
    desk.line.with_store(lambda store: store.write_tool(a_tool()))
    # The tool's host doesn't exist; all we can check here is that the command says so.
    listing, calling = TASKS["Try a tool"]
    listed, called = desk.runs(listing), desk.runs(calling, status=1)
    assert "lookup_account  ok" in listed
    assert "lookup_account failed: The tool could not be reached." in called


def a_voice(desk: Desk) -> None:
    (said,) = desk.does("Choose a voice")
    assert re.search(r"Kore +firm", said)


DONE_BY: Mapping[str, Callable[[Desk], None]] = {
    "See whether all is well": all_is_well,
    "Change the prompt": the_prompt,
    "Correct a mistake in it": a_mistake,
    "Understand why an edit is not used": why_not_used,
    "Go two versions back": two_versions_back,
    "Find yesterday's bad call": yesterdays_call,
    "Find its cause": its_cause,
    "Block a caller": a_block,
    "Forget a caller": forgetting,
    "See what it costs": costs,
    "See the opening hours": opening_hours,
    "Let another agent answer another number": another_number,
    "Give the number back": the_number_back,
    "Try a draft": a_draft,
    "Ask the agent its examples": examples,
    "Replay a call": a_replay,
    "Follow a live call": a_live_call,
    "Change a limit": a_limit,
    "Try a tool": a_tool_by_hand,
    "Choose a voice": a_voice,
}


def test_every_task_of_the_page_is_tried() -> None:
    assert list(TASKS) == list(DONE_BY)


@pytest.mark.parametrize("task", DONE_BY)
def test_a_task_is_done_by_what_the_page_says(desk: Desk, task: str) -> None:
    DONE_BY[task](desk)
