"""What a person who was dialled hears and presses before they are connected (`<Number url>`).

Their leg is a separate call, with its own CallSid and documents. If a document hangs up,
they aren't connected; if the last document runs to its end, they are.
"""

from collections import deque
from typing import assert_never

from .alerts import Alert, AlertCode
from .announcements import announced
from .call_flow import (
    Answer,
    Apologise,
    CallFlow,
    Done,
    EndReason,
    Fetch,
    FetchFailed,
    Finish,
    Gathered,
    Outcome,
    Perform,
)
from .dialled import Answers, Mailbox
from .documents import fetch_document
from .events import EventLog, PersonHeard
from .identity import CallIdentity
from .line import Line
from .recording import RATE_HZ
from .stream_messages import FRAME_MS
from .twiml import ConnectStream, Dial, Gather, Pause, Play, Say
from .webhook_client import WebhookClient
from .webhooks import Webhook

_KEY_S = 0.24
_APOLOGY_S = 4.0


class Whisper:
    """The leg to one person; `identity` is that of the leg, not of the call."""

    def __init__(
        self,
        person: Answers | Mailbox,
        identity: CallIdentity,
        line: Line,
        client: WebhookClient,
        log: EventLog,
    ) -> None:
        self._identity = identity
        self._line = line
        self._client = client
        self._log = log
        self._began_tick = line.ticks
        presses = person.presses if isinstance(person, Answers) else ""
        first_s = person.presses_after_s if isinstance(person, Answers) else 0.0
        self._keys = deque((first_s + n * _KEY_S, key) for n, key in enumerate(presses))
        """Each key, and when it is pressed, in seconds after the person answered."""

    async def run(self, webhook: Webhook) -> bool:
        """Run the leg's documents; returns whether to connect the person."""
        flow = CallFlow(webhook, answered=True)
        action = flow.begin()
        while not isinstance(action, Finish):
            action = flow.advance(await self._carry_out(action))
        return action.reason is EndReason.DOCUMENT_ENDED

    @property
    def _now_s(self) -> float:
        return (self._line.ticks - self._began_tick) * FRAME_MS / 1000

    async def _carry_out(self, action: Fetch | Answer | Perform | Apologise) -> Outcome:
        match action:
            case Fetch():
                params = (*self._identity.voice("in-progress"), *action.params)
                return await fetch_document(self._client, action.webhook, params, self._log)
            case Apologise():
                await self._wait(_APOLOGY_S)
            case Answer():
                pass
            case Perform(verb):
                return await self._perform(verb)
            case _:
                assert_never(action)
        return Done()

    async def _perform(self, verb: Say | Play | Pause | Gather | ConnectStream | Dial) -> Outcome:
        match verb:
            case Gather():
                return await self._gather(verb)
            case Say() | Pause():
                await self._wait(await self._length_s(verb))
            case Dial():
                detail = "a person who is dialled can't dial anyone else"
                alert = Alert(AlertCode.DIAL_FROM_DIALLED_CALL, detail)
                self._log.alert(alert)
                return FetchFailed("", alert)
            case Play() | ConnectStream():
                detail = f"<{type(verb).__name__}> isn't simulated for somebody who is dialled"
                self._log.alert(Alert(AlertCode.SCHEMA_WARNING, detail))
            case _:
                assert_never(verb)
        return Done()

    async def _gather(self, gather: Gather) -> Gathered:
        """Collect keys. They interrupt speech; those pressed before this runs are lost."""
        began_s = self._now_s
        while self._keys and self._keys[0][0] < began_s:
            self._keys.popleft()
        lengths_s = [await self._length_s(prompt) for prompt in gather.prompts]
        until_s, digits = began_s + sum(lengths_s) + gather.timeout_s, ""
        while self._keys and self._keys[0][0] <= until_s:
            at_s, key = self._keys.popleft()
            await self._wait(at_s - self._now_s)
            if key == gather.finish_on_key:
                return Gathered(digits)
            digits += key
            if len(digits) == gather.num_digits:
                return Gathered(digits)
            until_s = at_s + gather.timeout_s
        await self._wait(until_s - self._now_s)
        return Gathered(digits)

    async def _length_s(self, verb: Say | Pause) -> float:
        if isinstance(verb, Pause):
            return verb.length_s
        self._log.add(PersonHeard(self._log.now(), self._identity.to, verb.text))
        audio = await announced(verb.text, verb.language, verb.voice)
        return len(audio) * max(verb.loop, 1) / RATE_HZ

    async def _wait(self, seconds: float) -> None:
        await self._line.until(lambda: False, max(seconds, 0.0))
