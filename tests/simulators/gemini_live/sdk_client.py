"""The real google-genai SDK as a client of the stand-in, with everything it receives kept."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from google import genai
from google.genai import errors, types
from google.genai.live import AsyncSession

from simulators.gemini_live.server import GeminiLiveServer
from simulators.speech.pcm import Pcm, silence, to_bytes
from simulators.speech.synthesis import Voice, synthesize

MODEL = "gemini-3.8-live"
INPUT_HZ = 16_000
FRAME = INPUT_HZ // 50
CALLER_VOICE = Voice()

CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
    "session_resumption": {},
}


def connect(
    server: GeminiLiveServer, *, api_key: str = "stand-in-key", model: str = MODEL, **config: Any
) -> Any:
    """Like `client.aio.live.connect`, with a client for the stand-in."""
    tls = ssl.create_default_context(cafile=server.ca_file)
    options = types.HttpOptions(
        base_url=server.base_url,
        api_version="v1beta",
        async_client_args={"ssl": tls, "ping_interval": None},
    )
    client = genai.Client(api_key=api_key, http_options=options)
    return client.aio.live.connect(model=model, config=types.LiveConnectConfig(**CONFIG | config))


class Listener:
    """Keeps everything that the SDK receives; `ended` says how the session was closed."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.messages: list[types.LiveServerMessage] = []
        self.audio = bytearray()
        self.ended: errors.APIError | None = None
        self._changed = asyncio.Event()

    async def receive(self) -> None:
        try:
            while True:
                async for message in self.session.receive():
                    self._take(message)
        except errors.APIError as error:
            self.ended = error
            self._changed.set()

    async def until(self, condition: Callable[["Listener"], Any], timeout_s: float = 10) -> None:
        """Wait for a condition on what has arrived; the error says what did."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    await self._changed.wait()
                    self._changed.clear()
        except TimeoutError:
            kinds = [sorted(m.model_dump(exclude_none=True)) for m in self.messages[-6:]]
            raise AssertionError(f"never came; last were {kinds}, {self.ended}") from None

    def content(self, field: str) -> list[Any]:
        """The values of one field of serverContent, in order."""
        contents = [m.server_content for m in self.messages if m.server_content]
        return [value for c in contents if (value := getattr(c, field)) is not None]

    def text(self, field: str) -> str:
        return "".join(transcription.text for transcription in self.content(field))

    @property
    def calls(self) -> list[types.FunctionCall]:
        calls = [m.tool_call for m in self.messages if m.tool_call]
        return [call for message in calls for call in message.function_calls or ()]

    @property
    def handles(self) -> list[str]:
        updates = [m.session_resumption_update for m in self.messages]
        return [u.new_handle for u in updates if u and u.new_handle]

    async def say(
        self, text: str, *, voice: Voice = CALLER_VOICE, then_silence_ms: int = 700
    ) -> None:
        """Send speech and the silence after it, as fast as possible."""
        await self.play(synthesize(text, rate_hz=INPUT_HZ, voice=voice))
        await self.play(silence(then_silence_ms, INPUT_HZ))

    async def play(self, pcm: Pcm) -> None:
        for at in range(0, len(pcm), FRAME):
            blob = types.Blob(
                data=to_bytes(pcm[at : at + FRAME]), mime_type=f"audio/pcm;rate={INPUT_HZ}"
            )
            await self.session.send_realtime_input(audio=blob)

    def _take(self, message: types.LiveServerMessage) -> None:
        self.messages.append(message)
        content = message.server_content
        for part in (content and content.model_turn and content.model_turn.parts) or ():
            if part.inline_data and part.inline_data.data:
                self.audio += part.inline_data.data
        self._changed.set()


@asynccontextmanager
async def listening(server: GeminiLiveServer, **config: Any) -> AsyncIterator[Listener]:
    """A connected session with its listener."""
    async with connect(server, **config) as session, asyncio.TaskGroup() as tasks:
        listener = Listener(session)
        receiving = tasks.create_task(listener.receive())
        try:
            yield listener
        finally:
            receiving.cancel()
