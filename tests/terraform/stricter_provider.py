"""Adds what Google's provider does beyond its schema to the stand-in's.

`stricter_provider.py FOLDER COMMAND …` runs the command and stands between Terraform and the
stand-in. It makes arguments that can't change in place force a replacement, makes creations fail as
often as FOLDER/refusals.json says, and adds arguments that newer providers have. It speaks version
5 of Terraform's plugin protocol, and reads only the fields that it needs.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import grpc
import msgspec

GOOGLE = "registry.terraform.io/hashicorp/google"
FORCES_REPLACEMENT = frozenset(
    {
        *("account_id", "bucket", "collection", "database", "document_id", "field", "location"),
        *("location_id", "member", "name", "repository_id", "role", "secret_data_wo_version"),
        "secret_id",
    }
)
"""Top-level arguments that Google's provider marks ForceNew, on the resources used here."""

NEWER = {("google_cloud_run_v2_service", "iap_enabled"): b'"bool"'}
"""Optional arguments that the stand-in's schema (6.50) lacks, with their types."""

_MESSAGE_BYTES = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_NULL = b"\xc0"  # in msgpack
_UNKNOWN = object()


# The parts of Protocol Buffers that we need


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The message's length-delimited fields, by number; skips numeric fields."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        size, place = _varint(message, place)
        if key & 7 == 2:
            yield key >> 3, message[place : place + size]
            place += size


def field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | 2) + _as_varint(len(content)) + content


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def _as_varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes((*written, value))


# The requests that we change


def replacements(request: bytes, response: bytes) -> bytes:
    """An addition to PlanResourceChange's response: the arguments that force a replacement."""
    asked = dict(fields(request))
    before, after = _object(asked[2]), _object(dict(fields(response))[1])
    if before is None or after is None:
        return b""
    forced = [
        name
        for name in sorted(FORCES_REPLACEMENT & after.keys())
        if after[name] is not None and after[name] != before.get(name)
    ]
    return b"".join(field(2, field(1, field(1, name.encode()))) for name in forced)


def _object(value: bytes) -> dict[str, Any] | None:
    packed = dict(fields(value)).get(1, _NULL)
    found: dict[str, Any] | None = msgspec.msgpack.decode(packed, ext_hook=lambda *_: _UNKNOWN)
    return found


def with_newer(response: bytes) -> bytes:
    """GetSchema's response with NEWER. If a map has an entry twice, the last one counts; if a
    message has a block twice, both do."""
    entries = [dict(fields(content)) for number, content in fields(response) if number == 2]
    schemas = {entry[1].decode(): entry[2] for entry in entries}
    for (kind, name), type_ in NEWER.items():
        if kind in schemas:
            attribute = field(1, name.encode()) + field(2, type_) + b"\x28\x01"  # optional
            schema = schemas[kind] + field(2, field(2, attribute))
            response += field(2, field(1, kind.encode()) + field(2, schema))
    return response


def kept_newer(request: bytes, response: bytes) -> bytes:
    """UpgradeResourceState's response, from which the stand-in drops what it doesn't know."""
    asked, kept = dict(fields(request)), _object(dict(fields(response)).get(1, b""))
    names = [name for kind, name in NEWER if kind == asked[1].decode()]
    if not names or kept is None:
        return response
    stored = json.loads(dict(fields(asked[3]))[1])
    kept |= {name: stored.get(name) for name in names}
    return field(1, field(1, msgspec.msgpack.encode(kept)))


@dataclass(slots=True)
class Refusals:
    """How many more creations of a resource type fail, and with what message."""

    path: Path
    _lock: Lock

    def answer(self, request: bytes) -> bytes | None:
        """ApplyResourceChange's response, if this one fails."""
        asked = dict(fields(request))
        kind = asked[1].decode()
        with self._lock:
            left = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
            refusal = left.get(kind)
            if not refusal or not refusal["times"] or _object(asked[2]) is not None:
                return None
            refusal["times"] -= 1
            self.path.write_text(json.dumps(left), "utf-8")
        error = b"\x08\x01" + field(2, refusal["message"].encode())
        return field(1, field(1, _NULL)) + field(3, error)


class Between(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, channel: grpc.Channel, refusals: Refusals) -> None:
        self._channel = channel
        self._refusals = refusals

    def service(self, call: Any) -> grpc.RpcMethodHandler | None:
        method: str = call.method
        if not method.startswith("/tfplugin5.Provider/"):
            return None  # the streams of plugins would take a thread each
        forward: Callable[[bytes], bytes] = self._channel.unary_unary(method)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if method.endswith("/ApplyResourceChange"):
                refused = self._refusals.answer(request)
                if refused is not None:
                    return refused
            try:
                response = forward(request)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())
            if method.endswith("/GetSchema"):
                return with_newer(response)
            if method.endswith("/UpgradeResourceState"):
                return kept_newer(request, response)
            if method.endswith("/PlanResourceChange"):
                return response + replacements(request, response)
            return response

        return grpc.unary_unary_rpc_method_handler(answer)


def main(folder: Path, command: list[str]) -> int:
    providers = json.loads(os.environ["TF_REATTACH_PROVIDERS"])
    address = providers[GOOGLE]["Addr"]
    with tempfile.TemporaryDirectory() as scratch:
        channel = grpc.insecure_channel(f"unix:{address['String']}", options=_MESSAGE_BYTES)
        server = grpc.server(ThreadPoolExecutor(8), options=_MESSAGE_BYTES)
        refusals = Refusals(folder / "refusals.json", Lock())
        server.add_generic_rpc_handlers((Between(channel, refusals),))
        address["String"] = f"{scratch}/google.sock"
        server.add_insecure_port(f"unix:{address['String']}")
        server.start()
        environ = {**os.environ, "TF_REATTACH_PROVIDERS": json.dumps(providers)}
        status = subprocess.run(command, env=environ, check=False).returncode
        server.stop(None)
        channel.close()
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
