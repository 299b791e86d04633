"""docs/webhooks.md: what it shows is what gets sent."""

import re
from pathlib import Path

import msgspec

from ringdown.webhooks import EVENTS, MOST_RECEIVERS, VERSION, EndedCall, FoundOut, Payload
from ringdown.webhooks.deliveries import PAUSES
from ringdown.webhooks.sender import ANSWERS_WITHIN_S

PAGE = (Path(__file__).parent.parent / "docs" / "webhooks.md").read_text("utf-8")


def test_the_payload_that_is_shown_has_every_field_and_no_other() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
    payload = msgspec.json.decode(shown, type=Payload, strict=True)
    assert msgspec.json.decode(msgspec.json.encode(payload)) == msgspec.json.decode(shown)
    plain = msgspec.json.decode(shown)
    assert list(plain["data"]["call"]) == list(EndedCall.__struct_fields__)
    assert list(plain["data"]["outcome"]) == list(FoundOut.__struct_fields__)
    assert plain["version"] == VERSION


def test_every_event_has_its_row() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", PAGE, re.M)
    assert rows == [*EVENTS, "webhook.test"]


def test_the_figures_are_those_of_the_code() -> None:
    minutes = [int(pause.total_seconds()) // 60 for pause in PAUSES]
    assert "after {}, {}, {} and {} minutes".format(*minutes) in PAGE
    assert f"any 2xx within {ANSWERS_WITHIN_S:g} s" in PAGE
    assert MOST_RECEIVERS == 10, "the page says ten"
