import datetime
import json
import re
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.phrases import phrases_for
from ringdown.call_page import (
    Arrival,
    CallPage,
    Moment,
    MomentKind,
    Recording,
    call_page,
    palette,
)
from ringdown.calls import CallRecord, EndReason, Speaker, ToolOutcome, Turn, Usage
from tests.ringdown.samples import CALLED, CALLER, NOW, a_call, a_tool_call, an_agent

NASTY = "</script><script>alert(1)</script> “quotes” ' \" & <b>bold</b> שלום 👋"
TEXT_COLOURS = ("ink", "muted", "accent", "caller", "agent", "tool", "bad", "good")


def a_turn(n: int, speaker: Speaker, text: str, **more: Any) -> Turn:
    return Turn(n=n, speaker=speaker, text=text, start_ms=n * 2_000, end_ms=n * 2_000 + 900, **more)


def a_record(*turns: Turn, **more: Any) -> CallRecord:
    call = replace(a_call(), **more)
    return CallRecord(call=call, claims=(), turns=turns, tool_calls=(a_tool_call("t1"),))


def after_ring(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def facts(data: dict[str, Any], of: str) -> dict[str, str]:
    return {fact["name"]: fact["value"] for fact in data[of]}


def texts(data: dict[str, Any], kind: str) -> list[str]:
    return [entry["text"] for entry in data["entries"] if entry["kind"] == kind]


def shown(page: str) -> dict[str, Any]:
    """Return the data that the page's script displays."""
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


def test_what_others_wrote_is_data_and_never_markup() -> None:
    """Try it in the caller's number and words, the agent, a tool's result, and names."""
    agent = replace(
        an_agent(), notice=NASTY[:300], voice=NASTY, model=NASTY, transfer_numbers={NASTY: CALLER}
    )
    call = replace(
        a_call(agent=agent),
        caller=f"sip:{NASTY}@example.com",
        agent_id=NASTY,
        transfer_to=NASTY,
        twilio_status=NASTY,
    )
    tool = replace(a_tool_call("t1"), name=NASTY, output={NASTY: NASTY})
    turns = (a_turn(1, Speaker.CALLER, NASTY),)
    record = CallRecord(call=call, claims=(), turns=turns, tool_calls=(tool,))
    page = call_page(CallPage(record=record, problems=[NASTY]))

    assert page.count("</script>") == 2, "expected the data and the page's own script"
    assert "<b>bold" not in page
    data = shown(page)
    assert [texts(data, kind) for kind in ("notice", "caller", "tool")] == [[NASTY]] * 3
    assert facts(data, "facts")["Agent"] == NASTY


def test_a_page_fetches_nothing() -> None:
    page = call_page(a_page())

    assert "default-src 'none'" in page
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"|https?://(?!www\.w3\.org)', page) == []


def test_phone_numbers_are_shortened() -> None:
    page = call_page(a_page())

    assert CALLER not in page
    assert CALLED not in page


def test_an_interrupted_turn_says_that_its_words_are_an_estimate() -> None:
    entries = shown(call_page(a_page()))["entries"]
    (cut,) = [entry for entry in entries if entry["text"] == "On"]

    assert cut["cut"] is True
    assert any("estimate" in note for note in cut["notes"])


def test_a_tool_whose_outcome_is_unknown_is_not_said_to_have_failed() -> None:
    tool = replace(a_tool_call("t1"), outcome=ToolOutcome.UNKNOWN, output=None)
    record = replace(a_record(), tool_calls=(tool,))

    (entry,) = shown(call_page(CallPage(record=record)))["entries"]

    assert entry["notes"] == ["may or may not have completed"]


def test_every_time_counts_from_the_ring() -> None:
    """Pages of real and of simulated calls show the same times."""
    silence = np.zeros(8_000 * 12, np.int16)
    record = a_record(a_turn(1, Speaker.AGENT, "Hello.", reply_ms=500), started_at=after_ring(4))
    real = shown(call_page(CallPage(record)))
    page = call_page(CallPage(record, recording=Recording(8_000, silence, silence, began_ms=80)))
    simulated = shown(page)

    for data in (real, simulated):
        assert [e["at_ms"] for e in data["entries"] if e["text"] == "Hello."] == [6_000]
        assert [e["at_ms"] for e in data["entries"] if e["kind"] == "tool"] == [4_000]
        assert (data["delays"][0]["from_ms"], data["delays"][0]["to_ms"]) == (5_500, 6_000)
    assert real["duration_ms"] == 6_900
    assert simulated["duration_ms"] == 12_080
    assert simulated["recorded"] == {"from_ms": 80, "to_ms": 12_080}
    assert '<audio data-packed="' in page


def test_a_real_call_is_as_long_as_from_the_ring_to_its_end() -> None:
    record = a_record(started_at=after_ring(4), ended_at=after_ring(65))
    data = shown(call_page(CallPage(record)))

    assert (data["length"], data["duration_ms"]) == ("1 min 5 s", 65_000)


@pytest.mark.parametrize(
    ("notice", "spoken"),
    [(None, [phrases_for("en").notice]), ("You are recorded.", ["You are recorded."]), ("", [])],
)
def test_the_notice_is_what_the_record_says(notice: str | None, spoken: list[str]) -> None:
    call = a_call(agent=replace(an_agent(), notice=notice))
    data = shown(call_page(CallPage(replace(a_record(), call=call))))

    assert texts(data, "notice") == spoken


def test_what_the_phone_network_spoke_is_shown_as_it_was_heard() -> None:
    apology = Moment(MomentKind.NOTICE, 9_000, "We are sorry.")
    call = a_call(agent=replace(an_agent(), notice="You are recorded."))
    data = shown(call_page(CallPage(replace(a_record(), call=call), moments=[apology])))

    assert texts(data, "notice") == ["We are sorry."]


def test_words_lost_with_a_handler_have_a_line() -> None:
    record = a_record(
        a_turn(1, Speaker.AGENT, "Hello."), started_at=NOW, take_ups=(after_ring(6),), attempt=2
    )
    (gap,) = [e for e in shown(call_page(CallPage(record)))["entries"] if e["kind"] == "gap"]

    assert (gap["at_ms"], gap["ok"]) == (6_000, False)
    assert gap["text"].endswith("between 0:02 and 0:06, if anything, isn't in the record.")


@pytest.mark.parametrize(
    ("spoken_s", "told"),
    [(1.7, "about 2 s of the agent's speech."), (0.1, "No words were lost.")],
)
def test_a_recording_tells_how_much_was_lost(spoken_s: float, told: str) -> None:
    silence, agent = np.zeros(80_000, np.int16), np.zeros(80_000, np.int16)
    agent[32_000 : 32_000 + int(8_000 * spoken_s)] = 4_000
    record = a_record(a_turn(1, Speaker.AGENT, "Hi."), started_at=NOW, take_ups=(after_ring(6),))
    page = CallPage(record, recording=Recording(8_000, silence, agent))

    assert texts(shown(call_page(page)), "gap")[0].endswith(told)


def test_a_handler_that_was_stopped_loses_nothing() -> None:
    record = a_record(
        started_at=NOW, take_ups=(after_ring(6),), resumed_from=EndReason.HANDLER_STOPPED
    )
    (gap,) = [e for e in shown(call_page(CallPage(record)))["entries"] if e["kind"] == "gap"]

    assert gap["ok"] is True


def test_cost_comes_first() -> None:
    usage = Usage(reports=1, prompt={"AUDIO": 100_000}, response={"AUDIO": 10_000}, total=110_000)
    agent = replace(an_agent(), max_cost_usd=2.0)
    call = replace(a_call(agent=agent), started_at=NOW, usage=usage)
    data = shown(call_page(CallPage(replace(a_record(), call=call))))

    assert data["figures"][0] == {
        "name": "Cost",
        "value": "$0.42",
        "note": "estimate for the model; limit $2.00",
    }
    assert facts(data, "technical")["Tokens in"] == "100,000 audio"


def test_who_answered_is_in_the_head_and_the_rest_is_technical() -> None:
    data = shown(call_page(a_page()))

    assert facts(data, "facts") == {
        "Agent": "default",
        "Revision": an_agent().revision,
        "Called": "…0100",
    }
    assert {"Model", "Voice", "Call SID"} <= facts(data, "technical").keys()
    assert "Trace" not in facts(data, "technical")


def test_a_traced_call_says_where_its_trace_is() -> None:
    data = shown(call_page(CallPage(a_record(trace_id="0af7651916cd43dd8448eb211c80319c"))))

    assert facts(data, "technical")["Trace"] == "0af7651916cd43dd8448eb211c80319c"


def test_without_a_recording_there_is_no_player() -> None:
    page = call_page(a_page())

    assert "<audio" not in page
    assert [lane["outline"] for lane in shown(page)["lanes"]] == [[], []]


def test_how_high_a_voice_is_drawn_does_not_depend_on_the_other_one() -> None:
    loud = np.full(8_000, 32_767, np.int16)
    soft = np.full(8_000, 8_192, np.int16)  # -12 dBFS
    data = shown(call_page(a_page(recording=Recording(8_000, loud, soft))))
    alone = shown(call_page(a_page(recording=Recording(8_000, soft, soft))))

    assert [max(lane["outline"]) for lane in data["lanes"]] == [100, 50]
    assert [max(lane["outline"]) for lane in alone["lanes"]] == [50, 50]


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
    assert [(figure["value"], figure["note"]) for figure in data["figures"]] == [
        ("$0.00", "the model was not used")
    ]


def test_what_arrived_is_told_at_its_line() -> None:
    page = a_page(
        heard_by_caller=[
            Arrival("Hello!", True, "recognised, intact"),
            Arrival("On Thursday.", True, "cut off after 0.4 s"),
        ],
        heard_by_model=[
            Arrival("when is my delivery", False, "a piece is missing"),
            Arrival("No one said this.", False, "not found"),
        ],
    )
    data = shown(call_page(page))

    assert [
        (entry["text"], [item["ok"] for item in entry["arrivals"]])
        for entry in data["entries"]
        if entry["arrivals"]
    ] == [("Hello.", [True]), ("When is my delivery?", [False]), ("On", [True])]
    assert [item["sentence"] for item in data["unmatched"]] == ["No one said this."]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", TEXT_COLOURS)
@pytest.mark.parametrize("ground", ["ground", "card"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: str, colour: str, ground: str) -> None:
    colours = palettes()[scheme]

    assert contrast(colours[colour], colours[ground]) >= 4.5


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
    colours = palettes()[scheme]

    assert contrast(colours[colour], colours[ground]) >= 4.5


def palettes() -> dict[str, dict[str, str]]:
    light, dark = palette().split("@media (prefers-color-scheme: dark)", 1)
    pattern = re.compile(r"--([a-z-]+): (#[0-9a-f]{6})")
    return {"light": dict(pattern.findall(light)), "dark": dict(pattern.findall(dark))}


def contrast(one: str, other: str) -> float:
    """The contrast ratio as defined in WCAG 2.2, 1.4.3."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
