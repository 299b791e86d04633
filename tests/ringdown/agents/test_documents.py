import re

import pytest

from ringdown.agents import Agent, Draft, packaged_document
from ringdown.agents.check import check_agent, draft_findings, findings
from ringdown.agents.documents import document_of, plain_text, text_to_edit
from ringdown.agents.field_notes import FIELD_NOTES
from ringdown.agents.yaml_text import from_yaml
from ringdown.tools import DeclaredTool, Json
from tests.ringdown.samples import an_agent

MINIMAL: dict[str, Json] = {"greeting": "Hello.", "instructions": "Be brief.\nBe kind.\n"}


def uncommented(text: str) -> str:
    """Uncomment every field that the text offers as a comment."""
    return re.sub(r"(?m)^# (?=[a-z_]+:|  )", "", text)


def test_the_text_to_edit_is_the_document() -> None:
    assert from_yaml(text_to_edit(MINIMAL, "agents/a")) == MINIMAL


def test_every_field_of_the_schema_is_there_and_explained() -> None:
    text = text_to_edit(MINIMAL, "drafts/a", draft=True)
    for name in Draft.__struct_fields__:
        assert re.search(rf"(?m)^(# )?{name}:", text), f"{name} is not offered"
        assert name in FIELD_NOTES, f"{name} is not explained"


def test_every_field_that_is_offered_can_be_taken_as_it_is() -> None:
    document = from_yaml(uncommented(text_to_edit(MINIMAL, "drafts/a", draft=True)))
    assert set(document) == set(Draft.__struct_fields__)
    # Some offered fields need this model, and a draft needs people to hear it.
    document |= {"model": "gemini-3.8-live-extended-thinking", "testers": ["+14155550123"]}
    tools = {"lookup_account": DeclaredTool(), "known_customer": DeclaredTool(before_call=True)}
    found = draft_findings(document, tools)
    assert (found.errors, found.remarks) == ((), ())


def test_an_agent_is_not_offered_what_only_drafts_have() -> None:
    assert "testers" not in text_to_edit(MINIMAL, "agents/a")


def test_fields_are_in_the_order_of_the_schema_and_unknown_ones_last() -> None:
    document = {"mood": "sunny", "voice": "Kore", **MINIMAL}
    assert list(from_yaml(plain_text(document))) == ["instructions", "greeting", "voice", "mood"]


@pytest.mark.parametrize(
    "agent",
    [
        an_agent(),
        an_agent(notice="Hi.", transfer_numbers={"billing": "+14155550100"}, tools=("a",)),
        findings(packaged_document()).agent,
    ],
)
def test_an_agents_document_makes_it_again(agent: Agent) -> None:
    document = document_of(agent)
    assert check_agent(document) == agent
    assert "max_call_s" not in document, "defaults are left out"
