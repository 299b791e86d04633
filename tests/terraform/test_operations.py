"""Metrics, alerts and dashboard agree with the log lines and the runbook."""

import datetime
import json
import re

import msgspec
import pytest

from ringdown.calls import CallChanges, Claim, EndReason, NextAction, Speaker, ToolOutcome, Turn
from ringdown.calls.dead_letters import DeadLetter, log_fields
from ringdown.log import Field
from ringdown.tools import Json
from stream_handler.record.stream_report import StreamReport
from tests.ringdown.samples import a_call, a_tool_call
from tests.terraform.log_filters import NotUnderstood, matches
from tests.terraform.logged_lines import entry, said_in, written
from tests.terraform.properties import Resource, resources
from tests.terraform.scenarios import Applied, deployments
from tests.terraform.stand_in import ROOT, needs_stand_in

RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
HANDLER, WEBHOOK = "ringdown-stream-handler", "ringdown-incoming-call"
SOURCES = {
    HANDLER: ROOT / "services" / "stream_handler",
    WEBHOOK: ROOT / "functions" / "incoming_call",
}
planned = [needs_stand_in, pytest.mark.timeout(700)]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    return deployments(tmp_path_factory)["everything"]


def of_type(applied: Applied, kind: str) -> list[Resource]:
    return [r for r in resources(applied.plan) if r.type == kind]


def metric(applied: Applied, key: str) -> Resource:
    (found,) = (m for m in of_type(applied, "google_logging_metric") if m.key == key)
    return found


def a_stream(next: NextAction | None = NextAction.FALL_BACK) -> dict[str, Field]:
    report = StreamReport()
    turns = (
        Turn(n=1, speaker=Speaker.AGENT, text="Hi", start_ms=0, end_ms=9, reply_ms=800),
        Turn(n=2, speaker=Speaker.AGENT, text="So", start_ms=9, end_ms=19, barge_in_ms=90),
    )
    report.add(CallChanges(turns=turns, tool_calls=(a_tool_call("t1"),)))
    report.add(CallChanges(end_reason=EndReason.MODEL_LOST, talk_s=61, cost_usd=0.12))
    return report.fields(next)


def all_lines() -> list[Json]:
    """One entry for each line that the two services can write."""
    now = datetime.datetime.now(datetime.UTC)
    claim = Claim(attempt=1, handler="h", claimed_at=now)
    letter = DeadLetter(call=a_call(), claim=claim, changes=CallChanges(), left_at=now)
    lines = [entry(HANDLER, written("dead letter", **f)) for f in log_fields(letter)]
    lines.append(entry(HANDLER, written("stream over", **a_stream())))
    lines += [
        entry(service, written(said.message, **dict.fromkeys(said.fields, "something")))
        for service, folder in SOURCES.items()
        for said in said_in(folder)
    ]
    return lines


def messages(lines: list[Json]) -> set[str]:
    return {line["jsonPayload"]["message"] for line in lines}


# The log line that everything depends on


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

    def test_every_metric_finds_the_lines_it_names(self, everything: Applied) -> None:
        lines = all_lines()
        metrics = of_type(everything, "google_logging_metric")

        unheard = {
            m.key: missing
            for m in metrics
            if (missing := _named(m) - messages([x for x in lines if matches(_filter(m), x)]))
        }

        assert len(metrics) == 16
        assert unheard == {}

    def test_values_and_labels_are_fields_of_every_line_found(self, everything: Applied) -> None:
        lines = all_lines()
        lacking = [
            (m.key, line["jsonPayload"]["message"])
            for m in of_type(everything, "google_logging_metric")
            for field in _extracted(m)
            for line in lines
            if matches(_filter(m), line) and field not in line["jsonPayload"]
        ]
        assert lacking == []

    def test_a_call_that_is_taken_up_is_counted_once(self, everything: Applied) -> None:
        lost = entry(HANDLER, written("stream over", **a_stream(None)))
        over = entry(HANDLER, written("stream over", **a_stream()))
        for key in ("calls", "talk_s", "cost_usd"):
            assert not matches(_filter(metric(everything, key)), lost), key
            assert matches(_filter(metric(everything, key)), over), key

    def test_dead_letters_leave_the_default_log(self, everything: Applied) -> None:
        (sink,) = of_type(everything, "google_logging_project_sink")
        (exclusion,) = of_type(everything, "google_logging_project_exclusion")
        (bucket,) = of_type(everything, "google_logging_project_bucket_config")
        line = written("dead letter", ringdown_dead_letter=True)
        letter, other = entry(HANDLER, line), entry(HANDLER, written("stream over"))
        neighbours = entry("ringdown-2-stream-handler", line)
        for one in (sink, exclusion):
            assert matches(one.values["filter"], letter)
            assert not matches(one.values["filter"], other)
            assert not matches(one.values["filter"], neighbours)
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
        summed = set(re.findall(r"logging_googleapis_com:user_ringdown_(\w+)_sum", texts))
        assert summed == {"cost_usd", "talk_s"}
        assert {f"ringdown/{name}" for name in summed} <= there

    def test_end_reasons_of_an_alert_are_those_of_the_code(self, everything: Applied) -> None:
        (alert,) = (
            a
            for a in of_type(everything, "google_monitoring_alert_policy")
            if a.key == "Calls fail"
        )
        text = json.dumps(alert.values["conditions"])
        (listed,) = re.findall(r"one_of\((.+?)\)", text)
        assert set(re.findall(r"\w+", listed)) <= set(EndReason)

    def test_an_alert_stands_on_each_subscription_that_gives_up(self, everything: Applied) -> None:
        (alert,) = (
            a
            for a in of_type(everything, "google_monitoring_alert_policy")
            if a.key == "Calls not followed up"
        )
        (condition,) = alert.values["conditions"]
        (threshold,) = condition["condition_threshold"]
        gives_up = {
            s.values["name"]
            for s in of_type(everything, "google_pubsub_subscription")
            if s.values["dead_letter_policy"]
        }
        assert set(re.findall(r'subscription_id="(.+?)"', threshold["filter"])) == gives_up
        assert threshold["filter"].startswith(
            'resource.type="pubsub_subscription"'
            ' AND metric.type="pubsub.googleapis.com/subscription/dead_letter_message_count"'
        )
        assert threshold["threshold_value"] == 0

    def test_each_tile_has_what_cloud_monitoring_asks_for(self, everything: Applied) -> None:
        """The API's XyChart: https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards"""
        (dashboard,) = of_type(everything, "google_monitoring_dashboard")
        tiles = json.loads(dashboard.values["dashboard_json"])["mosaicLayout"]["tiles"]
        assert len({tile["widget"]["title"] for tile in tiles}) == len(tiles) == 17
        for tile in tiles:
            title, chart = tile["widget"]["title"], tile["widget"]["xyChart"]
            assert chart["dataSets"], title
            for data in chart["dataSets"]:
                assert data.keys() <= {"legendTemplate", "plotType", "timeSeriesQuery"}, title
                assert data["plotType"] in ("LINE", "STACKED_BAR"), title
                (query,) = data["timeSeriesQuery"].items()
                assert _is_query(*query), (title, query)

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


def _is_query(kind: str, query: Json) -> bool:
    if kind == "prometheusQuery":
        return bool(re.fullmatch(r"sum\(increase\([\w:]+\{.+\}\[24h\]\)\) / \d+", query))
    reducers = ("REDUCE_SUM", "REDUCE_PERCENTILE_50", "REDUCE_PERCENTILE_95")
    aggregation = query["aggregation"]
    return (
        kind == "timeSeriesFilter"
        and aggregation["perSeriesAligner"] == "ALIGN_DELTA"
        and aggregation["crossSeriesReducer"] in reducers
    )


def _filter(metric: Resource) -> str:
    text: str = metric.values["filter"]
    return text


def _named(metric: Resource) -> set[str]:
    named = set(re.findall(r'jsonPayload\.message="([^"]+)"', _filter(metric)))
    return named or {"dead letter"}


def _extracted(metric: Resource) -> set[str]:
    """The fields with a metric's value and label."""
    texts = (metric.values["value_extractor"], *(metric.values["label_extractors"] or {}).values())
    return set(re.findall(r"EXTRACT\(jsonPayload\.(\w+)\)", " ".join(filter(None, texts))))


def _alerts_of(page: str) -> str:
    return page.split("## Alerts", 1)[1].split("\n## ", 1)[0]
