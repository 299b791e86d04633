from benchmarks.report.figures import LoadFigures
from benchmarks.report.goals import Verdict, verdicts
from tests.benchmarks.report.made_up import point

FLOOR = point("relay", up_ms=0.4, p99_ms=2.0, core=0.008)
OURS = point("ringdown", up_ms=1.9, p99_ms=4.0, core=0.0115)
MANY = point("ringdown", 150, p99_ms=19.0)


def the(found: list[Verdict], words: str) -> Verdict:
    (verdict,) = (v for v in found if words in v.goal.text)
    return verdict


def test_goals_that_are_reached() -> None:
    found = verdicts(LoadFigures([FLOOR, OURS, MANY, point("pipecat", core=0.0188)]))

    assert len(found) == 7
    assert [v.word for v in found] == ["yes"] * 6 + ["NO"], "all but half of pipecat's core"


def test_a_missed_goal_is_missed() -> None:
    slow = point("ringdown", up_ms=2.5, p99_ms=13.0, core=0.0125, memory_mb=1.2)

    found = verdicts(LoadFigures([FLOOR, slow, point("ringdown", 150, p99_ms=69.5)]))

    for words in ("uplink p50", "uplink p99 within", "1.5 times", "1 MB", "barge-in", "at 150"):
        verdict = the(found, words)
        assert verdict.met is False, verdict.goal.text
        assert verdict.word == "NO"


def test_without_pipecat_nothing_is_claimed_beside_it() -> None:
    verdict = the(verdicts(LoadFigures([FLOOR, OURS])), "pipecat")

    assert verdict.met is None
    assert verdict.word == "not measured"


def test_a_rival_with_a_full_core_is_met_where_it_has_time_left_too() -> None:
    load = LoadFigures(
        [
            *(point("ringdown", 10, core=0.02), point("pipecat", 10, core=0.05)),
            *(OURS, point("pipecat", core=0.0195)),
        ]
    )

    at_50, at_10 = verdicts(load)[-2:]

    assert at_50.met is False
    assert "needs more than it got" in at_50.remark
    assert "at 10 calls" in at_10.goal.text
    assert at_10.met is True
    assert "the most tried that pipecat carries" in at_10.remark


def test_without_load_no_goal_is_judged() -> None:
    assert {v.met for v in verdicts(LoadFigures([]))} == {None}
