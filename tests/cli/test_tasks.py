"""Operators' tasks, done with only the commands that docs/command-line.md lists.

In a folder where `make talk` has run, so that commands find the store. Calls and callers are what
the table calls them: `CA3f9c1d`, `…0123`.
"""

import asyncio
import datetime
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ringdown.calls import EndReason
from ringdown.calls.recordings import RecordingPart
from ringdown.gemini.models import DEFAULT_VOICE
from ringdown.stores import Store
from ringdown.tools import Json
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, look, write
from tests.cli.calls.stored_calls import bad_call, begin_call, end_call, good_call, sid
from tests.cli.calls.test_outcomes import FORM, an_outcome, keep
from tests.cli.calls.test_recording import RECORDED
from tests.cli.calls.test_restoring import letter_lines
from tests.cli.command_line import CommandLine
from tests.cli.test_webhooks import a_hook
from tests.functions.text_model_stand_in import answers, text_model
from tests.ringdown.samples import a_tool
from tests.stream_handler.record.recorded_call import record_a_call

ROOT = Path(__file__).parents[2]
_PAGE = (ROOT / "docs" / "command-line.md").read_text("utf-8")
_TABLE = _PAGE.partition("| task | command |")[0]


def _rows() -> dict[str, list[str]]:
    """Tasks, without links, and their commands."""
    unlinked = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", _TABLE)
    rows = re.findall(r"^\| ([^|]*) \| (`ringdown[^|]*) \|$", unlinked, re.MULTILINE)
    return {task: re.findall(r"`ringdown ?([^`]*)`", commands) for task, commands in rows}


TASKS = _rows()
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
    environ: dict[str, str] = field(default_factory=dict)
    edits: list[str] = field(default_factory=list)
    """The edits to make in the editor, in order, as Python code."""

    def does(self, task: str, *, answers: str = "y\n\n") -> list[str]:
        """Run the task's commands. Returns the output of each."""
        return [self.runs(command, answers) for command in TASKS[task]]

    def runs(self, command: str, answers: str = "", *, status: int = 0) -> str:
        self.hers.environ = {"EDITOR": self._editor(), "USER": "anna", "TZ": "Europe/Berlin"}
        with chdir(self.hers.folder):
            ran = self.hers.run(*shlex.split(command), answers=answers, environ=self.environ)
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
    look(line, agent_id="default")
    return Desk(line, CommandLine(tmp_path))


def save(desk: Desk, **fields: Json) -> None:
    write(desk.line, {**AGENT, **fields}, agent_id="default")
    look(desk.line, agent_id="default")


def voice(desk: Desk) -> Json:
    async def read(store: Store) -> Json:
        stored = await store.read_agent("default")
        assert stored is not None
        return stored.document.get("voice", DEFAULT_VOICE)

    return desk.line.with_store(read)


def all_is_well(desk: Desk) -> None:
    (said,) = desk.does("See what needs you, live calls, today's cost")
    assert "✓ All is well." in said
    assert "(left by make talk)" in said


def the_prompt(desk: Desk) -> None:
    desk.edits.append("text = text.replace('ten dollars', 'twelve dollars')")
    (said,) = desk.does("Change an agent in your editor", answers="y\nNew prices\n")
    assert "New calls use it" in said
    assert "New prices" in desk.runs("agents history default")


def a_mistake(desk: Desk) -> None:
    desk.edits += [
        "text = text.replace('Kore', 'Korr')",
        "assert '#!   - voice: there is no voice' in text\ntext = text.replace('Korr', 'Puck')",
    ]
    (said,) = desk.does("Change an agent in your editor")
    assert "Opening the editor again" in said
    assert voice(desk) == "Puck"


def edits(desk: Desk) -> None:
    the_prompt(desk)
    a_mistake(desk)


def why_not_used(desk: Desk) -> None:
    save(desk, voice="Korr")
    line = desk.runs("")
    assert 'agents/default: voice: there is no voice "Korr". Did you mean Kore?' in line
    assert "answers instead" in line
    (shown,) = desk.does("See why an edit isn't used")
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
    assert "The tool lookup_account failed:" in shown
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
    days, agents, numbers = desk.does("See what the model costs")
    assert "total       1" in days
    assert re.search(r"default +1 +1 +\$0\.02", agents)
    assert "+14155550100" in numbers


def opening_hours(desk: Desk) -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    hours = dict.fromkeys(days, "00:00-23:59")
    save(desk, time_zone="Europe/Berlin", opening_hours=hours)
    (said,) = desk.does("See what needs you, live calls, today's cost")
    assert re.search(r"default is (open until|closed, opens)", said)


def the_line(desk: Desk) -> None:
    all_is_well(desk)
    opening_hours(desk)


def another_number(desk: Desk) -> None:
    desk.edits.append("text = text.replace('flower shop', 'night desk')")
    *_, said, listed = desk.does("Let a copy answer a number")
    assert "night-desk now answers +14155550100 (before: default)." in said
    assert re.search(r"\+14155550100 +night-desk", listed)


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
    saved, differs, _ = desk.does("Prepare the next version, heard by its testers only")
    assert "1 tester (…0123) will hear it." in saved
    assert "+voice: Puck" in differs
    assert voice(desk) == "Puck"


def examples(desk: Desk) -> None:
    (said,) = desk.does("Ask the model the agent's example questions")
    assert "All answers contain what they must." in said


def a_replay(desk: Desk) -> None:
    url = asyncio.run(record_a_call(desk.line.folder))
    Path(url.removeprefix("sqlite:")).replace(desk.line.folder / "ringdown.db")
    (said,) = desk.does("Replay a call, event by event")
    assert "Replay matches: today's code makes the same decisions." in said


def a_live_call(desk: Desk) -> None:
    end_call(desk.line, begin_call(desk.line, 1), reason=EndReason.CALLER_HUNG_UP)
    (said,) = desk.does("Follow a live call")
    assert said.count(sid(1)) == 1
    assert "over: caller hung up" in said


def a_limit(desk: Desk) -> None:
    _, changed = desk.does("See the limits, and change one")
    assert "calls_at_once is now 10 (it was 50). It applies from the next call." in changed


def a_tool_by_hand(desk: Desk) -> None:
    desk.line.with_store(lambda store: store.write_tool(a_tool()))
    # The tool's host doesn't exist; all we can check here is that the command says so.
    listing, calling = TASKS["Call a tool as a call would"]
    listed, called = desk.runs(listing), desk.runs(calling, status=1)
    assert "lookup_account  ok" in listed
    assert "lookup_account failed: The tool could not be reached." in called


def a_voice(desk: Desk) -> None:
    (said,) = desk.does("Choose a voice")
    assert re.search(r"Kore +firm", said)


def a_new_agent(desk: Desk) -> None:
    desk.edits.append("text = text.replace('Kore', 'Puck')")
    _, listed = desk.does("Create an agent")
    assert re.search(r"night-desk +ok", listed)


def a_recording(desk: Desk) -> None:
    call_sid = good_call(desk.line, 1, agent=RECORDED)

    async def record(store: Store) -> None:
        assert store.recordings is not None
        second = RecordingPart(1, 1, 0, caller=bytes(8_000), agent=bytes(8_000))
        await store.recordings.keep_part(call_sid, second)

    desk.line.with_store(record)
    (said,) = desk.does("Save a recording as a WAV file")
    assert f"{sid(1)}.wav: 1 s, with the caller on the left" in said


def outcomes(desk: Desk) -> None:
    good_call(desk.line, 1)
    keep(desk.line, 1, an_outcome())
    (said,) = desk.does("Count outcomes")
    assert re.search(r"default +1 +1 +0", said)


def outcomes_again(desk: Desk) -> None:
    save(desk, after_call={"success": "The caller knows when we open."})
    good_call(desk.line, 1)
    with text_model(lambda record: answers({**FORM, "fields": {}})) as gemini:
        desk.environ = {"GEMINI_API_KEY": "key-0123456789", "GEMINI_BASE_URL": gemini.url}
        (said,) = desk.does("Ask today's questions about old calls")
    assert "1 of 1 call answered." in said


def dead_letters(desk: Desk) -> None:
    (desk.hers.folder / "handler.log").write_text("\n".join(letter_lines()))
    (said,) = desk.does("Restore dead letters")
    assert "restored: the call" in said


def no_block(desk: Desk) -> None:
    good_call(desk.line, 1)
    desk.runs("callers block …0123", "y\n")
    desk.does("Unblock them")
    assert "blocked" not in desk.runs("callers list")


def a_webhook(desk: Desk) -> None:
    said, listed = desk.does("Notify another system when a call ends")
    assert "gets call.ended and call.outcome" in said
    assert "https://example.com/ringdown" in listed


def a_test_of_webhooks(desk: Desk) -> None:
    with a_hook() as (url, _):
        desk.runs(f"webhooks set {url}")
        (said,) = desk.does("Send a test to all webhooks")
    assert f"{url} accepted the test." in said


def no_webhook(desk: Desk) -> None:
    desk.runs("webhooks set https://example.com/ringdown")
    (said,) = desk.does("Remove a webhook")
    assert "won't be notified any more" in said


def a_made_up_caller(desk: Desk) -> None:
    desk.edits.append("text = text.replace('in a hurry', 'with time')")
    _, listed, saved = desk.does("Change a made-up caller")
    assert "interrupts" in listed
    assert "Saved rehearsals/interrupts." in saved


def a_caller_from_a_call(desk: Desk) -> None:
    good_call(desk.line, 1)
    made, saved = desk.does("Make one from a call")
    assert "Read it before you keep it" in made
    assert "Saved rehearsals/wants-a-refund." in saved


DONE_BY: Mapping[str, Callable[[Desk], None]] = {
    "See what needs you, live calls, today's cost": the_line,
    "See the limits, and change one": a_limit,
    "See what the model costs": costs,
    "Change an agent in your editor": edits,
    "See why an edit isn't used": why_not_used,
    "Go two versions back": two_versions_back,
    "Prepare the next version, heard by its testers only": a_draft,
    "Ask the model the agent's example questions": examples,
    "Create an agent": a_new_agent,
    "Let a copy answer a number": another_number,
    "Give the number back": the_number_back,
    "Choose a voice": a_voice,
    "Find yesterday's bad call": yesterdays_call,
    "Find its cause": its_cause,
    "Follow a live call": a_live_call,
    "Save a recording as a WAV file": a_recording,
    "Replay a call, event by event": a_replay,
    "Count outcomes": outcomes,
    "Ask today's questions about old calls": outcomes_again,
    "Restore dead letters": dead_letters,
    "Block a caller": a_block,
    "Unblock them": no_block,
    "Forget a caller": forgetting,
    "Call a tool as a call would": a_tool_by_hand,
    "Notify another system when a call ends": a_webhook,
    "Send a test to all webhooks": a_test_of_webhooks,
    "Remove a webhook": no_webhook,
    "Change a made-up caller": a_made_up_caller,
    "Make one from a call": a_caller_from_a_call,
}


def test_every_task_of_the_page_is_tried() -> None:
    assert list(TASKS) == list(DONE_BY)


@pytest.mark.parametrize("task", DONE_BY)
def test_a_task_is_done_by_what_the_page_says(desk: Desk, task: str) -> None:
    DONE_BY[task](desk)
