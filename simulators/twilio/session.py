"""The network's side of one call: carries out what the call's flow decides."""

import asyncio
from dataclasses import dataclass
from typing import assert_never

from .alerts import Alert, AlertCode
from .call_flow import (
    Action,
    Answer,
    Apologise,
    CallFlow,
    Done,
    EndReason,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Gathered,
    Outcome,
    Perform,
)
from .callbacks import Callback, Postman
from .dialling import Dialling
from .documents import fetch_document, read_document
from .events import CallAnswered, CallEnded, DigitPressed, EventLog, VerbStarted
from .identity import CallIdentity
from .line import Line, run_line
from .settings import NetworkSettings
from .sounding import Sounding
from .streaming import Streaming
from .twiml import ConnectStream, Dial, Gather, Pause, Play, Say
from .webhook_client import WebhookClient
from .webhooks import Webhook

STATUS_EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True, slots=True)
class Number:
    """How the called number is configured.

    By default Twilio posts only `completed` for inbound calls.
    """

    voice: Webhook
    fallback: Webhook | None = None
    status: Webhook | None = None
    status_events: tuple[str, ...] = ("completed",)


class Session:
    """One call from dialling to its end; `run()` carries it out.

    `hang_up()` and `complete()` end it; `redirect()` makes it continue with another document.
    """

    def __init__(
        self,
        number: Number,
        identity: CallIdentity,
        settings: NetworkSettings,
        line: Line,
        log: EventLog,
    ) -> None:
        self.identity = identity
        self.status = "ringing"
        self._number = number
        self._settings = settings
        self._line = line
        self._log = log
        self._order: Finish | Webhook | Fetched | FetchFailed | None = None
        self._ordered = asyncio.Event()
        self._sequence = 0
        self._client = WebhookClient(
            settings.signer,
            settings.connection,
            settings.tls,
            fetches_sounds=settings.fetches_sounds,
        )
        unlogged = EventLog(log.now)
        self._postman = Postman(self._client, log, unlogged)
        self._sounding = Sounding(line, log, self._client)
        self._dialling = Dialling(
            line, log, self._client, identity, settings, self._sounding, self._bridged
        )
        self.streaming = Streaming(line, log, self._postman, identity, settings)

    def hang_up(self) -> None:
        """Hang up for the caller."""
        self._give(Finish(EndReason.CALLER_HUNG_UP))

    def complete(self) -> None:
        """End the call, as requested through the REST API."""
        self._give(Finish(EndReason.API_HUNG_UP))

    def redirect(self, to: Webhook | str) -> None:
        """Continue with the document at a URL, or with TwiML, as requested through the REST API."""
        if isinstance(to, str):
            self._give(read_document(self._number.voice.url, to, self._log))
        else:
            self._give(to)

    def _give(self, order: Finish | Webhook | Fetched | FetchFailed) -> None:
        if not isinstance(self._order, Finish):
            self._order = order
            self._ordered.set()

    def press(self, digit: str) -> None:
        """Send a key to the open stream; without a stream it is lost."""
        self._log.add(DigitPressed(self._log.now(), digit))
        self._line.attention.expect_answer(self._line.position_ms or 0)
        if self.streaming.socket is not None:
            self.streaming.socket.press(digit)

    async def run(self) -> None:
        async with self._client, asyncio.TaskGroup() as tasks:
            tasks.create_task(run_line(self._line, self._log))
            tasks.create_task(self._postman.run())
            self._report("initiated", "queued")
            self._report("ringing", "ringing")
            self._end(await self._carry_on(tasks))
            self._postman.close()

    async def _carry_on(self, tasks: asyncio.TaskGroup) -> Finish:
        """Run documents until one of them, or an order, ends the call."""
        fallback = self._number.fallback
        end_after_drop = self._settings.after_drop == "end"
        flow = CallFlow(self._number.voice, fallback, end_after_drop=end_after_drop)
        action = flow.begin()
        while not isinstance(action, Finish):
            running = tasks.create_task(self._run(flow, action))
            ordered = tasks.create_task(self._ordered.wait())
            await asyncio.wait({running, ordered}, return_when=asyncio.FIRST_COMPLETED)
            running.cancel()
            ordered.cancel()
            await asyncio.wait({running})
            action = self._obey(flow) if running.cancelled() else running.result()
        return action

    async def _run(self, flow: CallFlow, action: Action) -> Finish:
        while not isinstance(action, Finish):
            action = flow.advance(await self._carry_out(action))
        return action

    def _obey(self, flow: CallFlow) -> Action:
        order, self._order = self._order, None
        self._ordered.clear()
        if order is None:
            raise AssertionError("only an order interrupts a document")
        return order if isinstance(order, Finish) else flow.redirect(order)

    async def _carry_out(self, action: Fetch | Answer | Perform | Apologise) -> Outcome:
        match action:
            case Fetch():
                return await self._fetch(action)
            case Answer():
                self._answer()
                return Done()
            case Apologise():
                if self.status == "ringing":
                    self._answer()
                await self._sounding.apologise()
                return Done()
            case Perform(verb):
                self._log.add(VerbStarted(self._log.now(), verb))
                return await self._perform(verb)
            case _:
                assert_never(action)

    async def _perform(self, verb: Say | Play | Pause | Gather | ConnectStream | Dial) -> Outcome:
        match verb:
            case Say():
                await self._sounding.say(verb)
            case Play():
                return await self._play(verb)
            case Pause():
                await self._sounding.pause(verb)
            case Dial():
                return await self._dialling.dial(verb)
            case Gather():
                detail = "<Gather> is simulated only for people who are dialled, not for the caller"
                self._log.alert(Alert(AlertCode.SCHEMA_WARNING, detail))
                return Gathered("")
            case ConnectStream():
                return await self.streaming.connect(verb)
            case _:
                assert_never(verb)
        return Done()

    async def _play(self, play: Play) -> Outcome:
        alert = await self._sounding.play(play)
        if alert is None or self._settings.after_unplayable == "next":
            return Done()
        return FetchFailed(play.url or "", alert)

    async def _fetch(self, fetch: Fetch) -> Outcome:
        params = (*self.identity.voice(self.status), *fetch.params)
        return await fetch_document(self._client, fetch.webhook, params, self._log)

    def _bridged(self) -> None:
        if self.status == "ringing":  # when <Dial answerOnBridge> is the first verb
            self._answer()

    def _answer(self) -> None:
        self._line.answer()
        self.status = "in-progress"
        self._log.add(CallAnswered(self._log.now()))
        self._report("answered", "in-progress")

    def _end(self, finish: Finish) -> None:
        duration_s: int | None = None
        if self._line.position_ms is not None:
            self.status = "completed"
            duration_s = -(-self._line.position_ms // 1000)
        else:
            self.status = "busy" if finish.busy else "no-answer"
        self._line.close(self._log)
        self._log.add(CallEnded(self._log.now(), finish.reason, self.status))
        self._report("completed", self.status, duration_s or 0)

    def _report(self, event: str, call_status: str, duration_s: int | None = None) -> None:
        status = self._number.status
        if status is None or event not in self._number.status_events:
            return
        at = self._settings.date()
        params = self.identity.progress(call_status, self._sequence, at, duration_s)
        self._sequence += 1
        code = AlertCode.STATUS_CALLBACK_FAILED
        self._postman.post(Callback(status, event, params, code))
