import hashlib

import msgspec
import pytest
from hypothesis import given, strategies as st

from ringdown.agents import Agent, Draft, Idle, packaged_agent, packaged_document
from ringdown.agents.check import check_agent
from ringdown.documents import to_record
from ringdown.errors import InvalidDocument
from ringdown.tools import DeclaredTool, Json
from tests.ringdown.samples import an_agent

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Hello."}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instructions": ""}, "instructions: Expected `str` of length >= 1"),
        ({"greeting": None}, "greeting: Expected `str`, got `null`"),
        ({"tools": ["lookup_account", 7]}, "tools[1]: Expected `str`, got `int`"),
        ({"fallback_number": "0415 555"}, "fallback_number: Expected `str` matching regex"),
        ({"transfer_numbers": {"billing": "12"}}, "transfer_numbers[...]: Expected `str` matching"),
        ({"fallback_number": "+14155550100\n"}, "fallback_number: Expected `str` matching regex"),
    ],
)
def test_a_record_of_a_bad_agent_is_refused_by_field(change: dict[str, Json], message: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        to_record(Agent, GOOD | change, where="agents/default")
    assert str(caught.value).startswith(f"agents/default: {message}")


@pytest.mark.parametrize("document", [None, [], "text", 7, {1: 2}, {"greeting": GOOD}])
def test_what_is_no_agent_at_all_is_refused(document: Json) -> None:
    with pytest.raises(InvalidDocument, match="agents/a: "):
        to_record(Agent, document, where="agents/a")


def test_fields_of_later_versions_do_not_matter() -> None:
    assert to_record(Agent, GOOD | {"later": [1]}, where="agents/a") == Agent(**GOOD)


def test_a_call_of_the_past_stays_readable_when_its_voice_and_model_are_gone() -> None:
    past = GOOD | {"voice": "Gone", "model": "gone", "instructions": "{gone}"}
    assert to_record(Agent, past, where="calls/CA1").voice == "Gone"


def test_the_packaged_agent_is_complete_and_nothing_is_to_be_said_of_it() -> None:
    agent = packaged_agent()
    assert agent.notice, "callers must be told that they are talking to an AI"
    assert agent.tools == ("lookup_account",)
    assert check_agent(packaged_document(), {"lookup_account": DeclaredTool()}) == agent


texts = st.text(min_size=1, max_size=40)


@given(greeting=texts, notice=texts)
def test_the_same_words_give_the_same_revision(greeting: str, notice: str) -> None:
    agent = an_agent(greeting=greeting, notice=notice)
    stored = to_record(Agent, msgspec.to_builtins(agent), where="agents/a")
    assert stored.revision == agent.revision
    changed = msgspec.structs.replace(agent, greeting=greeting + ".")
    assert changed.revision != agent.revision


def test_only_what_is_written_counts_so_that_a_field_added_later_changes_no_revision() -> None:
    agent = Agent(**GOOD, idle=Idle(nudge_after_s=12.0))
    written = b'{"greeting":"Hello.","idle":{"nudge_after_s":12.0},"instructions":"Be brief."}'
    assert agent.revision == hashlib.sha256(written).hexdigest()[:12]


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.4},
        {"examples": [{"caller": "Are you open?", "answer_contains": ["yes"]}]},
        {"time_zone": "Europe/Berlin", "opening_hours": {"monday": "24h"}},
        {"transfer_numbers": {"billing": "+14155550111"}},
        {"apply_to_live_calls": True},
    ],
)
def test_every_setting_counts_for_the_revision(change: dict[str, Json]) -> None:
    changed = to_record(Agent, GOOD | change, where="agents/a")
    assert changed.revision != Agent(**GOOD).revision


def test_the_revision_of_a_draft_is_that_of_the_agent_it_becomes() -> None:
    draft = to_record(Draft, GOOD | {"testers": ["+14155550123"], "publish": True}, where="d")
    written = {name: getattr(draft, name) for name in Agent.__struct_fields__}
    assert Agent(**written).revision == Agent(**GOOD).revision
