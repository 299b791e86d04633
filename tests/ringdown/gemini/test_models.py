from contextlib import nullcontext

import pytest

from ringdown.agents import packaged_agent
from ringdown.gemini.models import DEFAULT_MODEL, DEFAULT_VOICE, MODELS, VOICES, Api, model_on
from ringdown.tools import Behavior, Json
from simulators.gemini_live.messages import Setup
from simulators.gemini_live.refusals import Refused
from simulators.gemini_live.setup_rules import read_setup


def set_up(model: str, voice: str = DEFAULT_VOICE, **more: Json) -> Setup:
    thinking = {"thinking_config": {"thinking_level": "LOW"}} if MODELS[model].thinks else {}
    speech = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
    vertex = MODELS[model].api is Api.VERTEX
    prefix = "projects/p/locations/l/publishers/google/" if vertex else ""
    return read_setup(
        {
            "model": f"{prefix}models/{model}",
            "generation_config": {"speech_config": speech, **thinking},
            **more,
        },
        vertex=vertex,
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("voice", VOICES)
def test_the_stand_in_takes_every_model_with_every_voice(model: str, voice: str) -> None:
    setup = set_up(model, voice)
    assert (setup.model, setup.voice) == (model, voice)


@pytest.mark.parametrize("model", MODELS)
def test_the_stand_in_takes_a_search_beside_functions_where_the_table_has_it(model: str) -> None:
    tools: Json = [{"function_declarations": [{"name": "end_call"}]}, {"google_search": {}}]
    may_refuse = nullcontext() if MODELS[model].searches else pytest.raises(Refused, match="search")
    with may_refuse:
        set_up(model, tools=tools)
    set_up(model, tools=tools[1:])


@pytest.mark.parametrize("api", Api)
@pytest.mark.parametrize("model", MODELS)
def test_every_agent_has_a_model_on_either_api(api: Api, model: str) -> None:
    answering = model_on(api, model)
    assert MODELS[answering].api is api
    assert answering == model or MODELS[model].api is not api


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
        ("gemini-3.1-flash-live-preview", "non_blocking", "blocking"),
    ],
)
def test_what_a_tool_is_to_a_model_that_cannot_choose(
    name: str, wish: Behavior, is_to_it: Behavior
) -> None:
    assert MODELS[name].behavior(wish) == is_to_it
