import json
import re
from importlib import resources
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from ringdown.agents.opening_hours import OpeningHours
from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome, Turn
from ringdown_cli.call_page import Arrival, CallPage, Moment, MomentKind, Recording, call_page
from tests.ringdown.samples import CALLED, CALLER, a_call, a_tool_call, an_agent

NASTY = "</script><script>alert(1)</script> “quotes” ' \" & <b>bold</b> שלום 👋"
TEXT_COLOURS = ("ink", "muted", "accent", "caller", "agent", "tool", "bad", "good")


def a_turn(n: int, speaker: Speaker, text: str, **more: Any) -> Turn:
    return Turn(n=n, speaker=speaker, text=text, start_ms=n * 2_000, end_ms=n * 2_000 + 900, **more)


def a_record(*turns: Turn) -> CallRecord:
    return CallRecord(call=a_call(), claims=(), turns=turns, tool_calls=(a_tool_call("t1"),))


def shown(page: str) -> dict[str, Any]:
    """The data that the page's script lays out."""
    found = re.search(r'<script type="application/json" id="call">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def a_page(**more: Any) -> CallPage:
    turns = (
        a_turn(1, Speaker.AGENT, "Hello."),
        a_turn(2, Speaker.CALLER, "When is my delivery?"),
        a_turn(3, Speaker.AGENT, "On", interrupted=True, reply_ms=700, barge_in_ms=95),
    )
    return CallPage(record=a_record(*turns), **more)


def test_what_callers_say_is_data_and_never_markup() -> None:
    page = call_page(CallPage(record=a_record(a_turn(1, Speaker.CALLER, NASTY))))

    assert page.count("</script>") == 2, "the data and the page's own script"
    assert "<b>bold" not in page
    assert NASTY in [entry["text"] for entry in shown(page)["entries"]]


def test_a_page_fetches_nothing() -> None:
    page = call_page(a_page())

    assert "default-src 'none'" in page
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"|https?://(?!www\.w3\.org)', page) == []


def test_phone_numbers_are_shortened() -> None:
    page = call_page(a_page())

    assert CALLER not in page
    assert CALLED not in page


def test_an_interrupted_turn_says_that_its_words_are_an_estimate() -> None:
    *_, cut = [entry for entry in shown(call_page(a_page()))["entries"] if entry["kind"] != "tool"]

    assert cut["cut"] is True
    assert any("estimate" in note for note in cut["notes"])


def test_a_tool_whose_outcome_is_unknown_is_not_said_to_have_failed() -> None:
    tool = replace(a_tool_call("t1"), outcome=ToolOutcome.UNKNOWN, output=None)
    record = replace(a_record(), tool_calls=(tool,))

    (entry,) = shown(call_page(CallPage(record=record)))["entries"]

    assert entry["notes"] == ["may or may not have been done"]


def test_turns_lie_where_the_recording_has_them() -> None:
    silence = np.zeros(8_000 * 12, np.int16)
    page = call_page(a_page(stream_began_ms=4_000, recording=Recording(8_000, silence, silence)))

    data = shown(page)
    assert data["duration_ms"] == 12_000
    assert [e["at_ms"] for e in data["entries"] if e["text"] == "Hello."] == [6_000]
    assert '<audio data-packed="' in page


def test_without_a_recording_there_is_no_player() -> None:
    page = call_page(a_page())

    assert "<audio" not in page
    assert [lane["outline"] for lane in shown(page)["lanes"]] == [[], []]


def test_the_louder_side_fills_the_height() -> None:
    loud = np.full(8_000, 16_000, np.int16)
    soft = np.full(8_000, 4_000, np.int16)
    data = shown(call_page(a_page(recording=Recording(8_000, loud, soft))))

    assert [max(lane["outline"]) for lane in data["lanes"]] == [100, 25]


def test_problems_are_told_and_a_judged_call_without_any_is_well() -> None:
    told = shown(call_page(a_page(problems=["no tool answered"])))
    well = shown(call_page(a_page(problems=[])))
    unjudged = shown(call_page(a_page()))

    assert told["problems"] == ["no tool answered"]
    assert (well["judged"], well["problems"]) == (True, [])
    assert unjudged["judged"] is False


def test_a_draft_is_named_as_one() -> None:
    record = replace(a_record(), call=replace(a_call(), is_draft=True))
    data = shown(call_page(CallPage(record=record)))
    assert data["is_draft"] is True
    assert {"name": "Agent", "value": "default (draft)"} in data["facts"]
    assert shown(call_page(a_page()))["is_draft"] is False


def test_of_a_call_outside_the_hours_the_page_says_what_the_caller_heard() -> None:
    hours = OpeningHours(message="We open at nine.")
    call = replace(
        a_call(agent=replace(an_agent(), opening_hours=hours)), end_reason=EndReason.OUTSIDE_HOURS
    )
    data = shown(call_page(CallPage(record=replace(a_record(), call=call, tool_calls=()))))
    assert [(entry["who"], entry["text"]) for entry in data["entries"]] == [
        ("Notice", "We open at nine.")
    ]
    assert data["figures"] == [], "the model was not used"


def test_what_was_heard_and_what_happened_on_the_line_is_shown() -> None:
    data = shown(
        call_page(
            a_page(
                heard_by_model=[Arrival("When?", False, "not found")],
                moments=[Moment(MomentKind.CLEAR, 6_500, "clear: 1.0 s were not played")],
            )
        )
    )

    assert data["heard"][0]["sentences"] == [{"sentence": "When?", "ok": False, "why": "not found"}]
    assert data["moments"][0]["at_ms"] == 6_500


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", TEXT_COLOURS)
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str, colour: str, ground: str) -> None:
    palette = palettes()[scheme]

    assert contrast(palette[colour], palette[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("colour", "ground"),
    [
        *((name, f"{name}-soft") for name in ("caller", "agent", "tool", "bad", "good")),
        *(("ink", f"{name}-soft") for name in ("caller", "agent", "tool")),
        ("ink", "line"),
        ("card", "accent"),
    ],
)
def test_text_on_a_tint_has_that_contrast_too(scheme: str, colour: str, ground: str) -> None:
    palette = palettes()[scheme]

    assert contrast(palette[colour], palette[ground]) >= 4.5


def palettes() -> dict[str, dict[str, str]]:
    css = (resources.files("ringdown_cli.call_page") / "page.css").read_text("utf-8")
    light, dark = css.split("@media (prefers-color-scheme: dark)", 1)
    pattern = re.compile(r"--([a-z-]+): (#[0-9a-f]{6})")
    # The first one counts: print, further down, has a palette of its own.
    return {
        "light": dict(reversed(pattern.findall(light))),
        "dark": dict(reversed(pattern.findall(dark))),
    }


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.2, 1.4.3."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
