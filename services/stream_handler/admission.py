"""Who may talk: the upgrade's signature, then `start` with a token, then the claim."""

import asyncio
import base64
import datetime
import hashlib
import hmac
import re
import time
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from ringdown import stream_token
from ringdown.calls import Call, CallStore, Claim, Turn
from ringdown.errors import InvalidDocument, StoreUnavailable, TokenRefused
from ringdown.log import Log
from stream_handler import media_streams

START_TIMEOUT_S = 5.0
_MESSAGES_BEFORE_START = 8  # Twilio sends one, `connected`
_CLAIM_TIMEOUT_S = 5.0

_CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
_STREAM_SID = re.compile(r"MZ[0-9a-fA-F]{32}")
_MULAW_8K_MONO = media_streams.MediaFormat(
    encoding=media_streams.MULAW, sample_rate=8000, channels=1
)

_log = Log(__name__)


class Refused(Exception):
    """The stream is not let in; it is closed with `code` and nothing is dialled."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Admitted:
    call: Call
    stream_sid: str
    history: tuple[Turn, ...] = ()
    """What was said in earlier streams of the call."""


def signature_is_valid(
    headers: Headers, *, auth_token: str, shared_key_secret: str | None, url: str
) -> bool:
    """Whether Twilio signed the upgrade to `url` (wss://host/path): Base64 of an HMAC of the URL.

    The key is the account's auth token, or the shared key's secret where the settings header says
    that one was used (and we have been given it).

    Twilio's signature counts a trailing slash that a client may add, so both forms are accepted.
    """
    given = headers.get("x-twilio-signature", "")
    settings = headers.get("x-twilio-webhooks-signature-settings", "")
    digest = hashlib.sha256 if "algorithm=HMAC_SHA256" in settings else hashlib.sha1
    key = ((shared_key_secret if settings else None) or auth_token).encode()
    return any(
        hmac.compare_digest(
            base64.b64encode(hmac.new(key, signed.encode(), digest).digest()),
            given.encode("utf-8", "replace"),
        )
        for signed in (url, f"{url}/")
    )


async def admit(
    socket: ServerConnection,
    store: CallStore,
    *,
    token_secret: str,
    handler: str,
    start_timeout_s: float = START_TIMEOUT_S,
) -> Admitted:
    """Wait for `start`, check its token and claim the call. Raises Refused."""
    start = await _start(socket, start_timeout_s)
    if not _CALL_SID.fullmatch(start.call_sid) or not _STREAM_SID.fullmatch(start.stream_sid):
        raise Refused(CloseCode.POLICY_VIOLATION, "start names no call or stream")
    if start.media_format != _MULAW_8K_MONO:
        raise Refused(CloseCode.UNSUPPORTED_DATA, "the stream is not mu-law at 8 kHz, mono")
    token = start.custom_parameters.get("token", "")
    try:
        attempt = stream_token.verify(
            token_secret, token, call_sid=start.call_sid, now_s=time.time()
        )
    except TokenRefused as error:
        raise Refused(CloseCode.POLICY_VIOLATION, str(error)) from None
    claim = Claim(attempt=attempt, handler=handler, claimed_at=datetime.datetime.now(datetime.UTC))
    call = await _claim(store, start.call_sid, claim)
    history = await _history(store, start.call_sid) if attempt > 1 else ()
    return Admitted(call, start.stream_sid, history)


async def _start(socket: ServerConnection, timeout_s: float) -> media_streams.StartFields:
    try:
        async with asyncio.timeout(timeout_s):
            for _ in range(_MESSAGES_BEFORE_START):
                message = media_streams.decode(await socket.recv())
                if isinstance(message, media_streams.Start):
                    return message.start
                if message is not None and not isinstance(message, media_streams.Connected):
                    raise Refused(CloseCode.POLICY_VIOLATION, "a message came before start")
    except TimeoutError:
        raise Refused(CloseCode.POLICY_VIOLATION, f"no start within {timeout_s:g} s") from None
    except media_streams.MediaStreamError as error:
        raise Refused(CloseCode.INVALID_DATA, str(error)) from None
    except ConnectionClosed:
        raise Refused(CloseCode.NORMAL_CLOSURE, "closed before start") from None
    raise Refused(CloseCode.POLICY_VIOLATION, "too many messages before start")


async def _claim(store: CallStore, call_sid: str, claim: Claim) -> Call:
    try:
        async with asyncio.timeout(_CLAIM_TIMEOUT_S):
            call = await store.claim(call_sid, claim)
    except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
        raise Refused(
            CloseCode.INTERNAL_ERROR, f"the call cannot be claimed: {type(error).__name__}"
        ) from error
    if call is None:
        raise Refused(CloseCode.POLICY_VIOLATION, "the call is unknown, over, or held already")
    return call


async def _history(store: CallStore, call_sid: str) -> tuple[Turn, ...]:
    """The turns so far; none if the store fails: the call goes on, with a worse memory."""
    try:
        async with asyncio.timeout(_CLAIM_TIMEOUT_S):
            record = await store.read_record(call_sid)
    except (StoreUnavailable, InvalidDocument, TimeoutError) as error:
        _log.error("history could not be read", error=type(error).__name__)
        return ()
    return record.turns if record is not None else ()
