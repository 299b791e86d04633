"""One tour of the commands on Firestore; the tests on the embedded store have the details."""

import json
from pathlib import Path

import pytest

from ringdown.agents.yaml_text import to_yaml
from tests.cli.agents.stored_agents import DOCUMENT, TESTER, is_there, read
from tests.cli.calls.stored_calls import bad_call, good_call, sid
from tests.cli.command_line import CommandLine, Ran
from tests.ringdown.samples import CALLER


@pytest.fixture
def command_line(tmp_path: Path, firestore_project: str) -> CommandLine:
    return CommandLine(tmp_path, store_url=f"firestore:{firestore_project}")


def done(ran: Ran) -> str:
    assert ran.status == 0, ran.all
    return ran.said


def test_agents_and_numbers(command_line: CommandLine) -> None:
    run = command_line.run
    done(run("agents", "seed"))
    done(run("agents", "edit", "shop", "--file", "-", "--yes", answers=to_yaml(DOCUMENT)))
    puck = to_yaml({**DOCUMENT, "voice": "Puck", "testers": [TESTER]})
    done(run("agents", "edit", "shop", "--draft", "--file", "-", "--yes", answers=puck))
    assert "+voice: Puck" in done(run("agents", "publish", "shop", "--yes"))
    assert not is_there(command_line, draft=True)
    assert 'voice: "Kore" → "Puck"' in done(run("agents", "history", "shop"))
    done(run("agents", "rollback", "shop", "--yes"))
    assert read(command_line).document["greeting"] == DOCUMENT["greeting"]
    assert "voice" not in read(command_line).document, "Kore is what an agent has without it"
    done(run("numbers", "set", "+14155550100", "shop"))
    rows = json.loads(done(run("agents", "list", "--json")))
    assert [(row["agent"], row["numbers"]) for row in rows] == [
        ("default", ""),
        ("shop", "+14155550100"),
    ]


def test_calls_and_callers(command_line: CommandLine) -> None:
    run = command_line.run
    good_call(command_line, 1)
    bad_call(command_line, 2)
    found = json.loads(
        done(run("calls", "list", "--since", "1h", "--number", CALLER, "--problem", "--json"))
    )
    assert [call["call_sid"] for call in found] == [sid(2)]
    assert "Problems:" in done(run("calls", "show", sid(2)))
    assert "over: agent hung up" in done(run("calls", "watch", sid(1)))
    done(run("callers", "block", CALLER))
    forgotten = done(run("callers", "forget", CALLER, "--yes"))
    assert forgotten.startswith("Erased: 2 calls")
    assert f"{CALLER} stays blocked" in forgotten
    assert run("calls", "list").complained == "No calls found.\n"
