"""A phone network that behaves like Twilio, and places calls to a webhook."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from simulators.speech.synthesis import Voice

from .call import Call
from .clock import now_ms, system_date
from .dialled import DialledParty
from .events import CallEvent, EventLog, When
from .handset import Handset
from .identity import CallIdentity, new_sid
from .impairments import ImpairedLine, Impairments
from .line import Line
from .microphone import Microphone
from .noises import Background
from .rest_api import RestApi, Text
from .session import Number, Session
from .settings import AfterDrop, AfterUnplayable, NetworkSettings
from .signatures import SharedKey, Signer
from .webhooks import ConnectionSettings, Webhook

_CALLER = Voice()
_UNIMPAIRED = Impairments()
_NO_ONE: Mapping[str, DialledParty] = {}


class TwilioNetwork:
    """A simulated Twilio: holds what all calls share. The calls are independent of each other.

    shared_key   signs with HMAC-SHA256 and this key instead of the auth token
    connection   timeouts and retries of webhooks
    tls          authorities to trust for https and wss; by default the system's
    date         the date and time that status callbacks report
    texts_key    an API key, SID:SECRET, that may send texts; `texts` lists those that were sent
    landlines    numbers that can't receive texts

    `NetworkSettings` explains the rest.
    """

    def __init__(
        self,
        *,
        auth_token: str,
        shared_key: SharedKey | None = None,
        account_sid: str = "AC" + "5" * 32,
        connection: ConnectionSettings | None = None,
        after_drop: AfterDrop = "continue",
        after_unplayable: AfterUnplayable = "fallback",
        fetches_sounds: bool = True,
        tls: ssl.SSLContext | None = None,
        stream_connect_timeout_s: float = 5.0,
        dialled: Mapping[str, DialledParty] = _NO_ONE,
        verified_caller_ids: Sequence[str] = (),
        background: Background = "silence",
        impairments: Impairments = _UNIMPAIRED,
        date: Callable[[], datetime] = system_date,
        texts_key: str | None = None,
        landlines: Sequence[str] = (),
    ) -> None:
        self._settings = NetworkSettings(
            signer=Signer(auth_token, shared_key),
            account_sid=account_sid,
            connection=connection or ConnectionSettings(),
            after_drop=after_drop,
            after_unplayable=after_unplayable,
            fetches_sounds=fetches_sounds,
            # Made once: loading the system's authorities takes the better part of 100 ms.
            tls=tls or ssl.create_default_context(),
            stream_connect_timeout_s=stream_connect_timeout_s,
            dialled=dialled,
            verified_caller_ids=frozenset(verified_caller_ids),
            background=background,
            impairments=impairments,
            date=date,
        )
        self._calls: dict[str, Session | None] = {}
        self._texts_key = texts_key
        self._landlines = frozenset(landlines)
        self.texts: list[Text] = []

    def rest_api(self) -> AbstractAsyncContextManager[str]:
        """Serve Twilio's REST API for this network's calls and for texts; yields its base URL.

        Clients authenticate with the account's SID and auth token.
        """
        settings = self._settings
        api = RestApi(
            settings.account_sid,
            settings.signer.auth_token,
            self._calls,
            self.texts,
            texts_key=self._texts_key,
            landlines=self._landlines,
        )
        return api.serving()

    @asynccontextmanager
    async def place_call(
        self,
        *,
        to: str,
        from_: str,
        voice_url: str,
        voice_method: str = "POST",
        fallback_url: str | None = None,
        status_url: str | None = None,
        status_events: Sequence[str] = ("completed",),
        voice: Voice = _CALLER,
        extra_params: Sequence[tuple[str, str]] = (),
        on_event: Callable[[CallEvent], None] | None = None,
        handset: Handset | None = None,
    ) -> AsyncIterator[Call]:
        """Dial; the call is ringing when the `async with` body begins, and over when it ends.

        status_events   which status callbacks are posted; for inbound calls Twilio's default is
                        only `completed`; the others are initiated, ringing, answered
        voice           the caller's, for sentences given as text
        extra_params    added to every request for TwiML; names may repeat
        on_event        called with every event as it happens; must not block
        handset         a person's phone, heard between the sentences of a script
        """
        identity = CallIdentity(
            self._settings.account_sid, new_sid("CA"), to, from_, tuple(extra_params)
        )
        number = Number(
            Webhook(voice_url, voice_method),
            None if fallback_url is None else Webhook(fallback_url),
            None if status_url is None else Webhook(status_url),
            tuple(status_events),
        )
        microphone = Microphone(background=self._settings.background, handset=handset)
        line = Line(microphone, handset, ImpairedLine(self._settings.impairments))
        log = EventLog(_watch(line), on_event)
        session = Session(number, identity, self._settings, line, log)
        call = Call(identity, session, line, log, voice)
        self._calls[identity.call_sid] = session
        failure: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._carry(session))
            try:
                yield call
            except Exception as error:  # noqa: BLE001  raised again below, outside the group
                failure = error
            finally:
                session.hang_up()
        if failure is not None:
            raise failure

    async def _carry(self, session: Session) -> None:
        try:
            await session.run()
        finally:
            self._calls[session.identity.call_sid] = None


def _watch(line: Line) -> Callable[[], When]:
    dialled_ms = now_ms()
    return lambda: When(round(now_ms() - dialled_ms), line.position_ms)
