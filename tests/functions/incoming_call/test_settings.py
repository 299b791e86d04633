"""A webhook that can't work doesn't start, and says what to set."""

import pytest

from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.stand_ins import AUTH_TOKEN, Twilio, a_form, twiml
from voice_webhook.webhook_settings import read_settings


def refusal(environ: Environ, load: Load) -> str:
    with pytest.raises(SystemExit) as caught, load(environ):
        pass
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["PUBLIC_URL", "TWILIO_AUTH_TOKEN", "STREAM_TOKEN_SECRET", "STREAM_URL", "STORE_URL"]
)
@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_missing_setting_is_named(
    environ: Environ, load: Load, name: str, blank: str | None
) -> None:
    del environ[name]
    if blank is not None:
        environ[name] = blank
    heading, problem = refusal(environ, load).splitlines()
    assert heading == "Ringdown can't start:"
    assert problem.startswith(f"  {name} is not set. Set it to ")


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("PUBLIC_URL", "http://phone.example", "https://"),
        ("PUBLIC_URL", "phone.example", "https://"),
        ("STREAM_URL", "https://stream.example", "wss://"),
        ("STREAM_URL", "ws://stream.example", "wss://"),
        ("STREAM_TOKEN_SECRET", "x" * 31, "at least 32"),
        ("TWILIO_AUTH_TOKEN", "short", "Twilio console"),
        ("STORE_URL", "ringdown.db", "sqlite:PATH"),
        ("FALLBACK_NUMBER", "call the office", "+14155550100"),
    ],
)
def test_a_malformed_setting_is_named(
    environ: Environ, load: Load, name: str, value: str, advice: str
) -> None:
    _, problem = refusal(environ | {name: value}, load).splitlines()
    assert problem.startswith(f"  {name} is ")
    assert advice in problem


def test_all_problems_are_named_at_once_and_no_secret(load: Load) -> None:
    message = refusal({"STREAM_TOKEN_SECRET": "hush", "FALLBACK_NUMBER": "911"}, load)
    assert len(message.splitlines()) == 1 + 6
    assert "hush" not in message


def test_secrets_are_not_shown_by_the_settings(environ: Environ) -> None:
    shown = repr(read_settings(environ | {"TWILIO_SHARED_KEY_SECRET": "hush"}))
    for secret in (AUTH_TOKEN, environ["STREAM_TOKEN_SECRET"], "hush"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("stream_url", "media_url", "ready_url"),
    [
        ("wss://s.example/", "wss://s.example/media", "https://s.example/ready"),
        ("wss://s.example/x", "wss://s.example/x/media", "https://s.example/x/ready"),
        ("ws://127.0.0.1:81", "ws://127.0.0.1:81/media", "http://127.0.0.1:81/ready"),
    ],
)
def test_addresses_of_the_handler(
    environ: Environ, stream_url: str, media_url: str, ready_url: str
) -> None:
    settings = read_settings(environ | {"STREAM_URL": stream_url})
    assert (settings.media_url, settings.ready_url) == (media_url, ready_url)


def test_the_general_fallback_number_is_optional(environ: Environ, load: Load) -> None:
    del environ["FALLBACK_NUMBER"]
    with load(environ) as webhook:
        twiml(Twilio(webhook.client).post("/", a_form()))
