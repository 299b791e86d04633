"""The REST API of the phone network, with Twilio's own client and with bare requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulators.twilio import Call, EndReason, Text, TwilioNetwork
from simulators.twilio.events import StreamEnd, StreamEnded, VerbStarted
from simulators.twilio.twiml import Say
from tests.simulators.twilio.peers import (
    FROM,
    TO,
    MediaServer,
    Reply,
    Stream,
    WebhookServer,
    media_server,
    twiml,
    webhook_server,
)

TOKEN = "token"
ACCOUNT = "AC" + "5" * 32


class Rerouted(TwilioHttpClient):  # type: ignore[misc]  # twilio has no types
    """Sends requests for Twilio to the stand-in."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        url = url.replace("https://api.twilio.com", self._base_url)
        return super().request(method, url, *args, **kwargs)


async def updated(api: str, call: Call, **changes: str) -> Any:
    """Update the call with Twilio's client, and return the result."""
    client = Client(ACCOUNT, TOKEN, http_client=Rerouted(api))
    return await asyncio.to_thread(client.calls(call.identity.call_sid).update, **changes)


async def listen(stream: Stream) -> None:
    await stream.drain()


@asynccontextmanager
async def streaming_call(
    server: WebhookServer, agent: MediaServer, network: TwilioNetwork
) -> AsyncIterator[Call]:
    url = server.on("/voice", twiml(agent.verb(), "<Redirect>/after</Redirect>"))
    async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
        await call.answered()
        await call.wait(0.1)
        yield call


def said(call: Call) -> list[str]:
    started = [event.verb for event in call.events if isinstance(event, VerbStarted)]
    return [verb.text for verb in started if isinstance(verb, Say)]


async def test_a_call_is_hung_up() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with (
        media_server(listen) as agent,
        webhook_server() as server,
        network.rest_api() as api,
        streaming_call(server, agent, network) as call,
    ):
        answer = await updated(api, call, status="completed")
        assert (answer.sid, answer.status) == (call.identity.call_sid, "completed")
        assert await call.ended() is EndReason.API_HUNG_UP
    assert agent.streams[0].messages[-1]["event"] == "stop"
    assert not server.seen("/after")
    assert call.alerts == ()


@pytest.mark.parametrize("by_url", [True, False])
async def test_a_call_runs_another_document(by_url: bool) -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    other = "<Say>One moment.</Say><Hangup/>"
    async with (
        media_server(listen) as agent,
        webhook_server() as server,
        network.rest_api() as api,
        streaming_call(server, agent, network) as call,
    ):
        changes = {"twiml": f"<Response>{other}</Response>"}
        if by_url:
            changes = {"url": server.on("/other", twiml(other))}
        answer = await updated(api, call, **changes)
        assert answer.status == "in-progress"
        assert await call.ended() is EndReason.AGENT_HUNG_UP
    assert said(call) == ["One moment."]
    [end] = [event for event in call.events if isinstance(event, StreamEnded)]
    assert end.how is StreamEnd.STOPPED
    assert not server.seen("/after")


async def test_a_call_may_be_changed_again_and_then_hung_up() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with (
        media_server(listen) as agent,
        webhook_server() as server,
        network.rest_api() as api,
        streaming_call(server, agent, network) as call,
    ):
        for word in ("One.", "Two."):
            await updated(api, call, twiml=f"<Response><Say>{word}</Say><Pause/></Response>")
            await call.wait(0.1)
        await updated(api, call, status="completed")
        assert await call.ended() is EndReason.API_HUNG_UP
    assert said(call) == ["One.", "Two."]


async def test_twiml_that_cannot_be_run_is_apologised_for() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with (
        media_server(listen) as agent,
        webhook_server() as server,
        network.rest_api() as api,
        streaming_call(server, agent, network) as call,
    ):
        await updated(api, call, twiml="<Response>")
        assert await call.ended() is EndReason.APPLICATION_ERROR
    assert [int(alert.code) for alert in call.alerts] == [12100]


async def test_a_ringing_call_is_hung_up_but_not_redirected() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with webhook_server() as server, network.rest_api() as api:
        url = server.on("/voice", Reply(hang=True))
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            with pytest.raises(TwilioRestException) as refused:
                await updated(api, call, url=url)
            assert (refused.value.status, refused.value.code) == (400, 21220)
            await updated(api, call, status="completed")
            assert await call.ended() is EndReason.API_HUNG_UP


async def test_a_call_that_is_over_cannot_be_changed() -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with webhook_server() as server, network.rest_api() as api:
        url = server.on("/voice", twiml("<Hangup/>"))
        async with network.place_call(to=TO, from_=FROM, voice_url=url) as call:
            await call.ended()
        for changes in ({"status": "completed"}, {"url": url}):
            with pytest.raises(TwilioRestException) as refused:
                await updated(api, call, **changes)
            assert (refused.value.status, refused.value.code) == (400, 21220)


@pytest.mark.parametrize(
    ("method", "path", "auth", "status", "code"),
    [
        ("POST", "Accounts/{account}/Calls/{call}.json", (ACCOUNT, "wrong"), 401, 20003),
        ("POST", "Accounts/{account}/Calls/{call}.json", None, 401, 20003),
        ("POST", "Accounts/{account}/Calls/CA00.json", (ACCOUNT, TOKEN), 404, 20404),
        ("POST", "Accounts/AC00/Calls/{call}.json", (ACCOUNT, TOKEN), 404, 20404),
        ("POST", "Accounts/{account}/Calls/{call}", (ACCOUNT, TOKEN), 404, 20404),
        ("GET", "Accounts/{account}/Calls/{call}.json", (ACCOUNT, TOKEN), 404, 20404),
    ],
)
async def test_refuses(
    method: str, path: str, auth: tuple[str, str] | None, status: int, code: int
) -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with (
        media_server(listen) as agent,
        webhook_server() as server,
        network.rest_api() as api,
        streaming_call(server, agent, network) as call,
        httpx2.AsyncClient(trust_env=False) as http,
    ):
        path = path.format(account=ACCOUNT, call=call.identity.call_sid)
        url = f"{api}/2010-04-01/{path}"
        data = {"Status": "completed"} if method == "POST" else None
        response = await http.request(method, url, data=data, auth=auth)
        assert call.end_reason is None
    assert response.status_code == status
    body = response.json()
    assert (body["code"], body["status"]) == (code, status)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert body["message"]


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
async def test_an_invalid_request_is_hung_up_on(sent: bytes) -> None:
    network = TwilioNetwork(auth_token=TOKEN)
    async with network.rest_api() as api:
        host, _, port = api.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


KEY = f"SK{'0' * 32}:the-secret-of-the-key"
LANDLINE = "+14155550177"


async def texted(api: str, credentials: str, **fields: str) -> Any:
    """Send a text with Twilio's client, and return the result."""
    user, _, secret = credentials.partition(":")
    client = Client(user, secret, ACCOUNT, http_client=Rerouted(api))
    return await asyncio.to_thread(client.messages.create, **fields)


@pytest.mark.parametrize("credentials", [KEY, f"{ACCOUNT}:{TOKEN}"])
async def test_a_text_is_sent(credentials: str) -> None:
    network = TwilioNetwork(auth_token=TOKEN, texts_key=KEY)
    async with network.rest_api() as api:
        answer = await texted(api, credentials, to=FROM, from_=TO, body="Here it is.")
    assert (answer.status, answer.to, answer.body) == ("queued", FROM, "Here it is.")
    assert network.texts == [Text(FROM, TO, "Here it is.")]


@pytest.mark.parametrize(
    ("credentials", "fields", "code"),
    [
        (f"{KEY}x", {}, 20003),
        (KEY, {"to": LANDLINE}, 21614),
        (KEY, {"to": "anonymous"}, 21211),
        (KEY, {"body": ""}, 21602),
    ],
)
async def test_a_text_is_refused(credentials: str, fields: dict[str, str], code: int) -> None:
    network = TwilioNetwork(auth_token=TOKEN, texts_key=KEY, landlines=[LANDLINE])
    async with network.rest_api() as api:
        with pytest.raises(TwilioRestException) as refused:
            await texted(api, credentials, **{"to": FROM, "from_": TO, "body": "Hello.", **fields})
    assert refused.value.code == code
    assert network.texts == []


async def test_a_key_for_texts_changes_no_call() -> None:
    network = TwilioNetwork(auth_token=TOKEN, texts_key=KEY)
    user, _, secret = KEY.partition(":")
    async with (
        media_server(listen) as agent,
        webhook_server() as server,
        network.rest_api() as api,
        streaming_call(server, agent, network) as call,
    ):
        client = Client(user, secret, ACCOUNT, http_client=Rerouted(api))
        with pytest.raises(TwilioRestException) as refused:
            await asyncio.to_thread(client.calls(call.identity.call_sid).update, status="completed")
    assert refused.value.code == 20003
