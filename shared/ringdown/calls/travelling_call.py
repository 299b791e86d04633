"""A call that the store didn't accept travels with its stream, in the TwiML's parameters.

The stream handler can then answer it without the store, using the agent that the webhook chose.
What travels determines the model's instructions and the tools' URLs, so it is signed like the
token. It is sent only when the store fails, because Twilio keeps TwiML in its logs for a while.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping

import msgspec

from ringdown.calls import Call
from ringdown.errors import TokenRefused
from ringdown.macs import mac, shares_a_mac

MAX_PARAMETERS = 90
"""Twilio's REST API accepts 99 parameters for a stream; its docs don't mention a limit for
TwiML."""
_MOST_MACS = 2  # as in a stream token
_VALUE_CHARS = 480  # name and value must be under 500 characters together
_MAX_JSON_BYTES = 1_000_000


def pack(secrets: tuple[str, ...], call: Call) -> dict[str, str]:
    """Return the parameters that carry `call`; none if it is too large to travel."""
    payload = base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(call))).decode()
    text = ".".join((*(_mac(secret, payload) for secret in secrets), payload))
    values = [text[at : at + _VALUE_CHARS] for at in range(0, len(text), _VALUE_CHARS)]
    if len(values) > MAX_PARAMETERS:
        return {}
    return {_name(n): value for n, value in enumerate(values, start=1)}


def unpack(
    secrets: tuple[str, ...], parameters: Mapping[str, str], *, call_sid: str
) -> Call | None:
    """Return the call that travels in a stream's `parameters`, if any.

    Raises TokenRefused unless we packed it for this call.
    """
    text = _joined(parameters)
    if not text:
        return None
    *macs, payload = text.split(".", _MOST_MACS)
    if not shares_a_mac((_mac(secret, payload) for secret in secrets), macs):
        raise TokenRefused("the call that travels with the stream has a wrong signature")
    call = _decode(payload)
    if call.call_sid != call_sid:
        raise TokenRefused("another call travels with the stream")
    return call


def _joined(parameters: Mapping[str, str]) -> str:
    values = (parameters.get(_name(n), "") for n in range(1, MAX_PARAMETERS + 1))
    return "".join(values)


def _name(n: int) -> str:
    return f"call{n}"


def _decode(payload: str) -> Call:
    try:
        packed = base64.urlsafe_b64decode(payload)
        text = zlib.decompressobj().decompress(packed, _MAX_JSON_BYTES)
        return msgspec.json.decode(text, type=Call)
    except (binascii.Error, zlib.error, msgspec.DecodeError):
        raise TokenRefused("the call that travels with the stream is malformed") from None


def _mac(secret: str, payload: str) -> str:
    return mac(secret, f"travelling call|{payload}")
