"""One page's telephone: places its calls, and reports to the page."""

import asyncio
from dataclasses import dataclass, field
from typing import assert_never

import msgspec
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from devtools.following import complete_record, following
from devtools.model_wire import Heard
from devtools.network_events import moments, recording_began_ms
from devtools.talk.browser_handset import BrowserHandset
from devtools.talk.call_telling import Telling, told
from devtools.talk.line import CALLERS, GO_AWAY_S, LineBusy, NotDialled, TalkLine
from devtools.talk.messages import (
    CallChanged,
    CallFigure,
    Dial,
    FromPage,
    HangUp,
    Happened,
    LineReady,
    Press,
    Problem,
    Speak,
    Texted,
    ToPage,
    Trouble,
)
from ringdown.call_page import CallPage, Recording, call_page, in_the_page, view_of
from ringdown.calls import CallRecord
from ringdown.calls.problems import problems
from ringdown.calls.uploads import kept_pictures
from ringdown.phone_numbers import is_e164
from simulators.pictures import PICTURES
from simulators.speech.synthesis import SpeechError, synthesize
from simulators.twilio import Call, CallError, CallEvent
from simulators.twilio.events import CallAnswered

_LONGEST_CALL_S = 24 * 3_600.0
_MOST_WAITING = 500
_SEND_WITHIN_S = 5.0
_LINE_HZ = 8_000

_messages = msgspec.json.Decoder(FromPage)
_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class _Conversation:
    """A call in progress."""

    handset: BrowserHandset
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    call: Call | None = None


class Telephone:
    """Runs until the page is gone, and then hangs up a live call."""

    def __init__(self, socket: ServerConnection, line: TalkLine) -> None:
        self._socket = socket
        self._line = line
        self._outbox: asyncio.Queue[bytes | str] = asyncio.Queue(_MOST_WAITING)
        self._conversation: _Conversation | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(self._send())
            calls: list[asyncio.Task[None]] = []
            try:
                await self._greet()
                async for message in self._socket:
                    calls += await self._take(message, group)
            except ConnectionClosed:
                pass
            finally:
                if self._conversation is not None:
                    self._conversation.hung_up.set()
                await asyncio.gather(*calls)
                sender.cancel()

    async def _greet(self) -> None:
        line = self._line
        self._tell(
            LineReady(
                callers=CALLERS,
                numbers=await line.numbers(),
                suggestions=tuple(line.suggestions),
                phrases=tuple(line.phrases),
                pictures=PICTURES,
                is_stand_in=line.stand_in is not None,
            )
        )

    async def _send(self) -> None:
        try:
            while True:
                message = await self._outbox.get()
                async with asyncio.timeout(_SEND_WITHIN_S):
                    await self._socket.send(message)
        except (ConnectionClosed, TimeoutError):
            self._socket.transport.abort()  # ends the receiving side as well

    def _tell(self, message: ToPage) -> None:
        self._put(_encoder.encode(message).decode())

    def _put(self, message: bytes | str) -> None:
        if not self._outbox.full():  # a page that has stopped reading has lost its call anyway
            self._outbox.put_nowait(message)

    # -- from the page

    async def _take(
        self, message: bytes | str, group: asyncio.TaskGroup
    ) -> tuple[asyncio.Task[None], ...]:
        """Handle a message from the page. Returns the call's task if it starts a call."""
        if isinstance(message, bytes):
            if self._conversation is not None and not self._conversation.handset.take(message):
                self._tell(Problem("Audio must arrive in messages of 20 ms. Reload the page."))
            return ()
        try:
            wish = _messages.decode(message)
        except (msgspec.DecodeError, RecursionError) as error:
            self._tell(Problem(f"The page sent an unknown message: {error}. Reload it."))
            return ()
        match wish:
            case Dial():
                if self._conversation is None:
                    self._conversation = _Conversation(BrowserHandset(self._put))
                    return (group.create_task(self._call(self._conversation, wish)),)
            case Speak(text):
                await self._speak(text)
            case HangUp():
                if self._conversation is not None:
                    self._conversation.hung_up.set()
            case Press(key):
                await self._press(key)
            case Trouble():
                await self._trouble(wish)
            case _:
                assert_never(wish)
        return ()

    async def _speak(self, text: str) -> None:
        call = self._conversation.call if self._conversation is not None else None
        if call is None:
            self._tell(Problem("To say a sentence, call first."))
            return
        try:
            sentence = await asyncio.to_thread(synthesize, text, rate_hz=_LINE_HZ)
            await call.start_saying(sentence, text=text)
        except SpeechError:
            self._tell(Problem(f"The synthetic caller can't say “{text}”."))
        except CallError:
            self._tell(Problem("The call ended before the sentence was said."))
        else:
            self._put(sentence.astype("<i2").tobytes())

    async def _press(self, key: str) -> None:
        call = self._conversation.call if self._conversation is not None else None
        if call is None:
            self._tell(Problem("To press a key, call first."))
            return
        try:
            await call.press(key)
        except CallError:
            self._tell(Problem("The call ended before the key was pressed."))

    async def _trouble(self, trouble: Trouble) -> None:
        call = self._conversation.call if self._conversation is not None else None
        if call is None:
            self._tell(Problem("To break something, call first."))
            return
        match trouble.what:
            case "drop_stream":
                try:
                    call.drop_stream()
                except CallError:
                    self._tell(Problem("No stream is open right now."))
                    return
                words = "cut the connection between Twilio and the handler"
            case "kill_handler":
                name = await self._line.kill_handler(call.identity.call_sid)
                if name is None:
                    self._tell(Problem("No handler has the call right now."))
                    return
                words = f"killed {name}, which was handling the call"
            case "go_away":
                if not self._line.let_model_go_away():
                    self._tell(Problem("Only the stand-in's session can be ended."))
                    return
                words = f"the model announced that its session ends in {GO_AWAY_S:g} s"
            case _:
                assert_never(trouble.what)
        at_s = (call.events[-1].when.at_ms if call.events else 0) / 1000
        self._tell(Happened(at_s, "trouble", words))

    # -- the call

    async def _call(self, conversation: _Conversation, dial: Dial) -> None:
        telling = Telling()

        def hear(heard: Heard) -> None:
            for news in telling.heard(heard):
                self._tell(news)

        try:
            with self._line.taken(hear):
                for number in (dial.caller, dial.called):
                    if not is_e164(number):
                        raise NotDialled(
                            f"“{number}” isn't a phone number. Write it like +14155550100."
                        )
                await self._line.set_time(dial.called, dial.at)
                await self._carry(conversation, dial, telling)
        except LineBusy:
            words = "Another tab is using the telephone. Hang up there, then call here."
            self._tell(CallChanged("refused", words))
        except NotDialled as error:
            self._tell(CallChanged("refused", str(error)))
        finally:
            self._conversation = None

    async def _carry(self, conversation: _Conversation, dial: Dial, telling: Telling) -> None:
        line, webhook = self._line, self._line.stack.webhook_url
        self._tell(CallChanged("ringing"))
        shown = len(line.texts)

        def show(record: CallRecord) -> None:
            nonlocal shown
            for news in telling.record(record):
                self._tell(news)
            for text in line.texts[shown:]:
                self._tell(Texted(text.body, line.page_link(text.body)))
            shown = len(line.texts)

        async with line.network.place_call(
            to=dial.called,
            from_=dial.caller,
            voice_url=f"{webhook}/",
            status_url=f"{webhook}/status",
            on_event=self._event,
            handset=conversation.handset,
        ) as call:
            conversation.call = call
            async with following(line.store, call.identity.call_sid, show):
                await _over(call, conversation.hung_up)
        conversation.call = None
        record = await complete_record(line.store, call.identity.call_sid)
        if record is not None:
            show(record)
        ended = "" if call.end_reason is None else call.end_reason.value
        over = CallChanged("over", ended)
        self._tell(over if record is None else await self._with_page(over, call, record))

    def _event(self, event: CallEvent) -> None:
        if isinstance(event, CallAnswered):
            self._tell(CallChanged("answered"))
        for happened in told(event):
            self._tell(happened)

    async def _with_page(self, over: CallChanged, call: Call, record: CallRecord) -> CallChanged:
        """Write the call's page, and report its URL and a summary."""
        began_ms = recording_began_ms(record.call, call.events)
        sound = call.recording
        page = CallPage(
            record=record,
            recording=Recording(_LINE_HZ, sound.caller, sound.agent, began_ms),
            moments=moments(call.events, began_ms),
            problems=problems(record),
            pictures=in_the_page(await kept_pictures(self._line.store, record.call)),
        )
        name = f"{call.identity.call_sid}.html"
        html = await asyncio.to_thread(call_page, page)
        await asyncio.to_thread((self._line.pages / name).write_text, html, "utf-8")
        view = view_of(page)
        return replace(
            over,
            page=f"/calls/{name}",
            figures=tuple(CallFigure(it.name, it.value, it.note) for it in view.figures),
            problems=tuple(view.problems),
        )


async def _over(call: Call, hung_up: asyncio.Event) -> None:
    """Wait until either side hangs up."""
    async with asyncio.TaskGroup() as group:
        ways = (
            group.create_task(call.ended(_LONGEST_CALL_S)),
            group.create_task(hung_up.wait()),
        )
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
