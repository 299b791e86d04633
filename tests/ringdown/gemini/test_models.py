from contextlib import nullcontext

import pytest

from ringdown.agents import packaged_agent
from ringdown.gemini.models import (
    DEFAULT_MODEL,
    DEFAULT_VOICE,
    MODELS,
    RETIRED,
    TEXT_MODELS,
    VOICES,
    Api,
    current,
    model_on,
)
from ringdown.tools import Behavior, Json
from simulators.gemini_live.messages import Setup
from simulators.gemini_live.refusals import Refused
from simulators.gemini_live.setup_rules import read_setup

WHERE = [(model, api) for model in MODELS for api in MODELS[model].apis]


def set_up(model: str, api: Api, voice: str = DEFAULT_VOICE, **more: Json) -> Setup:
    thinking = {"thinking_config": {"thinking_level": "LOW"}} if MODELS[model].thinks else {}
    speech = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
    vertex = api is Api.VERTEX
    prefix = "projects/p/locations/l/publishers/google/" if vertex else ""
    return read_setup(
        {
            "model": f"{prefix}models/{model}",
            "generation_config": {"speech_config": speech, **thinking},
            **more,
        },
        vertex=vertex,
    )


@pytest.mark.parametrize(("model", "api"), WHERE)
@pytest.mark.parametrize("voice", VOICES)
def test_the_stand_in_takes_every_model_with_every_voice(model: str, api: Api, voice: str) -> None:
    setup = set_up(model, api, voice)
    assert (setup.model, setup.voice) == (model, voice)


@pytest.mark.parametrize(("model", "api"), WHERE)
def test_the_stand_in_takes_a_search_beside_functions_where_the_table_has_it(
    model: str, api: Api
) -> None:
    tools: Json = [{"function_declarations": [{"name": "end_call"}]}, {"google_search": {}}]
    may_refuse = nullcontext() if MODELS[model].searches else pytest.raises(Refused, match="search")
    with may_refuse:
        set_up(model, api, tools=tools)
    set_up(model, api, tools=tools[1:])


@pytest.mark.parametrize(("model", "api"), WHERE)
def test_the_stand_in_lets_functions_say_whether_they_block_where_the_model_can_choose(
    model: str, api: Api
) -> None:
    function = {"name": "look_up", "behavior": "NON_BLOCKING"}
    takes_it = "non_blocking" in MODELS[model].behaviors
    with nullcontext() if takes_it else pytest.raises(Refused, match="behavior"):
        set_up(model, api, tools=[{"function_declarations": [function]}])


@pytest.mark.parametrize("api", Api)
@pytest.mark.parametrize("model", MODELS)
def test_every_agent_has_a_model_on_either_api(api: Api, model: str) -> None:
    answering = model_on(api, model)
    assert api in MODELS[answering].apis
    assert answering == model or api not in MODELS[model].apis


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_model_is_replaced_by_one_that_is_there(name: str) -> None:
    assert name not in MODELS
    assert current(name) in {*MODELS, *TEXT_MODELS.values()}
    assert current(current(name)) == current(name)


@pytest.mark.parametrize("api", Api)
def test_the_successor_of_a_retired_model_speaks(api: Api) -> None:
    assert model_on(api, "gemini-3.1-flash-live-preview") == DEFAULT_MODEL


@pytest.mark.parametrize("name", [*MODELS, *TEXT_MODELS.values()])
def test_a_model_that_is_there_is_not_replaced(name: str) -> None:
    assert current(name) == name


@pytest.mark.parametrize("api", Api)
def test_a_model_that_is_not_in_the_table_is_left_to_the_service(api: Api) -> None:
    assert model_on(api, "gemini-9-live") == "gemini-9-live"


def test_there_are_thirty_voices_and_the_defaults_are_known() -> None:
    assert len(set(VOICES)) == 30
    assert DEFAULT_VOICE in VOICES
    assert {DEFAULT_MODEL, packaged_agent().model} <= MODELS.keys()


@pytest.mark.parametrize(
    ("name", "wish", "is_to_it"),
    [
        ("gemini-3.8-live", "blocking", "blocking"),
        ("gemini-3.8-live", "non_blocking", "non_blocking"),
        ("gemini-3.8-live-extended-thinking", "blocking", "non_blocking"),
        ("gemini-live-2.5-flash-native-audio", "non_blocking", "blocking"),
    ],
)
def test_what_a_tool_is_to_a_model_that_cannot_choose(
    name: str, wish: Behavior, is_to_it: Behavior
) -> None:
    assert MODELS[name].behavior(wish) == is_to_it
