"""The Gemini Live server: TLS, admission, and one `Session` per connection."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from simulators.gemini_live.admission import Api, Credentials, NotFound, Unauthenticated, admit
from simulators.gemini_live.faults import Fault, FaultPlan, InSession, RefuseUpgrade
from simulators.gemini_live.local_tls import local_tls
from simulators.gemini_live.memory import Memory, Resumable
from simulators.gemini_live.messages import OUTPUT_HZ
from simulators.gemini_live.record import SessionRecord
from simulators.gemini_live.refusals import CloseCode, Refused, invalid
from simulators.gemini_live.scenario import Scenario
from simulators.gemini_live.session import RECOGNITION_HZ, Session
from simulators.speech.matching import PhraseMatcher
from simulators.speech.recognition import PhraseRecognizer, recognizer_for
from simulators.speech.synthesis import synthesize

_CLOSE_TIMEOUT_S = 2
_MOST_MESSAGE_BYTES = 4 * 1024 * 1024


class GeminiLiveServer:
    """Use as `async with GeminiLiveServer(scenario) as server`.

    base_url   "https://127.0.0.1:PORT", for HttpOptions
    ca_file    PEM of the certificate authority, for SSL_CERT_FILE or an SSL context
    sessions   one record per connection that requested a session, the newest last
    faults     the faults of later sessions; the scenario's at first, but may be replaced
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        api_key: str = "stand-in-key",
        token: str = "stand-in-token",  # noqa: S107 (a stand-in's, not a secret)
        host: str = "127.0.0.1",
        port: int = 0,
        folder: Path | None = None,
    ) -> None:
        """Sessions write their records to `folder` as they end.

        `__aenter__` raises UnknownWord if a phrase can't be recognised, and SpeechError if a
        sentence can't be said.
        """
        self._scenario = scenario
        self._credentials = Credentials(api_key, token)
        self._host, self._port = host, port
        self._folder = folder
        self._handles: dict[str, Resumable] = {}
        self._recognizer: PhraseRecognizer | None = None
        self._running = AsyncExitStack()
        self._changed = asyncio.Event()
        self._open: set[Session] = set()
        self.faults: Sequence[Fault] = scenario.faults
        self.sessions: list[SessionRecord] = []
        self.ca_file: Path  # once running

    @property
    def base_url(self) -> str:
        return f"https://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        self._recognizer = await asyncio.to_thread(self._prepare)
        async with AsyncExitStack() as starting:
            certificates = starting.enter_context(TemporaryDirectory(prefix="gemini-live-"))
            self.ca_file = Path(certificates) / "ca.pem"
            server = await starting.enter_async_context(await self._listen())
            self._port = next(iter(server.sockets)).getsockname()[1]
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._running.aclose()

    async def session(self, number: int, *, timeout_s: float = 10) -> SessionRecord:
        """Wait for the session with this number, counted from 1, and return its record."""
        async with asyncio.timeout(timeout_s):
            while len(self.sessions) < number:
                await self._changed.wait()
        return self.sessions[number - 1]

    def cause(self, fault: InSession, *, apart_s: float = 0.0) -> None:
        """Make every open session misbehave, each `apart_s` after the one before."""
        loop = asyncio.get_running_loop()
        for number, session in enumerate(self._open):
            if apart_s and number:
                loop.call_later(number * apart_s, session.cause, fault)
            else:
                session.cause(fault)

    def remember(self, handle: str | None, memory: Memory, model: str, session: int) -> None:
        """See `ResumptionDesk`."""
        if handle is not None:
            self._handles[handle] = Resumable(memory, model, session)

    def redeem(self, handle: str, model: str) -> Memory:
        """See `ResumptionDesk`."""
        kept = self._handles.get(handle)
        if kept is None or kept.model != model:
            raise invalid("Request contains an invalid argument.")
        if not self.sessions[kept.session - 1].closed:
            # The service does not share a session between two sockets.
            raise Refused(CloseCode.INTERNAL, "Internal error encountered.")
        return kept.memory

    def _prepare(self) -> PhraseRecognizer:
        """Do the slow work now, so that the first caller doesn't have to wait for it."""
        for sentence in self._scenario.sentences:
            synthesize(sentence, rate_hz=OUTPUT_HZ, voice=self._scenario.voice)
        return _recognizer(self._scenario)

    async def _listen(self) -> Server:
        return await serve(
            self._accept,
            self._host,
            self._port,
            ssl=local_tls(self._host, self.ca_file),
            process_request=self._meet,
            compression=None,
            max_size=_MOST_MESSAGE_BYTES,
            ping_interval=None,
            close_timeout=_CLOSE_TIMEOUT_S,
        )

    async def _meet(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return the response to a handshake; None accepts it."""
        fault = FaultPlan(tuple(self.faults), len(self.sessions) + 1).at_connect()
        if isinstance(fault, RefuseUpgrade):
            self._open_record(request.path).close_code = 1006
            return connection.respond(HTTPStatus(fault.status), "refused on purpose\n")
        try:
            admit(request.path, request.headers, self._credentials)
        except NotFound:
            return connection.respond(HTTPStatus.NOT_FOUND, "no such service\n")
        except Unauthenticated:
            return connection.respond(HTTPStatus.UNAUTHORIZED, "invalid credentials\n")
        except Refused:
            return None  # refused after the handshake
        return None

    async def _accept(self, connection: ServerConnection) -> None:
        request = connection.request
        if request is None or self._recognizer is None:
            raise AssertionError("a connection is accepted after its request and after __aenter__")
        record = self._open_record(request.path)
        try:
            api = admit(request.path, request.headers, self._credentials)
        except Refused as refused:
            record.closed_by_server = True
            await self._turn_away(connection, refused)
        else:
            plan = FaultPlan(tuple(self.faults), record.number)
            vertex = api is Api.VERTEX
            session = Session(
                connection, self._scenario, self._recognizer, self, record, plan, vertex=vertex
            )
            self._open.add(session)
            try:
                await session.run()
            finally:
                self._open.discard(session)
        finally:
            await self._close_record(record, connection)

    async def _turn_away(self, connection: ServerConnection, refused: Refused) -> None:
        """Refuse as the service does: after the client's first message."""
        with suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await connection.recv()
        await connection.close(refused.code, refused.reason)

    def _open_record(self, target: str) -> SessionRecord:
        record = SessionRecord(len(self.sessions) + 1, target.partition("?")[0])
        self.sessions.append(record)
        self._changed.set()
        self._changed = asyncio.Event()
        return record

    async def _close_record(self, record: SessionRecord, connection: ServerConnection) -> None:
        if record.close_code is None:
            record.close_code = connection.close_code or 1006
            record.close_reason = connection.close_reason or ""
        record.announce()
        if self._folder:
            await asyncio.to_thread(record.save, self._folder)


def _recognizer(scenario: Scenario) -> PhraseRecognizer:
    voice, hz = scenario.caller_voice, RECOGNITION_HZ
    if voice is None:
        return recognizer_for(scenario.phrases, scenario.decoys, rate_hz=hz)
    return PhraseMatcher(
        {phrase: synthesize(phrase, rate_hz=hz, voice=voice) for phrase in scenario.phrases},
        [synthesize(decoy, rate_hz=hz, voice=voice) for decoy in scenario.decoys],
        spoken_hz=hz,
        rate_hz=hz,
    )
