"""Outcomes of calls: listed, counted, exported, shown, and determined again."""

import csv
import datetime
import io
import json

import msgspec
import pytest

from ringdown.agents.after_call import AfterCall, OutcomeField
from ringdown.calls import CallChanges, Speaker, Turn
from ringdown.calls.outcome_asking import NO_GEMINI
from ringdown.calls.outcomes import Finding, Outcome, Success
from ringdown.stores import Store
from ringdown.tools import Json
from tests.cli.calls.stored_calls import begin_call, end_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.functions.text_model_stand_in import answers, refuses, text_model
from tests.ringdown.samples import CALLER, NOW, an_agent
from tests.ringdown.seeding import write_agent

AFTER_CALL = AfterCall(
    success="The caller knows when we open.",
    fields=(OutcomeField(name="question", description="What the caller asked."),),
)
FORM: Json = {
    "fields": {"question": {"value": "When do you open?", "turn": 1, "quote": "When do you open"}},
    "success": {"value": "yes", "turn": 2, "quote": "at nine"},
    "summary": "Asked when we open.",
    "topic": "opening hours",
    "follow_up": None,
}


def an_outcome(success: Success = Success.YES, **fields: Finding) -> Outcome:
    return Outcome(
        questions="q1",
        asked_at=NOW,
        fields=fields,
        success=success,
        success_turn=None if success is Success.UNCLEAR else 2,
        summary=f"Ended as {success}.",
        topic="orders",
        follow_up="=HYPERLINK(“http://evil.example”)",
    )


def keep(command_line: CommandLine, n: int, outcome: Outcome) -> None:
    assert command_line.with_store(lambda store: store.keep_outcome(sid(n), outcome))


@pytest.fixture
def shop(command_line: CommandLine) -> CommandLine:
    """Four calls: a yes, a no with fields, one that couldn't be asked about, one without."""
    for n in (1, 2, 3, 4):
        good_call(command_line, n)
    keep(command_line, 1, an_outcome())
    fields = {"order": Finding(value="B-17", turn=1), "boxes": Finding()}
    keep(command_line, 2, an_outcome(Success.NO, **fields))
    keep(command_line, 3, Outcome(questions="q1", asked_at=NOW, problem="Gemini refused."))
    return command_line


@pytest.mark.parametrize(
    ("wanted", "found"),
    [([], {1, 2, 3}), (["yes"], {1}), (["no"], {2}), (["unclear"], set()), (["problem"], {3})],
)
def test_calls_are_found_by_their_outcome(
    shop: CommandLine, wanted: list[str], found: set[int]
) -> None:
    ran = shop.run("calls", "list", "--json", "--outcome", *wanted)
    calls = json.loads(ran.said)
    assert {call["call_sid"] for call in calls} == {sid(n) for n in found}
    assert all(call["outcome"] is not None for call in calls)


def test_a_list_says_what_came_of_calls(shop: CommandLine) -> None:
    said = shop.run("calls", "list", "--outcome").said
    assert "outcome" in said
    for text in ("yes: Ended as yes.", "no: Ended as no.", "unknown: Gemini refused."):
        assert text in said


def test_one_that_could_not_be_found_out_is_a_problem_of_its_call(shop: CommandLine) -> None:
    said = shop.run("calls", "list", "--problem", "outcome", "--json").said
    assert [call["call_sid"] for call in json.loads(said)] == [sid(3)]


def test_outcomes_are_counted(shop: CommandLine) -> None:
    head, line = shop.run("outcomes", "--by", "agent").said.splitlines()
    assert head.split() == ["agent", "calls", "yes", "no", "unclear", "problem"]
    assert line.split() == ["default", "3", "1", "1", "0", "1"]
    ran = shop.run("outcomes", "--by", "day", "--json-lines", "--since", "2d")
    rows = [json.loads(line) for line in ran.said.splitlines()]
    assert sum(row["calls"] for row in rows) == 3
    assert shop.run("outcomes", "--by", "agent", "--agent", "nobody").said == ""


def test_each_call_is_a_row_for_a_spreadsheet_that_carries_nothing_out(shop: CommandLine) -> None:
    rows = list(csv.DictReader(io.StringIO(shop.run("outcomes", "--csv").said)))
    by_call = {row["call_sid"]: row for row in rows}
    assert set(by_call) == {sid(1), sid(2), sid(3)}
    second = by_call[sid(2)]
    assert (second["outcome"], second["outcome_turn"]) == ("no", "2")
    assert (second["fields.order"], second["fields.order.turn"]) == ("B-17", "1")
    assert (second["fields.boxes"], by_call[sid(1)]["fields.order"]) == ("", "")
    assert second["follow_up"].startswith("'=HYPERLINK")
    assert by_call[sid(3)]["problem"] == "Gemini refused."


def test_each_call_is_an_object_for_a_script(shop: CommandLine) -> None:
    rows = [json.loads(line) for line in shop.run("outcomes", "--json-lines").said.splitlines()]
    by_call = {row["call_sid"]: row["outcome"] for row in rows}
    assert by_call[sid(2)]["fields"]["order"] == {"value": "B-17", "turn": 1}
    assert by_call[sid(1)]["success"] == "yes"


def test_a_call_is_shown_with_what_came_of_it_and_where_it_was_said(shop: CommandLine) -> None:
    ran = shop.run("calls", "show", sid(2))
    assert "order:      B-17 (at 2.0 s)" in ran.said
    assert "success:    no (at 4.2 s)" in ran.said
    assert "boxes:      not said" in ran.said
    page = (shop.folder / "out" / "calls" / f"{sid(2)}.html").read_text("utf-8")
    assert "B-17 (at 2.0 s)" in page


# Asking again


@pytest.fixture
def asking(command_line: CommandLine) -> CommandLine:
    """Two ended calls of an agent that now has questions, a live call, and a silent one."""
    agent = msgspec.structs.replace(an_agent(), after_call=AFTER_CALL)
    command_line.with_store(lambda store: write_agent(store, "default", agent))
    for n in (1, 2):
        good_call(command_line, n)
    begin_call(command_line, 3)
    silent = begin_call(command_line, 4)
    end_call(command_line, silent)

    async def silence(store: Store) -> None:
        turn = Turn(n=1, speaker=Speaker.AGENT, text="Hello?", start_ms=1, end_ms=2)
        await store.save(sid(4), 1, CallChanges(turns=(turn,)))

    command_line.with_store(silence)
    return command_line


def outcome_of(command_line: CommandLine, n: int) -> Outcome | None:
    record = command_line.with_store(lambda store: store.read_record(sid(n)))
    assert record is not None
    return record.outcome


def test_old_calls_are_asked_the_present_questions_and_the_cost_comes_first(
    asking: CommandLine,
) -> None:
    with text_model(lambda record: answers(FORM)) as gemini:
        asking.environ |= {"GEMINI_API_KEY": "key-0123456789", "GEMINI_BASE_URL": gemini.url}
        ran = asking.run("calls", "analyse", "--since", "1d", answers="n\n")
        assert (ran.status, gemini.asked) == (0, [])
        first, second = ran.said.splitlines()
        assert first == "2 calls to ask gemini-flash-latest about: $0.05 or less."
        assert second == "No questions were asked."
        ran = asking.run("calls", "analyse", "--since", "1d", answers="y\n")
        assert "2 of 2 calls answered." in ran.said
        again = asking.run("calls", "analyse", "--since", "1d", "--yes")
        assert "Nothing to ask" in again.said
        assert len(gemini.asked) == 2
    found = outcome_of(asking, 1)
    assert found is not None
    assert found.fields == {"question": Finding(value="When do you open?", turn=1)}
    assert (found.success, found.summary) == (Success.YES, "Asked when we open.")
    assert CALLER not in json.dumps(gemini.asked), "Gemini doesn't learn who called"


def test_new_questions_replace_the_answers_to_old_ones(asking: CommandLine) -> None:
    keep(asking, 1, an_outcome())
    with text_model(lambda record: answers(FORM)) as gemini:
        asking.environ |= {"GEMINI_API_KEY": "key-0123456789", "GEMINI_BASE_URL": gemini.url}
        asking.run("calls", "analyse", "--since", "1d", "--yes")
    found = outcome_of(asking, 1)
    assert found is not None
    assert found.questions == AFTER_CALL.revision


def test_a_refusal_is_told_and_ends_with_1(asking: CommandLine) -> None:
    with text_model(lambda record: refuses()) as gemini:
        asking.environ |= {"GEMINI_API_KEY": "key-0123456789", "GEMINI_BASE_URL": gemini.url}
        ran = asking.run("calls", "analyse", "--since", "1d", "--yes")
    assert ran.status == 1
    assert "0 of 2 calls answered." in ran.said
    assert "Gemini refused (HTTP 400): API key not valid." in ran.complained


def test_without_a_key_it_says_what_to_set(asking: CommandLine) -> None:
    ran = asking.run("calls", "analyse", "--since", str(datetime.date(2026, 1, 1)))
    assert (ran.status, ran.complained.strip()) == (1, NO_GEMINI)
