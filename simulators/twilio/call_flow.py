"""Runs a call through its TwiML: a pure state machine that turns outcomes into actions."""

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never
from urllib.parse import urljoin

from .alerts import Alert
from .twiml import (
    ConnectStream,
    Dial,
    Document,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    Reject,
    Say,
    Verb,
)
from .webhooks import Params, Webhook

MAX_DOCUMENTS = 500
"""Our own limit, for documents that redirect to each other forever."""


class EndReason(StrEnum):
    """Why a call ended."""

    CALLER_HUNG_UP = "caller hung up"
    AGENT_HUNG_UP = "hung up by <Hangup>"
    API_HUNG_UP = "hung up by the REST API"
    DOCUMENT_ENDED = "no verbs left"
    REJECTED = "rejected"
    APPLICATION_ERROR = "application error"
    STREAM_DROPPED = "stream dropped"
    TOO_MANY_DOCUMENTS = "too many documents"


class DialStatus(StrEnum):
    """The values of DialCallStatus."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"


# -- actions


@dataclass(frozen=True, slots=True)
class Fetch:
    """Request the next document from `webhook`, with `params` added to the call's own."""

    webhook: Webhook
    params: Params = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the call; from now on the caller hears the line."""


@dataclass(frozen=True, slots=True)
class Perform:
    verb: Say | Play | Pause | Gather | ConnectStream | Dial


@dataclass(frozen=True, slots=True)
class Apologise:
    """Tell the caller that the application failed, as Twilio does if it has no document to run."""


@dataclass(frozen=True, slots=True)
class Finish:
    reason: EndReason
    busy: bool = False


Action = Fetch | Answer | Perform | Apologise | Finish


# -- outcomes


@dataclass(frozen=True, slots=True)
class Done:
    """The action is complete, and has no result that affects what comes next."""


@dataclass(frozen=True, slots=True)
class Fetched:
    url: str
    document: Document


@dataclass(frozen=True, slots=True)
class FetchFailed:
    url: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class StreamDropped:
    """The WebSocket broke without a close frame."""


@dataclass(frozen=True, slots=True)
class DialEnded:
    status: DialStatus
    call_sid: str
    duration_s: int = 0
    bridged: bool = False
    """Whether the two were connected. Also False if someone answered but was hung up on."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The keys that were pressed; empty if there were none."""

    digits: str


Outcome = Done | Fetched | FetchFailed | StreamDropped | DialEnded | Gathered


class CallFlow:
    """One call's state. Call `begin()`, then `advance(outcome)` after each action, until `Finish`.

    `answered`: the call has already been picked up, as with a person who was dialled.
    """

    def __init__(
        self,
        voice: Webhook,
        fallback: Webhook | None = None,
        *,
        end_after_drop: bool = False,
        answered: bool = False,
    ) -> None:
        self._voice = voice
        self._fallback = fallback
        self._end_after_drop = end_after_drop
        self._verbs: deque[Verb] = deque()
        self._url = voice.url
        self._performing: Dial | Gather | ConnectStream | None = None
        self._answered = answered
        self._apologised = False
        self._on_fallback = False
        self._documents = 0

    def begin(self) -> Action:
        return Fetch(self._voice)

    def advance(self, outcome: Outcome) -> Action:
        match outcome:
            case Fetched():
                return self._fetched(outcome)
            case FetchFailed():
                return self._fetch_failed(outcome)
            case DialEnded():
                return self._dial_ended(outcome)
            case Gathered():
                return self._gathered(outcome)
            case StreamDropped():
                return Finish(EndReason.STREAM_DROPPED) if self._end_after_drop else self._done()
            case Done():
                return self._done()
            case _:
                assert_never(outcome)

    def redirect(self, to: Webhook | Fetched | FetchFailed) -> Action:
        """Abandon the running document, and continue with another one."""
        self._performing = None
        return Fetch(to) if isinstance(to, Webhook) else self.advance(to)

    def _done(self) -> Action:
        if self._apologised:
            return Finish(EndReason.APPLICATION_ERROR)
        return self._after_verb(())

    def _after_verb(self, params: Params) -> Action:
        verb, self._performing = self._performing, None
        if verb is None or verb.action is None:
            return self._next()
        return self._fetch(verb.action, verb.method, params)

    def _fetched(self, fetched: Fetched) -> Action:
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            return Finish(EndReason.TOO_MANY_DOCUMENTS)
        self._url = fetched.url
        self._on_fallback = False
        self._verbs = deque(fetched.document.verbs)
        return self._next()

    def _fetch_failed(self, failed: FetchFailed) -> Action:
        if self._fallback is None or self._on_fallback:
            self._apologised = True
            return Apologise()
        self._on_fallback = True
        params = (("ErrorCode", str(int(failed.alert.code))), ("ErrorUrl", failed.url))
        return Fetch(self._fallback, params)

    def _dial_ended(self, ended: DialEnded) -> Action:
        self._answered = self._answered or ended.bridged
        params: Params = (
            ("DialCallStatus", ended.status.value),
            ("DialCallSid", ended.call_sid),
            ("DialBridged", "true" if ended.bridged else "false"),
        )
        if ended.status is DialStatus.COMPLETED:
            params = (*params, ("DialCallDuration", str(ended.duration_s)))
        return self._after_verb(params)

    def _gathered(self, gathered: Gathered) -> Action:
        gather, self._performing = self._performing, None
        if not isinstance(gather, Gather) or not (gathered.digits or gather.action_on_empty_result):
            return self._next()
        # Without an action, the same document is requested again.
        return self._fetch(gather.action or "", gather.method, (("Digits", gathered.digits),))

    def _next(self) -> Action:
        if not self._answered and not (self._verbs and _leaves_unanswered(self._verbs[0])):
            self._answered = True
            return Answer()
        if not self._verbs:
            return Finish(EndReason.DOCUMENT_ENDED)
        verb = self._verbs.popleft()
        match verb:
            case Hangup():
                return Finish(EndReason.AGENT_HUNG_UP)
            case Reject(reason):
                return Finish(EndReason.REJECTED, busy=reason == "busy")
            case Redirect(url, method):
                return self._fetch(url, method)
            case Dial(url=str(url)):
                return self._perform(replace(verb, url=urljoin(self._url, url)))
            case Dial() | Gather() | ConnectStream():
                return self._perform(verb)
            case Say() | Play() | Pause():
                return Perform(verb)
            case _:
                assert_never(verb)

    def _perform(self, verb: Dial | Gather | ConnectStream) -> Action:
        self._performing = verb
        return Perform(verb)

    def _fetch(self, url: str, method: str, params: Params = ()) -> Action:
        return Fetch(Webhook(urljoin(self._url, url), method), params)


def _leaves_unanswered(verb: Verb) -> bool:
    return isinstance(verb, Reject) or (isinstance(verb, Dial) and verb.answer_on_bridge)
