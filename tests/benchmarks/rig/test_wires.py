import base64
import json
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.rig.wires import GeminiWire, from_base64, quoted_after

PCM = np.arange(-160, 160, dtype=np.int16) * 100


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_string_is_found_however_the_json_is_spaced(separators: tuple[str, str]) -> None:
    fields = {"event": "media", "media": {"payload": "QUJD", "name": "m1"}}
    message = json.dumps(fields, separators=separators).encode()

    assert quoted_after(message, b'"payload"') == b"QUJD"
    assert quoted_after(message, b'"name"') == b"m1"
    assert quoted_after(message, b'"data"') == b""


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_alphabets_of_base64_are_read(encode: Callable[[bytes], bytes]) -> None:
    data = bytes(range(256))

    assert from_base64(encode(data)) == data


def test_a_message_as_google_genai_sends_it_is_understood() -> None:
    data = base64.urlsafe_b64encode(PCM.tobytes()).decode()
    audio = {"data": data, "mime_type": "audio/pcm;rate=16000"}
    message = json.dumps({"realtime_input": {"audio": audio}}).encode()
    wire = GeminiWire()

    samples = wire.samples(from_base64(quoted_after(message, b'"data"')))

    assert wire.input_hz(message) == 16_000
    assert samples.tolist() == PCM.tolist()


def test_the_rate_is_the_messages_own() -> None:
    wire = GeminiWire()

    assert wire.input_hz(b'{"audio": {"mimeType": "audio/pcm;rate=8000"}}') == 8_000
    assert wire.input_hz(b'{"audio": {"mimeType": "audio/pcm"}}') == 16_000
