"""Decides which streams to admit: checks the token, then claims the call.

A stream that carries its call's document is admitted even during a store outage: the token vouches
for the call, and is good for one stream in this process. The call is claimed later, once the store
is back.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from websockets.frames import CloseCode

from ringdown import clock
from ringdown.agents.clips import ClipStore, clip_key, greeting_text
from ringdown.agents.known_clips import KnownClips
from ringdown.calls import (
    Call,
    CallChanges,
    CallStatus,
    CallStore,
    Claim,
    EndReason,
    NextAction,
    ToolCall,
    Turn,
    stream_token,
    travelling_call,
)
from ringdown.calls.uploads import Upload
from ringdown.errors import InvalidDocument, RingdownError, StoreUnavailable, TokenRefused
from ringdown.log import Log, call_bound
from stream_handler.call import prompts
from stream_handler.media_stream import MediaStream, Refused
from stream_handler.upload_watch import UploadWatch

_CLAIM_TIMEOUT_S = 5.0
_TURN_AWAY_TIMEOUT_S = 2.0
_TRAVELLING_CLAIM_TIMEOUT_S = 1.0  # the caller waits in silence; the call can start unclaimed

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Admitted:
    call: Call
    claim: Claim
    claimed: bool = True
    """False if the store didn't respond; it may not know the call either."""
    history: tuple[Turn, ...] = ()
    """What was said in earlier streams of the call."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Tool calls made in earlier streams."""
    uploads: tuple[Upload, ...] = ()
    """What the caller sent in earlier streams."""
    greeting: bytes = b""
    """The greeting's clip, µ-law; empty if there is none or the model says the greeting."""


class Admission:
    """Admits streams; one per process."""

    def __init__(
        self,
        store: CallStore,
        clips: ClipStore,
        uploads: UploadWatch,
        *,
        token_secrets: tuple[str, ...],
        handler: str,
    ) -> None:
        self._store = store
        self._clips = clips
        self._uploads = uploads
        self._known_clips = KnownClips()
        self._token_secrets = token_secrets
        self._handler = handler
        self._used: dict[tuple[str, int], float] = {}
        """When each call and attempt was admitted by its token (Unix s)."""

    async def admit(self, stream: MediaStream) -> Admitted:
        """Check the stream's token and claim its call. Raises Refused."""
        attempt, travelling = self._checked(stream.call_sid, stream.parameters)
        claim = Claim(attempt=attempt, handler=self._handler, claimed_at=clock.now())
        call = await self._claim(stream.call_sid, claim, travelling)
        if call is None and travelling is not None:
            self._use_once(stream.call_sid, attempt)
            call = _begun(travelling, claim)
            known = await self._greeting(call, store_is_away=True)
            return Admitted(call, claim, claimed=False, greeting=known)
        if call is None:
            raise Refused(CloseCode.INTERNAL_ERROR, "the call cannot be claimed")
        self._use_once(stream.call_sid, attempt)
        if attempt == 1:
            return Admitted(call, claim, greeting=await self._greeting(call))
        history, tool_calls = await _earlier(self._store, stream.call_sid)
        uploads = await self._uploads.so_far(call)
        greeting = await self._greeting(call) if prompts.is_greeting(call, history) else b""
        return Admitted(
            call,
            claim,
            history=history,
            tool_calls=tool_calls,
            uploads=uploads,
            greeting=greeting,
        )

    async def turn_away(self, admitted: Admitted) -> None:
        """Save the decision that an admitted call will hear that all lines are busy.

        If the store fails, the error is logged and `/after-stream` decides.
        """
        changes = CallChanges(
            status=CallStatus.ENDED,
            ended_at=clock.now(),
            end_reason=EndReason.HANDLER_BUSY,
            next=NextAction.BUSY,
        )
        call = admitted.call
        try:
            async with asyncio.timeout(_TURN_AWAY_TIMEOUT_S):
                await self._store.save(call.call_sid, call.attempt, changes)
        except (RingdownError, TimeoutError) as error:
            _log.error("busy reply could not be stored", error=str(error) or "timed out")

    def _checked(self, call_sid: str, parameters: Mapping[str, str]) -> tuple[int, Call | None]:
        """Return the attempt that the token allows, and the call if the stream carries it."""
        secrets = self._token_secrets
        try:
            attempt = stream_token.verify(
                secrets,
                parameters.get("token", ""),
                call_sid=call_sid,
                now_s=clock.now().timestamp(),
            )
            travelling = travelling_call.unpack(secrets, parameters, call_sid=call_sid)
        except TokenRefused as error:
            raise Refused(CloseCode.POLICY_VIOLATION, str(error)) from None
        if travelling is not None and travelling.attempt != attempt:
            raise Refused(CloseCode.POLICY_VIOLATION, "the stream carries another attempt")
        return attempt, travelling

    async def _claim(self, call_sid: str, claim: Claim, travelling: Call | None) -> Call | None:
        """Claim the call; None if the store fails. Raises Refused if it can't be claimed."""
        within_s = _CLAIM_TIMEOUT_S if travelling is None else _TRAVELLING_CLAIM_TIMEOUT_S
        try:
            async with asyncio.timeout(within_s):
                if travelling is not None:
                    await self._store.open_call(travelling)
                call = await self._store.claim(call_sid, claim)
        except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
            with call_bound(call_sid):
                _log.error("call could not be claimed", error=str(error) or "timed out")
            return None
        if call is None:
            raise Refused(CloseCode.POLICY_VIOLATION, "the call is unknown, over, or already held")
        return call

    async def _greeting(self, call: Call, *, store_is_away: bool = False) -> bytes:
        words = greeting_text(call.agent)
        if words is None:
            return b""
        agent_id, key = call.agent_id, clip_key(call.agent, words)
        if store_is_away:
            clip = self._known_clips.known(agent_id, key)
        else:
            with call_bound(call.call_sid):
                clip = await self._known_clips.find(self._clips, agent_id, key)
        return b"" if clip is None else clip.mulaw

    def _use_once(self, call_sid: str, attempt: int) -> None:
        """Note that the attempt was admitted. Raises Refused if it already was.

        The store checks this too, but not during an outage.
        """
        now_s, used = clock.now().timestamp(), (call_sid, attempt)
        for old in [u for u, at_s in self._used.items() if now_s - at_s > stream_token.LIFETIME_S]:
            del self._used[old]
        if used in self._used:
            raise Refused(CloseCode.POLICY_VIOLATION, "the call is already held")
        self._used[used] = now_s


def _begun(travelling: Call, claim: Claim) -> Call:
    """Return the call as a successful claim would have left it."""
    return msgspec.structs.replace(
        travelling, status=CallStatus.IN_PROGRESS, started_at=claim.claimed_at
    )


async def _earlier(
    store: CallStore, call_sid: str
) -> tuple[tuple[Turn, ...], tuple[ToolCall, ...]]:
    """Return the call's turns and tool calls so far.

    Empty if the store fails: the call then continues without them.
    """
    try:
        async with asyncio.timeout(_CLAIM_TIMEOUT_S):
            record = await store.read_record(call_sid)
    except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
        _log.error("history could not be read", error=type(error).__name__)
        return (), ()
    return (record.turns, record.tool_calls) if record is not None else ((), ())
