"""A Twilio caller, which sends frames of marked audio in real time and echoes played marks."""

import base64
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.rig.accounting import CallLog
from benchmarks.rig.marks import PHONE_HZ, BurstDetector, Mark, marked_pieces
from benchmarks.rig.schedule import Schedule
from benchmarks.rig.wires import from_base64, quoted_after
from simulators.speech import mulaw
from simulators.twilio.stream_messages import FRAME_BYTES, FRAME_MS, StreamEncoder, StreamIdentity

_SEED = 1
_FRAME_S = FRAME_MS / 1000


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of the caller's audio: its message up to the stream's sid."""

    head: bytes
    mark: Mark | None


def caller_frames() -> tuple[Frame, ...]:
    """Eight seconds of frames; Twilio's counters start again with each round."""
    frames = []
    for n, piece in enumerate(marked_pieces(PHONE_HZ, FRAME_MS, _SEED)):
        payload = base64.b64encode(mulaw.encode(piece.pcm)).decode()
        head = (
            f'{{"event":"media","sequenceNumber":"{n + 2}","media":{{"track":"inbound",'
            f'"chunk":"{n + 1}","timestamp":"{n * FRAME_MS}","payload":"{payload}"}},"streamSid":'
        )
        frames.append(Frame(head.encode(), piece.mark))
    return tuple(frames)


class Caller(WSListener):
    """One call's stream. It notes the bursts it sends and hears."""

    def __init__(
        self,
        call: CallLog,
        identity: StreamIdentity,
        frames: tuple[Frame, ...],
        schedule: Schedule,
    ) -> None:
        self._call = call
        self._frames = frames
        self._schedule = schedule
        self._encoder = StreamEncoder(identity)
        self._tail = f'"{identity.stream_sid}"}}'.encode()
        self._detector = BurstDetector(PHONE_HZ)
        self._transport: WSTransport | None = None
        self._sent = 0
        self._played_until_s = 0.0
        self._echoes: deque[tuple[float, str]] = deque()
        self._hanging_up = False

    def start(self, first_frame_s: float) -> None:
        """Send Twilio's first messages, then a frame every 20 ms from `first_frame_s` on."""
        self._send(self._encoder.connected().encode())
        self._call.started_s = time.perf_counter()
        self._send(self._encoder.start().encode())
        self._schedule.at(first_frame_s, lambda: self._frame(first_frame_s))

    async def hang_up(self) -> None:
        """End the stream as Twilio does; returns when the socket is closed."""
        self._hanging_up = True
        transport = self._transport
        if transport is not None:
            self._send(self._encoder.stop().encode())
            transport.send_close()
            await transport.wait_disconnected()

    def abandon(self) -> None:
        """Close without waiting for the peer."""
        self._hanging_up = True
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # Receiving

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        now_s = time.perf_counter()
        if frame.msg_type is WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            payload = quoted_after(message, b'"payload"')
            if payload:
                self._hear(from_base64(payload), now_s)
            elif b'"clear"' in message:
                self._clear(now_s)
            else:
                self._mark(quoted_after(message, b'"name"').decode(), now_s)
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if not self._hanging_up:
            self._call.fail("the caller's stream was closed")

    def _hear(self, audio: bytes, now_s: float) -> None:
        if self._call.sound_s is None:
            self._call.sound_s = now_s
        self._played_until_s = max(self._played_until_s, now_s) + len(audio) / PHONE_HZ
        for heard in self._detector.take(mulaw.decode(audio), now_s):
            self._call.down.heard(heard, PHONE_HZ)

    def _clear(self, now_s: float) -> None:
        self._call.cleared(now_s)
        self._detector.forget_onset()
        self._played_until_s = now_s
        self._echo(until_s=float("inf"))

    def _mark(self, name: str, now_s: float) -> None:
        if name:
            self._echoes.append((max(self._played_until_s, now_s), name))

    # Sending

    def _frame(self, due_s: float) -> None:
        if self._transport is None or self._hanging_up:
            return
        frame = self._frames[self._sent % len(self._frames)]
        now_s = time.perf_counter()
        self._transport.send(WSMsgType.TEXT, frame.head + self._tail)
        if frame.mark is not None:
            position = self._sent * FRAME_BYTES + frame.mark.offset
            sent_s = now_s + frame.mark.offset / PHONE_HZ
            self._call.up.sent(frame.mark.tone, sent_s, position * 1000 / PHONE_HZ)
        self._sent += 1
        self._echo(until_s=now_s)
        next_s = due_s + _FRAME_S
        self._schedule.at(next_s, lambda: self._frame(next_s))

    def _echo(self, until_s: float) -> None:
        while self._echoes and self._echoes[0][0] <= until_s:
            self._send(self._encoder.mark(self._echoes.popleft()[1]).encode())

    def _send(self, message: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, message)


async def connected(caller: Caller, url: str, headers: Mapping[str, str]) -> None:
    """Open the caller's stream. Raises OSError or picows.WSError."""
    await ws_connect(lambda: caller, url, extra_headers=headers)
