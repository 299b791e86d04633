"""Metrics, alerts and dashboard: of one piece with the log lines and with the runbook."""

import datetime
import io
import json
import re
from collections.abc import Iterator

import msgspec
import pytest

from ringdown import log
from ringdown.calls import CallChanges, Claim, EndReason, NextAction, Speaker, ToolOutcome, Turn
from ringdown.dead_letters import DeadLetter, log_fields
from ringdown.log import Log
from ringdown.tools import Json
from stream_handler.stream_report import StreamReport
from tests.ringdown.samples import a_call, a_tool_call
from tests.terraform.log_filters import NotUnderstood, matches
from tests.terraform.properties import Resource, resources
from tests.terraform.scenarios import Applied, deployments
from tests.terraform.stand_in import ROOT, needs_stand_in

RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
HANDLER, WEBHOOK = "ringdown-stream-handler", "ringdown-incoming-call"
planned = [needs_stand_in, pytest.mark.timeout(700)]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    for every in deployments(tmp_path_factory.mktemp("operations")):
        yield every["everything"]


def of_type(applied: Applied, kind: str) -> list[Resource]:
    return [r for r in resources(applied.plan) if r.type == kind]


def entry(service: str, line: str) -> Json:
    """A line of a process's output as Cloud Logging keeps it."""
    payload = json.loads(line)
    severity = payload.pop("severity")
    resource = {"type": "cloud_run_revision", "labels": {"service_name": service}}
    return {"resource": resource, "severity": severity, "jsonPayload": payload}


def logged(message: str, **fields: str | float | bool | None) -> str:
    """What the code's own log writes."""
    stream = io.StringIO()
    log.configure(stream)
    Log("ringdown.test").info(message, **fields)
    return stream.getvalue()


def a_stream() -> dict[str, log.Field]:
    report = StreamReport()
    turns = (
        Turn(n=1, speaker=Speaker.AGENT, text="Hi", start_ms=0, end_ms=9, reply_ms=800),
        Turn(n=2, speaker=Speaker.AGENT, text="So", start_ms=9, end_ms=19, barge_in_ms=90),
    )
    report.add(CallChanges(turns=turns, tool_calls=(a_tool_call("t1"),)))
    report.add(CallChanges(end_reason=EndReason.MODEL_LOST, talk_s=61, cost_usd=0.12))
    return report.fields(NextAction.FALL_BACK)


# The line that everything stands on


def test_a_stream_is_told_in_figures_only() -> None:
    assert a_stream() == {
        "next": "fall_back",
        "end_reason": "model_lost",
        "turns": 2,
        "reply_p50_ms": 800,
        "reply_max_ms": 800,
        "barge_in_max_ms": 90,
        "tool_calls": 1,
        "tool_failures": 0,
        "reconnects": 0,
        "talk_s": 61,
        "cost_usd": 0.12,
    }


def test_what_did_not_happen_is_left_out() -> None:
    assert StreamReport().fields(None) == {
        "turns": 0,
        "tool_calls": 0,
        "tool_failures": 0,
        "reconnects": 0,
    }


def test_a_turn_that_is_saved_twice_counts_once() -> None:
    report = StreamReport()
    for outcome in (ToolOutcome.ANSWERED, ToolOutcome.FAILED):
        call = msgspec.structs.replace(a_tool_call("t1"), outcome=outcome)
        report.add(CallChanges(tool_calls=(call,)))
    assert (report.fields(None)["tool_calls"], report.fields(None)["tool_failures"]) == (1, 1)


# Filters


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ('a.b="x"', True),
        ('a.b="y"', False),
        ('a.b=~"^x$" AND a.c:*', True),
        ("a.c=true AND (a.b=x OR a.d:*)", True),
        ('a.b="y" OR a.d:*', False),
    ],
)
def test_filters_are_read(filter: str, found: bool) -> None:
    assert matches(filter, {"a": {"b": "x", "c": True}}) is found


@pytest.mark.parametrize("filter", ["a.b>3", "a.b=x AND", "(a.b=x", "NOT a.b=x"])
def test_a_filter_that_is_not_understood_is_no_filter(filter: str) -> None:
    with pytest.raises(NotUnderstood):
        matches(filter, {})


@pytest.mark.usefixtures("restored_logging")
class TestPlanned:
    pytestmark = planned

    def test_every_metric_finds_a_line_that_the_code_writes(self, everything: Applied) -> None:
        now = datetime.datetime.now(datetime.UTC)
        claim = Claim(attempt=1, handler="h", claimed_at=now)
        letter = DeadLetter(call=a_call(), claim=claim, changes=CallChanges(), left_at=now)
        written = [entry(HANDLER, logged("stream over", **a_stream()))]
        written += [entry(HANDLER, logged("dead letter", **f)) for f in log_fields(letter)]
        written += [entry(service, logged(text)) for service, text in _messages(everything)]
        metrics = of_type(everything, "google_logging_metric")

        unheard = [
            m.address
            for m in metrics
            if not any(matches(m.values["filter"], line) for line in written)
        ]

        assert len(metrics) == 13
        assert unheard == []

    def test_values_are_taken_from_fields_of_that_line(self, everything: Applied) -> None:
        fields = a_stream()
        taken = {
            re.fullmatch(r"EXTRACT\(jsonPayload\.(\w+)\)", m.values["value_extractor"])[1]  # type: ignore[index]
            for m in of_type(everything, "google_logging_metric")
            if m.values["value_extractor"]
        }
        assert taken
        assert taken <= set(fields)

    def test_the_messages_stand_in_the_code(self, everything: Applied) -> None:
        folders = {HANDLER: "services/stream_handler", WEBHOOK: "functions/incoming_call"}
        missing = [
            (service, message)
            for service, message in _messages(everything)
            if not any(
                f'"{message}"' in path.read_text("utf-8")
                for path in (ROOT / folders[service]).rglob("*.py")
            )
        ]
        assert missing == []

    def test_dead_letters_leave_the_default_log(self, everything: Applied) -> None:
        (sink,) = of_type(everything, "google_logging_project_sink")
        (exclusion,) = of_type(everything, "google_logging_project_exclusion")
        (bucket,) = of_type(everything, "google_logging_project_bucket_config")
        letter = entry(HANDLER, logged("dead letter", ringdown_dead_letter=True))
        other = entry(HANDLER, logged("stream over"))
        for one in (sink, exclusion):
            assert matches(one.values["filter"], letter)
            assert not matches(one.values["filter"], other)
        assert bucket.values["retention_days"] == 60

    def test_each_alert_has_its_entry_in_the_runbook(self, everything: Applied) -> None:
        alerts = of_type(everything, "google_monitoring_alert_policy")
        names = {a.values["display_name"].removeprefix("ringdown: ") for a in alerts}
        assert names == set(re.findall(r"^### (.+)$", _alerts_of(RUNBOOK), re.MULTILINE))
        assert all(a.values["notification_channels"] for a in alerts)

    def test_alerts_and_dashboard_use_metrics_that_there_are(self, everything: Applied) -> None:
        there = {m.values["name"] for m in of_type(everything, "google_logging_metric")}
        (dashboard,) = of_type(everything, "google_monitoring_dashboard")
        alerts = of_type(everything, "google_monitoring_alert_policy")
        texts = json.dumps([dashboard.values["dashboard_json"], *(a.values for a in alerts)])
        used = set(re.findall(r"logging\.googleapis\.com/user/([\w/-]+)", texts))
        assert used == there

    def test_end_reasons_of_an_alert_are_those_of_the_code(self, everything: Applied) -> None:
        (alert,) = (
            a
            for a in of_type(everything, "google_monitoring_alert_policy")
            if a.key == "Calls fail"
        )
        text = json.dumps(alert.values["conditions"])
        (listed,) = re.findall(r"one_of\((.+?)\)", text)
        assert set(re.findall(r"\w+", listed)) <= set(EndReason)

    def test_tiles_of_the_dashboard_do_not_overlap(self, everything: Applied) -> None:
        (dashboard,) = of_type(everything, "google_monitoring_dashboard")
        layout = json.loads(dashboard.values["dashboard_json"])["mosaicLayout"]
        cells = [
            (x, y)
            for tile in layout["tiles"]
            for x in range(tile["xPos"], tile["xPos"] + tile["width"])
            for y in range(tile["yPos"], tile["yPos"] + tile["height"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < layout["columns"]


def _messages(applied: Applied) -> list[tuple[str, str]]:
    """Which messages the metrics look for, and in whose log."""
    return [
        (WEBHOOK if WEBHOOK in m.values["filter"] else HANDLER, message)
        for m in of_type(applied, "google_logging_metric")
        for message in re.findall(r'jsonPayload\.message="([^"]+)"', m.values["filter"])
    ]


def _alerts_of(page: str) -> str:
    return page.split("## Alerts", 1)[1].split("\n## ", 1)[0]
