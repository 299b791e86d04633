"""Sentences in the agent's own voice: when `<Play>` is used, and what Twilio gets from it."""

import io
import wave
from collections.abc import Callable
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import httpx2
import msgspec
import numpy as np
import pytest

from ringdown.agents import Agent
from ringdown.agents.opening_hours import OpeningHours
from ringdown.agents.phrases import phrases_for
from ringdown.calls import CallChanges, EndReason, NextAction
from ringdown.calls.limits import LineLimits
from simulators.speech import mulaw
from simulators.speech.synthesis import Voice, synthesize
from tests.functions.incoming_call.conftest import Environ, Load
from tests.functions.incoming_call.records import (
    handler_saved,
    store_locked,
    stored_call,
    stream_began,
    with_store,
    write_agent,
)
from tests.functions.incoming_call.stand_ins import PUBLIC_URL, Twilio, a_form, twiml, verbs
from tests.functions.loading import LoadedFunction
from tests.ringdown import seeding
from tests.ringdown.kept_clips import write_clip
from tests.ringdown.samples import CALL_SID, CALLED, a_call, an_agent

AWAY = {"STORE_URL": "sqlite:/dev/null/ringdown.db"}
NOTICE = "You are speaking with a machine. This call is transcribed."
AGENT = an_agent(notice=NOTICE)
SOUND = mulaw.encode(synthesize(NOTICE, rate_hz=8_000, voice=Voice("en-us")))
NEGATIVE_ZERO = b"\x7f"
OTHER_SID = CALL_SID[:-1] + "0"
IN_PROGRESS = a_form(CallStatus="in-progress")


def keep_clip(
    store_url: str, text: str = NOTICE, agent: Agent = AGENT, agent_id: str = "default"
) -> None:
    with_store(store_url, lambda store: write_clip(store, agent_id, agent, text, SOUND))


def with_notice(store_url: str, agent: Agent = AGENT) -> None:
    """Store an agent that answers calls, and a clip of its notice."""
    write_agent(store_url, agent)
    keep_clip(store_url)


def played(document: Element) -> str:
    """The URL of the document's only clip."""
    [play] = document.findall("Play")
    assert not document.findall("Say")
    assert play.text is not None
    return play.text


def said(document: Element) -> str | None:
    [say] = document.findall("Say")
    assert not document.findall("Play")
    return say.text


def get(
    twilio: Twilio, url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> httpx2.Response:
    """Fetch audio like Twilio, without signing the request."""
    path = url.removeprefix(PUBLIC_URL)
    return twilio.client.request(method, path, headers=headers)


def fallback_form(url: str, **fields: str) -> dict[str, str]:
    return IN_PROGRESS | {"ErrorCode": "11200", "ErrorUrl": url} | fields


# The notice


def test_the_notice_is_played_and_the_stream_follows(twilio: Twilio, store_url: str) -> None:
    with_notice(store_url)

    document = twiml(twilio.post("/", a_form()))

    assert verbs(document) == ["Play", "Connect", "Redirect"]
    assert played(document).startswith(f"{PUBLIC_URL}/clips/default/")


def test_twilio_gets_the_very_sound_and_may_keep_it(twilio: Twilio, store_url: str) -> None:
    with_notice(store_url)
    url = played(twiml(twilio.post("/", a_form())))

    response = get(twilio, url)

    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    with wave.open(io.BytesIO(response.content)) as file:
        shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert shape == (1, 2, 8_000)
    assert samples.tolist() == mulaw.decode(SOUND).tolist()
    assert mulaw.encode(samples) == SOUND.replace(NEGATIVE_ZERO, mulaw.SILENCE)


def test_a_head_request_gets_the_headers_and_who_has_the_sound_gets_nothing(
    twilio: Twilio, store_url: str
) -> None:
    with_notice(store_url)
    url = played(twiml(twilio.post("/", a_form())))
    whole = get(twilio, url)

    head = get(twilio, url, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    again = get(twilio, url, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == whole.headers["cache-control"]


@pytest.mark.parametrize(
    "now",
    [
        msgspec.structs.replace(AGENT, notice="You are speaking with a machine."),
        msgspec.structs.replace(AGENT, voice="Puck"),
        msgspec.structs.replace(AGENT, model="gemini-live-2.5-flash-native-audio"),
        msgspec.structs.replace(AGENT, language="de-DE"),
        msgspec.structs.replace(AGENT, volume_db=3.0),
    ],
    ids=["words", "voice", "model", "language", "volume"],
)
def test_a_clip_of_an_earlier_agent_is_never_played(
    twilio: Twilio, store_url: str, now: Agent
) -> None:
    with_notice(store_url)
    played(twiml(twilio.post("/", a_form())))
    write_agent(store_url, now)

    assert said(twiml(twilio.post("/", a_form(CallSid=OTHER_SID)))) == now.notice


def test_the_notice_of_its_language_has_a_clip_too(twilio: Twilio, store_url: str) -> None:
    agent = msgspec.structs.replace(AGENT, notice=None, language="de-AT")
    write_agent(store_url, agent)
    keep_clip(store_url, phrases_for("de-AT").notice, agent)

    played(twiml(twilio.post("/", a_form())))


def test_a_store_that_goes_away_changes_nothing(twilio: Twilio, store_url: str) -> None:
    with_notice(store_url)
    first = played(twiml(twilio.post("/", a_form())))
    with store_locked(store_url):
        second = played(twiml(twilio.post("/", a_form(CallSid=OTHER_SID))))
    with_store(store_url, lambda store: store.delete_clip("default", second.split("/")[-1][:32]))

    assert first == second
    assert get(twilio, second).status_code == 200, "this process must remember the clip"


# Who gets a clip


@pytest.mark.parametrize(
    "changed",
    [
        lambda url: url.partition("?")[0],
        lambda url: url[:-1] + ("A" if url[-1] != "A" else "B"),
        lambda url: url.replace("/default/", "/bakery/"),
        lambda url: url.replace("signature=", "signature=%C3%BC"),
        lambda url: url.replace("/clips/default/", "/clips/default/" + "0" * 32 + "?x="),
    ],
    ids=["none", "wrong", "another agent", "no ASCII", "another key"],
)
def test_a_url_that_we_did_not_sign_gives_nothing(
    twilio: Twilio, store_url: str, changed: Callable[[str], str]
) -> None:
    with_notice(store_url)
    keep_clip(store_url, agent_id="bakery")
    url = played(twiml(twilio.post("/", a_form())))

    assert get(twilio, changed(url)).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_clip_can_only_be_got(twilio: Twilio, method: str) -> None:
    response = get(twilio, f"/clips/default/{'0' * 32}", method)

    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/clips", "/clips/", "/clips/default", "/clips/default/x"])
def test_other_paths_are_not_there(twilio: Twilio, path: str) -> None:
    assert get(twilio, path).status_code == 404


def test_an_agent_of_any_name_has_a_url(twilio: Twilio, store_url: str) -> None:
    name = "café & co?"
    with_store(store_url, lambda store: seeding.write_agent(store, name, AGENT))
    with_store(store_url, lambda store: store.write_number(CALLED, name))
    keep_clip(store_url, agent_id=name)
    url = played(twiml(twilio.post("/", a_form())))

    assert url.isascii()
    assert get(twilio, url).status_code == 200


# What Twilio could not get


def test_a_notice_that_cannot_be_had_is_said_and_the_call_is_answered(
    twilio: Twilio, store_url: str, webhook: LoadedFunction
) -> None:
    with_notice(store_url)
    url = played(twiml(twilio.post("/", a_form())))

    document = twiml(twilio.post("/fallback", fallback_form(url)))

    assert verbs(document) == ["Say", "Connect", "Redirect"]
    assert said(document) == NOTICE
    call = stored_call(store_url)
    assert call is not None
    assert call.attempt == 1
    assert "Twilio could not play a clip" in webhook.messages()


def test_another_instance_without_a_store_sends_twilio_there_and_answers_the_call(
    twilio: Twilio, store_url: str, environ: Environ, load: Load
) -> None:
    with_notice(store_url)
    url = played(twiml(twilio.post("/", a_form())))
    with load(environ | AWAY) as elsewhere:
        cold = Twilio(elsewhere.client)
        assert get(cold, url).status_code == 503
        document = twiml(cold.post("/fallback", fallback_form(url)))

    assert verbs(document) == ["Say", "Connect", "Redirect"], (
        "a missing clip must not lose the call"
    )


@pytest.mark.parametrize("next", [NextAction.IDLE_GOODBYE, NextAction.FALL_BACK])
def test_a_last_sentence_that_cannot_be_had_is_said(
    twilio: Twilio, store_url: str, next: NextAction
) -> None:
    stream_began(store_url, a_call(agent=AGENT))
    handler_saved(store_url, CallChanges(next=next))
    keep_clip(store_url, phrases_for("en-US").idle_goodbye)
    keep_clip(store_url, phrases_for("en-US").closing_apology)
    url = played(twiml(twilio.post("/after-stream", IN_PROGRESS)))

    document = twiml(twilio.post("/fallback", fallback_form(url)))

    assert verbs(document) == ["Say", "Hangup"]


def test_a_closed_line_and_a_call_that_never_streamed_say_it_too(
    twilio: Twilio, store_url: str
) -> None:
    agent = msgspec.structs.replace(
        AGENT, time_zone="Europe/Berlin", opening_hours=OpeningHours(message="We are closed.")
    )
    write_agent(store_url, agent)
    keep_clip(store_url, "We are closed.")
    url = played(twiml(twilio.post("/", a_form())))
    assert said(twiml(twilio.post("/fallback", fallback_form(url)))) == "We are closed."

    lost = a_call(call_sid=OTHER_SID, agent=AGENT)
    over = CallChanges(end_reason=EndReason.NEVER_STREAMED, next=NextAction.FALL_BACK)
    with_store(store_url, lambda store: store.open_call(lost))
    with_store(store_url, lambda store: store.save(OTHER_SID, 1, over))
    document = twiml(twilio.post("/fallback", fallback_form(url, CallSid=OTHER_SID)))
    assert said(document) == ENGLISH.closing_apology


def test_a_caller_who_has_hung_up_meanwhile_needs_nothing(twilio: Twilio, store_url: str) -> None:
    with_notice(store_url)
    url = played(twiml(twilio.post("/", a_form())))

    over = fallback_form(url, CallStatus="completed")
    assert verbs(twiml(twilio.post("/fallback", over))) == []


@pytest.mark.parametrize(
    "url", ["", f"{PUBLIC_URL}/", f"{PUBLIC_URL}/clips/x", "https://a.b/%zz", "https://[a"]
)
def test_for_anything_else_that_fails_there_is_the_apology(twilio: Twilio, url: str) -> None:
    document = twiml(twilio.post("/fallback", fallback_form(url)))

    assert verbs(document) == ["Say", "Dial", "Hangup"]


# The other sentences

PERSON = "+14155550177"
ENGLISH = phrases_for("en-US")


@pytest.mark.parametrize(
    ("next", "person", "words", "then"),
    [
        (NextAction.IDLE_GOODBYE, PERSON, ENGLISH.idle_goodbye, ["Hangup"]),
        (NextAction.TIME_GOODBYE, None, ENGLISH.time_goodbye, ["Hangup"]),
        (NextAction.BUSY, None, ENGLISH.busy, ["Hangup"]),
        (NextAction.BUSY, PERSON, ENGLISH.connecting, ["Dial", "Hangup"]),
        (NextAction.CONNECT_PERSON, PERSON, ENGLISH.connecting, ["Dial", "Hangup"]),
        (NextAction.FALL_BACK, PERSON, ENGLISH.connecting_apology, ["Dial", "Hangup"]),
        (NextAction.FALL_BACK, None, ENGLISH.closing_apology, ["Hangup"]),
    ],
)
def test_what_follows_a_stream_is_played_or_else_said(
    twilio: Twilio,
    store_url: str,
    next: NextAction,
    person: str | None,
    words: str,
    then: list[str],
) -> None:
    stream_began(store_url, a_call(agent=AGENT, fallback_number=person))
    handler_saved(store_url, CallChanges(next=next))
    without = twiml(twilio.post("/after-stream", IN_PROGRESS))
    assert (said(without), verbs(without)[1:]) == (words, then)
    keep_clip(store_url, words)
    document = twiml(twilio.post("/after-stream", IN_PROGRESS))

    assert get(twilio, played(document)).status_code == 200
    assert verbs(document)[1:] == then


def test_a_closed_line_says_so_in_the_agents_voice(twilio: Twilio, store_url: str) -> None:
    closed = OpeningHours(message="We are closed.")
    agent = msgspec.structs.replace(AGENT, time_zone="Europe/Berlin", opening_hours=closed)
    write_agent(store_url, agent)
    keep_clip(store_url, "We are closed.")

    assert verbs(twiml(twilio.post("/", a_form()))) == ["Play", "Hangup"]


def test_a_full_line_says_so_in_the_agents_voice(
    environ: Environ, load: Load, store_url: str
) -> None:
    with_notice(store_url)
    keep_clip(store_url, ENGLISH.connecting)
    with_store(store_url, lambda store: store.write_limits(LineLimits(calls_per_hour=1)))
    with load(environ) as webhook:
        twilio = Twilio(webhook.client)
        twilio.post("/", a_form())
        document = twiml(twilio.post("/", a_form(CallSid=OTHER_SID)))

    assert verbs(document) == ["Play", "Dial", "Hangup"]


def test_an_apology_for_a_call_that_nobody_knows_waits_for_no_clip(
    environ: Environ, load: Load
) -> None:
    with load(environ | AWAY) as webhook:
        document = twiml(Twilio(webhook.client).post("/after-stream", IN_PROGRESS))
        assert verbs(document) == ["Say", "Dial", "Hangup"]
        assert "clip could not be read" not in webhook.messages()


def test_the_url_names_nobody(twilio: Twilio, store_url: str) -> None:
    with_notice(store_url)
    url = urlsplit(played(twiml(twilio.post("/", a_form()))))

    assert CALL_SID not in url.geturl()
    assert "%2B1" not in url.geturl()
