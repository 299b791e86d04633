"""Secrets are rotated while people call: no call is refused, whichever part gets them first."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devtools.stack import Stack
from ringdown.calls import Speaker
from ringdown.stores import open_store
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.scenario import Reply, Scenario
from simulators.speech.recognition import normalise
from simulators.twilio import CallOver
from tests.whole_line import Parts, phone_network, restartable_line, settings_with

LINE, CALLER = "+14155550100", "+14155550123"
GREETING = "Hello, how can I help you today?"
OLD_TOKEN, NEW_TOKEN = "old-token-0123456789abcdef", "new-token-0123456789abcdef"
OLD_SECRET, NEW_SECRET = "old-secret" * 4, "new-secret" * 4
NEW = {"TWILIO_AUTH_TOKEN": NEW_TOKEN, "STREAM_TOKEN_SECRET": NEW_SECRET}
BEFORE = {"TWILIO_AUTH_TOKEN_BEFORE": OLD_TOKEN, "STREAM_TOKEN_SECRET_BEFORE": OLD_SECRET}
PARTS = ("incoming_call", "stream_handler")
pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, slots=True)
class Line:
    stack: Stack
    parts: Parts

    async def hears_the_greeting(
        self, signed_by: str, *, restarted: str | None = None, environ: Mapping[str, str] = {}
    ) -> bool:
        """A part may be restarted during the notice, before the stream."""
        network = phone_network(replace(self.stack, twilio_auth_token=signed_by))
        async with network.place_call(
            to=LINE,
            from_=CALLER,
            voice_url=f"{self.stack.webhook_url}/",
            status_url=f"{self.stack.webhook_url}/status",
        ) as call:
            with suppress(CallOver):  # a call that is refused ends by itself
                await call.answered()
                if restarted is not None:
                    await self.parts.restart(restarted, environ)
                await call.wait(25)
                await call.hang_up()
        async with open_store(self.stack.store_url) as store:
            record = await store.read_record(call.identity.call_sid)
        turns = () if record is None else record.turns
        return [normalise(t.text) for t in turns if t.speaker is Speaker.AGENT][:1] == [
            normalise(GREETING)
        ]


@asynccontextmanager
async def before_rotation(
    folder: Path, gemini_live: GeminiLiveServerFactory
) -> AsyncIterator[Line]:
    gemini = await gemini_live(Scenario(greeting=Reply(say=GREETING)))
    old = {"twilio_auth_token": OLD_TOKEN, "stream_token_secret": OLD_SECRET}
    async with restartable_line(settings_with(folder, gemini, **old)) as (stack, parts):
        yield Line(stack, parts)


@pytest.mark.parametrize("order", [PARTS, PARTS[::-1]], ids=" first, then ".join)
async def test_nobody_is_refused_in_the_middle_of_a_rotation(
    order: tuple[str, ...], tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with before_rotation(tmp_path, gemini_live_server) as line:
        for part in order:
            assert await line.hears_the_greeting(
                OLD_TOKEN, restarted=part, environ={**NEW, **BEFORE}
            ), f"no greeting while {part} is replaced"
            assert await line.hears_the_greeting(OLD_TOKEN), (
                f"no greeting after {part} has been replaced"
            )
        assert await line.hears_the_greeting(NEW_TOKEN), (
            "no greeting once Twilio signs with the new token"
        )


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_without_the_previous_secrets_refuses_calls(
    part: str, tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """Otherwise the test above couldn't fail."""
    async with before_rotation(tmp_path, gemini_live_server) as line:
        await line.parts.restart(part, {"STREAM_TOKEN_SECRET": NEW_SECRET})
        assert not await line.hears_the_greeting(OLD_TOKEN)
        await line.parts.restart(part, NEW)
        assert not await line.hears_the_greeting(OLD_TOKEN)


async def test_after_the_next_rotation_the_old_token_counts_for_nothing(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    new_twice = {
        **NEW,
        "TWILIO_AUTH_TOKEN_BEFORE": NEW_TOKEN,
        "STREAM_TOKEN_SECRET_BEFORE": NEW_SECRET,
    }
    async with before_rotation(tmp_path, gemini_live_server) as line:
        for part in PARTS:
            await line.parts.restart(part, new_twice)
        assert await line.hears_the_greeting(NEW_TOKEN)
        assert not await line.hears_the_greeting(OLD_TOKEN)
