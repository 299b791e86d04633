"""What `agents rehearse` writes to its folder and prints at the end."""

import io
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from ringdown.rehearsals.comparison import STAND_IN
from ringdown.rehearsals.report import Report, make_report
from ringdown_cli.agents.rehearsing import say_report, write_report
from ringdown_cli.command import BROKEN, DONE, UNTRIED
from ringdown_cli.terminal import Terminal
from tests.ringdown.rehearsals.reports import a_recording, a_rehearsal, a_report, good_runs

STOPPED = "It was stopped before all calls were made."


def said(report: Report) -> tuple[int, str, str]:
    """The exit status, the output and the errors."""
    out, errors = io.StringIO(), io.StringIO()
    status = say_report(report, Path("out/report.html"), Terminal(io.StringIO(), out, errors))
    return status, out.getvalue(), errors.getvalue()


def good(*, partial: str | None = None) -> Report:
    runs = good_runs()
    return make_report(a_rehearsal(*runs, partial=partial), runs, None)


def test_page_and_json_are_written_with_the_recordings_that_are_there(tmp_path: Path) -> None:
    report = a_report()
    for name in ("wants-a-callback-001", "interrupts-005"):
        (tmp_path / f"{name}.wav").write_bytes(a_recording())

    page = write_report(report, tmp_path)

    assert page.read_text("utf-8").count("data-packed=") == 2
    written = (tmp_path / "report.json").read_bytes()
    assert msgspec.json.decode(written, type=Report) == report


def test_it_says_how_many_passed_and_why_it_is_worse() -> None:
    status, out, _ = said(a_report())
    assert status == BROKEN
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "wants-a-callback 3 of 6 (19–81 %) 7 of 7 (65–100 %) 1 not made" in lines
    assert "interrupts 5 of 5 (57–100 %)" in lines
    assert "wants-a-callback newly fails: end_call is called once." in out
    assert "The report, with the recordings: out/report.html" in out
    assert "3 of 11 calls failed." in out


@pytest.mark.parametrize(
    ("report", "status"), [(good(), DONE), (good(partial=STOPPED), UNTRIED), (a_report(), BROKEN)]
)
def test_the_exit_status_tells_good_from_partial_and_bad(report: Report, status: int) -> None:
    assert said(report)[0] == status


def test_a_partial_result_is_called_partial() -> None:
    assert f"This is a partial result: {STOPPED}" in said(good(partial=STOPPED))[2]


def test_it_says_whether_a_real_model_answered() -> None:
    runs = good_runs()
    tried = make_report(a_rehearsal(*runs, is_stand_in=True), runs, None)
    assert STAND_IN in said(tried)[1]
    assert "It cost about $0.61." in said(good())[1]
    assert "cost" not in said(tried)[1]


def test_a_report_of_nothing_is_written_all_the_same(tmp_path: Path) -> None:
    nothing = make_report(replace(a_rehearsal(), partial=STOPPED), [], None)
    assert "partial" in write_report(nothing, tmp_path).read_text("utf-8")
