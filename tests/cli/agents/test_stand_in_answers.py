import pytest

from ringdown.agents import packaged_agent
from simulators.gemini_live.obedience import answer_from

INSTRUCTIONS = packaged_agent().instructions


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("What does the family plan cost?", "twenty dollars"),
        ("Can I stop my order?", "without a fee"),
        ("When is my delivery?", "account number"),
    ],
)
def test_a_question_is_answered_by_what_the_instructions_say(question: str, fact: str) -> None:
    assert fact in answer_from(INSTRUCTIONS, question)


def test_a_fact_that_is_not_there_is_not_made_up() -> None:
    assert "fifty" not in answer_from(INSTRUCTIONS, "How much is the premium subscription?")
    assert answer_from("Be brief.", "Where are you?") == "I do not know that."
