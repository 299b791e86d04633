import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringdown.agents import Agent, packaged_agent
from ringdown.documents import to_record
from ringdown.errors import InvalidDocument
from ringdown.tools import Json
from tests.ringdown.samples import an_agent

GOOD: dict[str, Json] = {"instructions": "Be brief.", "greeting": "Hello."}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instructions": ""}, "instructions: Expected `str` of length >= 1"),
        ({"instructions": "x" * 20_001}, "instructions: Expected `str` of length <= 20000"),
        ({"greeting": None}, "greeting: Expected `str`, got `null`"),
        ({"greeting": "x" * 501}, "greeting: Expected `str` of length <= 500"),
        ({"notice": "x" * 301}, "notice: Expected `str` of length <= 300"),
        ({"language": "English"}, "language: Expected `str` matching regex"),
        ({"language": "en_US"}, "language: Expected `str` matching regex"),
        ({"tools": "lookup_account"}, "tools: Expected `array`, got `str`"),
        ({"tools": ["lookup_account", 7]}, "tools[1]: Expected `str`, got `int`"),
        ({"fallback_number": "0415 555"}, "fallback_number must be written like +14155550100"),
    ],
)
def test_a_bad_agent_is_refused_in_words_that_name_the_field(
    change: dict[str, Json], message: str
) -> None:
    with pytest.raises(InvalidDocument) as caught:
        to_record(Agent, GOOD | change, where="agents/default")
    assert str(caught.value).startswith(f"agents/default: {message}")


@pytest.mark.parametrize("field", ["instructions", "greeting"])
def test_a_missing_field_is_named(field: str) -> None:
    document = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(InvalidDocument, match=f"agents/a: .*missing required field `{field}`"):
        to_record(Agent, document, where="agents/a")


@pytest.mark.parametrize("document", [None, [], "text", 7, {1: 2}, {"greeting": GOOD}])
def test_what_is_no_agent_at_all_is_refused(document: Json) -> None:
    with pytest.raises(InvalidDocument, match="agents/a: "):
        to_record(Agent, document, where="agents/a")


def test_fields_of_later_versions_do_not_matter() -> None:
    assert to_record(Agent, GOOD | {"later": [1]}, where="agents/a") == Agent(**GOOD)


def test_the_packaged_agent_is_complete() -> None:
    agent = packaged_agent()
    assert agent.notice, "callers are told that they speak with an AI"
    assert agent.tools == ("lookup_account",)


texts = st.text(min_size=1, max_size=40)


@given(greeting=texts, notice=texts)
def test_the_same_words_give_the_same_revision(greeting: str, notice: str) -> None:
    agent = an_agent(greeting=greeting, notice=notice)
    stored = to_record(Agent, msgspec.to_builtins(agent), where="agents/a")
    assert stored.revision == agent.revision
    changed = msgspec.structs.replace(agent, greeting=greeting + ".")
    assert changed.revision != agent.revision
