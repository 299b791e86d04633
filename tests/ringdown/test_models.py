import pytest

from ringdown.agents import packaged_agent
from ringdown.models import DEFAULT_MODEL, DEFAULT_VOICE, MODELS, VOICES
from simulators.gemini_live.setup_rules import read_setup


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("voice", VOICES)
def test_the_stand_in_takes_every_model_with_every_voice(model: str, voice: str) -> None:
    thinking = {"thinking_config": {"thinking_level": "LOW"}} if MODELS[model].thinks else {}
    speech = {"voice_config": {"prebuilt_voice_config": {"voice_name": voice}}}
    setup = read_setup(
        {
            "model": f"models/{model}",
            "generation_config": {"speech_config": speech, **thinking},
        }
    )
    assert (setup.model, setup.voice) == (model, voice)


def test_there_are_thirty_voices_and_the_defaults_are_known() -> None:
    assert len(set(VOICES)) == 30
    assert DEFAULT_VOICE in VOICES
    assert {DEFAULT_MODEL, packaged_agent().model} <= MODELS.keys()
