"""What a report and its page say, and that no words in them become markup."""

import os
import re

import msgspec
from msgspec.structs import replace

from ringdown.rehearsal_page import rehearsal_page
from ringdown.rehearsal_page.view import view_of
from ringdown.rehearsals import PersonaRun
from ringdown.rehearsals.comparison import STAND_IN
from ringdown.rehearsals.report import REAL, Report, make_report, report_json
from tests.ringdown.rehearsals.reports import (
    a_rehearsal,
    a_report,
    good_runs,
    judged,
    mixed_runs,
)
from tests.ringdown.rehearsals.samples import PERSONA, a_run, with_reply

NASTY = """</script><script>alert(1)</script><img src=x onerror=alert(2)>'"&"""


def read_back(report: Report) -> Report:
    return msgspec.json.decode(report_json(report), type=Report)


def test_the_json_has_everything_and_says_which_format_it_is() -> None:
    report = a_report()
    assert read_back(report) == report
    assert report_json(report).startswith(b'{\n  "format": "ringdown-rehearsal-1",\n')


def test_counts_and_intervals_stand_beside_the_published_version() -> None:
    report = a_report()
    wants, interrupts = report.personas
    assert (report.in_all.passed, report.in_all.made) == (8, 11)
    assert (wants.persona, wants.planned) == ("wants-a-callback", 7)
    assert (wants.now.passed, wants.now.made) == (3, 6)
    assert (round(wants.now.low, 2), round(wants.now.high, 2)) == (0.19, 0.81)
    assert wants.published is not None
    assert (wants.published.passed, wants.published.made) == (7, 7)
    assert interrupts.published is None
    assert report.worse[0] == ("wants-a-callback newly fails: The caller hears “twenty dollars”.")


def test_it_says_whether_a_real_model_answered() -> None:
    assert a_report().proves == REAL
    assert a_report(is_stand_in=True).proves == STAND_IN
    assert STAND_IN in rehearsal_page(a_report(is_stand_in=True), {})


def test_what_was_kept_of_a_stopped_rehearsal_is_called_partial() -> None:
    view = view_of(a_report(partial="It was stopped before all calls were made."), {})
    assert view.partial == "11 of 12 calls were made. It was stopped before all calls were made."
    assert [run.state for run in view.personas[0].runs] == [
        *["passed"] * 3,
        *["failed"] * 3,
        "partial",
    ]


def test_a_models_opinion_is_shown_separately() -> None:
    run = view_of(a_report(), {}).personas[0].runs[0]
    assert [group.heading for group in run.checked] == [
        "Facts",
        "How the call went",
        "A model's opinion, which decides nothing",
    ]


def test_what_failed_says_what_was_found_and_what_was_heard() -> None:
    run = view_of(a_report(), {}).personas[0].runs[4]
    failed = {
        it.what: it.why for group in run.checked for it in group.verdicts if it.passed is False
    }
    assert failed == {
        "end_call is called once.": "It was never called.",
        "“I have booked” isn't said before schedule_callback has succeeded.": (
            "It was said at 0:08, before the tool had succeeded."
        ),
        "The call ends: agent hung up.": "It ended: caller hung up.",
    }
    assert [line.entry.text for line in run.lines][:2] == [
        "Hello, this is the demonstration line.",
        "What does the family plan cost? Call me back on Tuesday at nine.",
    ]


def test_a_rehearsal_of_which_nothing_is_left_has_a_page_all_the_same() -> None:
    lost = make_report(a_rehearsal(*good_runs()), [], None)
    assert "None of its calls were made." in rehearsal_page(lost, {})
    empty = make_report(a_rehearsal(), [], None)
    assert "0 of 0" in rehearsal_page(empty, {})


def test_nobodys_words_become_markup() -> None:
    persona = replace(PERSONA, who=NASTY, wants=NASTY)
    run = replace(a_run(with_reply(NASTY), persona=persona), unmet=NASTY, alerts=(NASTY,))
    partial = replace(a_run(persona=persona, run=2), partial=NASTY)
    runs = [judged(run), partial]
    page = rehearsal_page(make_report(a_rehearsal(*runs, partial=NASTY), runs, None), {})
    assert page.count("<script") == 1
    assert "<img" not in page
    assert page.count("&lt;script&gt;") > 5


def test_its_policy_lets_nothing_be_fetched() -> None:
    page = rehearsal_page(a_report(), {})
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert not re.findall(r'(?:src|href)="(?!#)', page)


def test_recordings_are_bounded_and_those_of_failures_come_first() -> None:
    runs = mixed_runs()[2:4]
    report = make_report(a_rehearsal(*runs), runs, None)
    recordings = dict.fromkeys(map(key, runs), os.urandom(1_000))

    both = rehearsal_page(report, recordings)
    one = rehearsal_page(report, recordings, most_bytes=2_000)

    assert both.count("data-packed=") == 2
    assert one.count("data-packed=") == 1
    assert one.index("<b>Call 4</b>") < one.index("data-packed=")


def key(run: PersonaRun) -> tuple[str, int]:
    return run.persona.name, run.run
