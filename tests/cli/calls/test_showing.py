import base64
import json

import msgspec
import pytest

from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallChanges, CallStatus, EndReason, Reconnect, Speaker, Turn, Usage
from ringdown.stores import Store
from tests.cli.calls.stored_calls import bad_call, begin_call, good_call, sid
from tests.cli.command_line import CommandLine
from tests.ringdown.samples import CALLER, NOW, a_call, a_picture, an_agent


def test_a_call_in_words(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    ran = command_line.run("calls", "show", sid(1))
    assert ran.status == 0
    lines = [line for line in ran.said.splitlines() if not line.startswith("began:")]
    page = command_line.folder / "out" / "calls" / f"{sid(1)}.html"
    assert lines == [
        f"call:       {sid(1)}, …0123 to …0100",
        "ended:      agent hung up",
        f"agent:      default, revision {ran.said.partition('revision ')[2][:12]}",
        "model:      gemini-3.8-live, Kore, en-US",
        "replies:    1 (median 0.8 s, slowest 0.8 s)",
        "cost:       about $0.02 for 5,000 tokens",
        "",
        "No problems found.",
        "",
        "     0.3 s  agent   Hello.",
        "     2.0 s  caller  When do you open?",
        "     4.2 s  agent   At nine.   (reply after 800 ms)",
        "",
        f"Wrote {page} (open it in a browser).",
    ]
    assert "When do you open?" in page.read_text("utf-8")


def test_what_went_wrong_is_said_in_words_and_on_the_page(command_line: CommandLine) -> None:
    bad_call(command_line, 1)
    page = command_line.folder / "call.html"
    said = command_line.run("calls", "show", sid(1), "--html", str(page)).said
    problem = "The tool lookup_account failed: The tool took too long to answer."
    assert "Problems:\n  - The model was lost" in said
    assert f"  - {problem}\n" in said
    assert problem in page.read_text("utf-8")


def kept(command_line: CommandLine, **fields: object) -> str:
    """What `calls show` prints for a call with these fields."""
    call = msgspec.structs.replace(a_call(call_sid=sid(1)), **fields)

    async def work(store: Store) -> None:
        await store.open_call(call)

    command_line.with_store(work)
    return command_line.run("calls", "show", sid(1)).said


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        (None, f"“{phrases_for('en').closed}”"),
        ("We open at nine.", "“We open at nine.”"),
        ("", "nothing"),
    ],
)
def test_of_a_call_outside_the_hours_it_says_what_the_caller_heard(
    command_line: CommandLine, message: str | None, heard: str
) -> None:
    agent = msgspec.structs.replace(an_agent(), opening_hours=OpeningHours(message=message))
    said = kept(
        command_line, agent=agent, status=CallStatus.ENDED, end_reason=EndReason.OUTSIDE_HOURS
    )
    assert f"heard:      {heard}\n" in said
    assert "cost:       $0.00 (the model was not used)\n" in said


def test_a_call_that_was_answered_has_no_such_line(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    assert "heard:" not in command_line.run("calls", "show", sid(1)).said


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), "unknown: the model reported no usage"),
        (Usage(reports=1, prompt={"TEXT": 10}, total=10), "less than $0.01 for 10 tokens"),
    ],
)
def test_a_small_cost_is_not_called_none(
    command_line: CommandLine, usage: Usage, cost: str
) -> None:
    said = kept(command_line, usage=usage, started_at=NOW, ended_at=NOW)
    assert f"cost:       {cost}\n" in said


def test_the_endpoint_that_stood_in_is_named(command_line: CommandLine) -> None:
    made = Reconnect(at_ms=300, took_ms=300, reason="503 refused", endpoint="vertex:us-central1")
    said = kept(command_line, reconnects=(made,))
    assert "endpoint:   vertex:us-central1, because another one failed\n" in said
    assert "The model's first endpoint failed at 0:00 (503 refused)" in said


def test_a_traced_call_says_where_its_trace_is(command_line: CommandLine) -> None:
    said = kept(command_line, trace_id="0af7651916cd43dd8448eb211c80319c")
    assert "trace:      0af7651916cd43dd8448eb211c80319c\n" in said


def transferred(
    command_line: CommandLine, n: int, accepted_by: str | None, *, accept: bool = True
) -> None:
    """A call transferred to billing, who didn't take it, then to repairs."""
    agent = an_agent(transfer_numbers={"billing": "+14155550111", "repairs": "+14155550112"})
    call = msgspec.structs.replace(
        a_call(call_sid=sid(n), agent=msgspec.structs.replace(agent, transfer_accept=accept)),
        failed_transfers=("billing",),
        transfer_to="repairs",
        accepted_by=accepted_by,
    )

    async def work(store: Store) -> None:
        await store.open_call(call)

    command_line.with_store(work)


@pytest.mark.parametrize(
    ("accepted_by", "accept", "last"),
    [
        ("repairs", True, "repairs, who took the call"),
        (None, True, "repairs, who didn't take the call"),
        (None, False, "repairs"),
    ],
)
def test_who_took_a_transferred_call_is_told(
    command_line: CommandLine, accepted_by: str | None, last: str, *, accept: bool
) -> None:
    transferred(command_line, 1, accepted_by, accept=accept)
    page = command_line.folder / "call.html"
    said = command_line.run("calls", "show", sid(1), "--html", str(page)).said
    assert f"transfer:   to billing, who didn't take the call\ntransfer:   to {last}\n" in said
    assert f"billing, who didn't take the call; {last}" in page.read_text("utf-8")


def test_last_is_the_newest_call(command_line: CommandLine) -> None:
    good_call(command_line, 1)
    good_call(command_line, 2)
    assert sid(2) in command_line.run("calls", "show", "last").said


def test_scripts_get_everything(command_line: CommandLine) -> None:
    bad_call(command_line, 1)
    record = json.loads(command_line.run("calls", "show", sid(1), "--json").said)
    assert record["call"]["caller"] == CALLER
    assert [turn["text"] for turn in record["turns"]][1] == "When do you open?"
    assert len(record["problems"]) == 2
    assert record["reply_times_ms"] == [800]
    assert record["cost_usd"] == 0.024
    assert not (command_line.folder / "out").exists(), "a page was written"


@pytest.mark.parametrize(
    ("call", "why"), [("CA404", "There is no call CA404"), ("last", "This store has no calls yet")]
)
def test_a_call_that_is_not_there(command_line: CommandLine, call: str, why: str) -> None:
    command_line.run("agents", "seed")
    ran = command_line.run("calls", "show", call)
    assert ran.status == 1
    assert ran.complained.startswith(why)


def test_words_of_callers_cannot_command_the_terminal(command_line: CommandLine) -> None:
    good_call(command_line, 1, caller="sip:\x1b[2Jeve@example.com")
    for argv in (("show", "last", "--numbers"), ("list", "--numbers")):
        assert "\x1b" not in command_line.run("calls", *argv).all


def test_a_photo_that_is_kept_is_on_the_page(command_line: CommandLine) -> None:
    agent = msgspec.structs.replace(an_agent(), photos=True, keep_photos=True)
    call = begin_call(command_line, 1, agent=agent)
    turn = Turn(n=1, speaker=Speaker.CALLER, text="(sent photo 1)", start_ms=1, end_ms=1, upload=1)

    async def send(store: Store) -> None:
        await store.add_upload(call.call_sid, a_picture())
        await store.save(call.call_sid, 1, CallChanges(turns=(turn,)))

    command_line.with_store(send)
    command_line.run("calls", "show", "last")
    page = (command_line.folder / "out" / "calls" / f"{call.call_sid}.html").read_text("utf-8")
    assert f"data:image/jpeg;base64,{base64.b64encode(a_picture().picture).decode()}" in page
