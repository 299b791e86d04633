import pytest

from ringdown.calls import Call, Speaker, Turn
from stream_handler.core.functions import functions_for
from stream_handler.core.model_config import opening_prompt, session_config
from tests.ringdown.samples import a_call, an_agent


def names(call: Call) -> list[str]:
    return [function.name for function in session_config(call).functions]


def test_the_session_is_opened_with_the_agent() -> None:
    call = a_call(agent=an_agent(language="de-DE"))

    config = session_config(call)

    assert config.model == call.agent.model
    assert (config.instructions, config.voice) == (call.agent.instructions, call.agent.voice)
    assert config.language == "de-DE"
    assert config.turn_taking == call.agent.turn_taking


def test_the_model_is_given_its_tools_and_the_built_in_functions() -> None:
    assert names(a_call()) == ["lookup_account", "end_call", "collect_digits"]


def test_an_agent_that_knows_people_may_transfer_to_them() -> None:
    call = a_call(agent=an_agent(transfer_numbers={"billing": "+14155550111"}))

    assert names(call) == ["lookup_account", "end_call", "transfer_call", "collect_digits"]
    [transfer] = [f for f in session_config(call).functions if f.name == "transfer_call"]
    assert "billing" in str(transfer.parameters)
    assert "+14155550111" not in str(transfer.parameters), "numbers are none of the model's"


def test_no_schema_has_an_empty_required() -> None:
    """The service closes a session with 1008 over one."""
    for function in functions_for(an_agent(transfer_numbers={"billing": "+14155550111"})):
        assert function.parameters.get("required", ["something"]) != [], function.name


def test_the_greeting_is_asked_for_word_by_word() -> None:
    prompt = opening_prompt(a_call(agent=an_agent(greeting="Good morning, Anvil & Co.")), ())

    assert prompt.count("Good morning, Anvil & Co.") == 1


def test_a_call_that_goes_on_is_opened_with_what_was_said_and_not_with_the_greeting() -> None:
    history = (turn(1, Speaker.AGENT, "Hello."), turn(2, Speaker.CALLER, "Billing, please."))

    prompt = opening_prompt(a_call(agent=an_agent(greeting="Good morning.")), history)

    assert "You: Hello.\nCaller: Billing, please." in prompt
    assert "Good morning." not in prompt


@pytest.mark.parametrize("count", [59, 60, 61, 500])
def test_of_a_long_call_the_last_60_turns_are_told(count: int) -> None:
    history = tuple(turn(n, Speaker.CALLER, f"word{n}.") for n in range(1, count + 1))

    prompt = opening_prompt(a_call(), history)

    assert prompt.count("Caller: ") == min(count, 60)
    assert f"word{count}." in prompt


def turn(n: int, speaker: Speaker, text: str) -> Turn:
    return Turn(n=n, speaker=speaker, text=text, start_ms=n, end_ms=n)
