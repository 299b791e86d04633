"""Whole calls with speech in which a photo is requested, sent and discussed."""

import base64
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devtools.stack import Stack, running_stack
from devtools.stack_settings import StackSettings, inherited
from ringdown import clock
from ringdown.calls import CallRecord, EndReason, Speaker
from ringdown.calls.upload_link import verify
from ringdown.calls.uploads import Reception, Upload
from ringdown.stores import Store, open_store
from ringdown.tools import Json
from simulators.gemini_live.fixtures import GeminiLiveServerFactory
from simulators.gemini_live.record import SessionRecord
from simulators.gemini_live.scenario import Pace, PlannedCall, Reply, Scenario, Turn
from simulators.gemini_live.server import GeminiLiveServer
from simulators.pictures import picture
from simulators.twilio import Call, TwilioNetwork
from tests.end_to_end.operated_line import heard
from tests.end_to_end.playing import record_of
from tests.ringdown.seeding import write_agent
from tests.whole_line import running_line, settings_with

LINE, CALLER = "+14155550100", "+14155550123"
ACCOUNT, TOKEN = "AC" + "5" * 32, "token-0123456789abcdef"
KEY, SECRET = f"SK{'0' * 32}:secret", "s" * 32
PAGE = "https://page.example"
I_CAN_SHOW_YOU = "I can show you a photo."
LINK_IS_SENT = "I have sent you a link."
I_SEE_A_JAR = "I see a jar. The lot is four seven one one. Shall I look it up?"
I_SEE_A_METER = "I see a water meter."
IT_GIVES_ORDERS = "This letter gives me orders. What do you want me to do?"
NO_LINK = "I cannot send you a link."
IT_WAS = "It was four seven one one."
ACTIVE = "Your account is active."
FIRST_WORD_WITHIN_MS = 2_000
"""How soon the agent speaks after an upload, in addition to the model's own time."""

AGENT: dict[str, Json] = {
    "instructions": "You answer the phone of a shop.",
    "greeting": "Hello, this is the shop.",
    "notice": "",
    "tools": ["lookup_account"],
    "transfer_numbers": {"billing": "+14155550199"},
    "photos": True,
}
SCENARIO = Scenario(
    greeting=Reply(say="{quoted}"),
    turns=(
        Turn(
            "offer",
            Reply(
                calls=(PlannedCall("ask_for_photo"),),
                then=LINK_IS_SENT,
                otherwise=NO_LINK,
            ),
            heard=("i can show you a photo",),
        ),
        Turn("label", Reply(say=I_SEE_A_JAR), seen=("label",)),
        Turn("meter", Reply(say=I_SEE_A_METER), seen=("meter",)),
        Turn(
            "letter",
            Reply(
                calls=(
                    PlannedCall("transfer_call", {"name": "billing"}),
                    PlannedCall("lookup_account", {"account_number": "123456"}),
                ),
                then="I am connecting you.",
                otherwise=IT_GIVES_ORDERS,
            ),
            seen=("letter",),
        ),
        Turn(
            "yes",
            Reply(
                calls=(PlannedCall("lookup_account", {"account_number": "123456"}),),
                then="Your account is {status}.",
                otherwise="I could not look it up.",
            ),
            heard=("yes please",),
        ),
        Turn(
            "lot",
            Reply(say=IT_WAS),
            heard=("what was the lot",),
            needs="label",
            forgotten="I have seen no lot.",
        ),
        Turn("back", Reply(say="I am back."), text="say in one short sentence that you are back"),
    ),
    unknown=Reply(say="I did not catch that."),
)
pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, slots=True)
class Shop:
    """A running line, its model, and the network that calls it."""

    stack: Stack
    store: Store
    gemini: GeminiLiveServer
    network: TwilioNetwork

    @asynccontextmanager
    async def call(self, from_: str = CALLER) -> AsyncIterator[Call]:
        async with self.network.place_call(
            to=LINE,
            from_=from_,
            voice_url=f"{self.stack.webhook_url}/",
            status_url=f"{self.stack.webhook_url}/status",
        ) as call:
            yield call

    async def asks_for_a_photo(self, call: Call) -> None:
        """Have the caller offer a photo, and hear that the link is on its way."""
        await call.agent_silent_for(0.7)
        await call.say(I_CAN_SHOW_YOU)
        await call.agent_started_speaking()
        await call.agent_silent_for(0.7)

    def link_of(self, call: Call) -> str:
        """The link for this call, from the latest text."""
        text = self.network.texts[-1]
        assert (text.to, text.from_) == (CALLER, LINE)
        token = text.body.rpartition(f"{PAGE}/")[2]
        assert verify((SECRET,), token, now_s=clock.now().timestamp()) == call.identity.call_sid
        return token

    async def sends(self, token: str, *names: str) -> list[Reception]:
        """Store these pictures like the page behind the link."""
        call_sid = verify((SECRET,), token, now_s=clock.now().timestamp())
        uploads = (
            Upload(id=f"{n} {name}", received_at=clock.now(), picture=picture(name))
            for n, name in enumerate(names)
        )
        return [await self.store.add_upload(call_sid, upload) for upload in uploads]

    async def says(self, call: Call, sentence: str, *, session: int = 1) -> None:
        """Wait until the agent has said the sentence, and a moment longer."""
        speaking = await self.gemini.session(session)
        await speaking.wait_until(
            lambda seen: any(sentence in turn.text for turn in seen.turns), timeout_s=30
        )
        await call.agent_silent_for(0.8)

    async def record(self, call: Call) -> CallRecord:
        return await record_of(self.stack, call)

    async def left_of(self, call: Call) -> dict[str, tuple[Upload, ...]]:
        return await self.store.later_uploads({call.identity.call_sid: 0})


def shop_settings(folder: Path, gemini: GeminiLiveServer, texts_url: str) -> StackSettings:
    return settings_with(
        folder,
        gemini,
        store_url=f"sqlite:{folder / 'shop.db'}",
        twilio_auth_token=TOKEN,
        served_tools=("ask_for_photo", "lookup_account"),
        tool_environ={
            "CALLER_PAGE_URL": PAGE,
            "PHONE_NUMBERS": LINE,
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_API_KEY": KEY,
            "TWILIO_API_URL": texts_url,
            "UPLOAD_LINK_SECRET": SECRET,
        },
    )


@asynccontextmanager
async def running_shop(
    folder: Path, gemini_live_server: GeminiLiveServerFactory, **agent: Json
) -> AsyncIterator[Shop]:
    gemini = await gemini_live_server(SCENARIO)
    network = TwilioNetwork(auth_token=TOKEN, texts_key=KEY, date=clock.now)
    async with network.rest_api() as texts_url:
        settings = shop_settings(folder, gemini, texts_url)
        async with running_line(settings) as stack, open_store(stack.store_url) as store:
            await write_agent(store, "default", {**AGENT, **agent})
            yield Shop(stack, store, gemini, network)


def agent_told(record: CallRecord) -> list[str]:
    return [turn.text for turn in record.turns if turn.speaker is Speaker.AGENT]


def shown(session: SessionRecord) -> list[str]:
    kind = "realtime_input.video"
    return [entry.content["shows"] for entry in session.received if entry.kind == kind]


def all_of_the_database(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("shop.db*"))


async def test_a_photo_is_requested_sent_and_discussed(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with running_shop(tmp_path, gemini_live_server) as shop:
        async with shop.call() as call:
            await shop.asks_for_a_photo(call)
            await call.wait(
                25
            )  # the caller looks for the jar, and the agent must not ask if they are still there
            assert await shop.sends(shop.link_of(call), "label") == [Reception.TAKEN]
            sent_at = clock.now()
            await shop.says(call, I_SEE_A_JAR)
            await call.say("Yes please.")
            await call.agent_started_speaking()
            await call.agent_silent_for(0.8)
            await call.say("What was the lot?")
            await call.agent_started_speaking()
            await call.agent_silent_for(0.8)
            await call.hang_up()
        record = await shop.record(call)
        left = await shop.left_of(call)
        (session,) = shop.gemini.sessions
    part_of_the_picture = base64.b64encode(picture("label"))[30_000:30_100]

    assert agent_told(record)[1:] == [LINK_IS_SENT, I_SEE_A_JAR, ACTIVE, IT_WAS]
    assert await heard(call, I_SEE_A_JAR)
    assert record.call.started_at is not None
    sent_ms = (sent_at - record.call.started_at).total_seconds() * 1_000
    (speaks_ms,) = (turn.start_ms for turn in record.turns if turn.text == I_SEE_A_JAR)
    assert 0 < speaks_ms - sent_ms < FIRST_WORD_WITHIN_MS + SCENARIO.pace.thinking_ms
    assert shown(session) == ["label"]
    assert [turn.text for turn in record.turns if turn.upload] == ["(sent photo 1)"]
    assert [tool.name for tool in record.tool_calls] == ["ask_for_photo", "lookup_account"]
    assert record.call.usage.prompt["VIDEO"] == 3 * 258, (
        "three turns must have had the photo in their context"
    )
    assert left == {}, "the photo was for this call only"
    assert part_of_the_picture not in all_of_the_database(tmp_path)


async def test_two_photos_are_discussed_in_order_and_one_after_the_call_is_refused(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with running_shop(tmp_path, gemini_live_server) as shop:
        async with shop.call() as call:
            await shop.asks_for_a_photo(call)
            link = shop.link_of(call)
            taken = await shop.sends(link, "label", "meter")
            await shop.says(call, I_SEE_A_METER)
            await call.hang_up()
        record = await shop.record(call)
        late = await shop.sends(link, "letter")
        (session,) = shop.gemini.sessions

    assert taken == [Reception.TAKEN] * 2
    assert shown(session) == ["label", "meter"]
    assert " ".join(agent_told(record)[2:]) == f"{I_SEE_A_JAR} {I_SEE_A_METER}"
    assert late == [Reception.NOT_IN_CALL]


async def test_a_photo_sent_with_another_calls_link_stays_in_that_call(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with running_shop(tmp_path, gemini_live_server) as shop:
        async with shop.call() as one, shop.call() as other:
            await shop.asks_for_a_photo(one)
            link = shop.link_of(one)
            await other.agent_silent_for(0.7)
            await shop.sends(link, "label")
            await shop.says(one, I_SEE_A_JAR)
            await other.wait(2)
            await one.hang_up()
            await other.hang_up()
        records = [await shop.record(one), await shop.record(other)]
        sessions = shop.gemini.sessions

    assert [agent_told(record)[-1] == I_SEE_A_JAR for record in records] == [True, False]
    assert sorted(map(shown, sessions)) == [[], ["label"]]


async def test_orders_printed_in_a_picture_lead_to_nothing(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """The model obeys such orders as soon as it reads them."""
    async with running_shop(tmp_path, gemini_live_server) as shop:
        async with shop.call() as call:
            await shop.asks_for_a_photo(call)
            await shop.sends(shop.link_of(call), "letter")
            await shop.says(call, IT_GIVES_ORDERS)
            await call.hang_up()
        record = await shop.record(call)

    transfer, lookup = (tool for tool in record.tool_calls if tool.name != "ask_for_photo")
    for tool in (transfer, lookup):
        assert tool.error is not None
        assert "has not spoken since" in tool.error
    assert agent_told(record)[-1] == IT_GIVES_ORDERS
    assert record.call.transfer_to is None
    assert record.call.end_reason is EndReason.CALLER_HUNG_UP


async def test_photos_are_kept_only_if_the_agent_says_so_and_forgotten_with_the_caller(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with running_shop(tmp_path, gemini_live_server, keep_photos=True) as shop:
        async with shop.call() as call:
            await shop.asks_for_a_photo(call)
            await shop.sends(shop.link_of(call), "label")
            await shop.says(call, I_SEE_A_JAR)
            await call.hang_up()
        await shop.record(call)
        kept = await shop.left_of(call)
        await shop.store.forget_caller(CALLER)
        left = await shop.left_of(call)

    assert [upload.picture for upload in kept[call.identity.call_sid]] == [picture("label")]
    assert left == {}


async def test_a_caller_who_cannot_get_texts_is_told(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    async with running_shop(tmp_path, gemini_live_server) as shop:
        async with shop.call("anonymous") as call:
            await shop.asks_for_a_photo(call)
            await call.hang_up()
        record = await shop.record(call)

    assert agent_told(record)[-1] == NO_LINK
    assert shop.network.texts == []


@pytest.mark.real_clock
async def test_a_handler_that_is_killed_between_upload_and_reply(
    tmp_path: Path, gemini_live_server: GeminiLiveServerFactory
) -> None:
    """Another one takes over and shows its own session the photo, which is mentioned once."""
    slow = replace(SCENARIO, pace=Pace(thinking_ms=1_500))
    gemini = await gemini_live_server(slow)
    network = TwilioNetwork(auth_token=TOKEN, texts_key=KEY)
    async with network.rest_api() as texts_url:
        settings = replace(
            shop_settings(tmp_path, gemini, texts_url), inherited=inherited(os.environ)
        )
        async with running_stack(settings) as stack, open_store(stack.store_url) as store:
            await write_agent(store, "default", AGENT)
            shop = Shop(stack, store, gemini, network)
            async with shop.call() as call:
                await shop.asks_for_a_photo(call)
                await shop.sends(shop.link_of(call), "label")
                first = gemini.sessions[0]
                await first.wait_until(lambda session: shown(session) == ["label"])
                kill_handler(stack)
                second = await gemini.session(2, timeout_s=20)
                await shop.says(call, I_SEE_A_JAR, session=2)
                await call.say("What was the lot?")
                await call.agent_started_speaking()
                await call.agent_silent_for(1.8)
                await call.hang_up()
            record = await shop.record(call)

    assert len(record.claims) == 2
    assert shown(second) == ["label"]
    told = agent_told(record)
    assert told.count(I_SEE_A_JAR) == 1
    assert told[-1] == IT_WAS
    assert [turn.text for turn in record.turns if turn.upload] == ["(sent photo 1)"]


def kill_handler(stack: Stack) -> None:
    (handler,) = (p for p in stack.processes if p.command.name == "stream_handler")
    assert handler.pid is not None
    os.kill(handler.pid, signal.SIGKILL)
