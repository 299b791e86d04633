"""A proxy in front of Firestore's emulator that records queries and writes, and can add delay."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc
import grpc.aio
from google.cloud.firestore_v1.types import (
    CommitRequest,
    RunAggregationQueryRequest,
    RunQueryRequest,
    StructuredQuery,
)

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_UNARY = ("Commit",)


@dataclass(slots=True)
class RecordingProxy:
    host: str = ""
    delay_s: float = 0.0
    """How long each request is delayed before Firestore gets it."""
    queries: list["Asked"] = field(default_factory=list)
    writes: list["Written"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and the fields that it sums."""

    query: StructuredQuery
    sums: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A write to a document that Firestore accepted, or may have accepted.

    `at_s` is monotonic; `status` is the status that the write sets, if any.
    """

    path: str
    at_s: float
    status: str | None


@asynccontextmanager
async def recording_proxy(emulator: str) -> AsyncIterator[RecordingProxy]:
    proxy = RecordingProxy()
    async with grpc.aio.insecure_channel(emulator) as channel:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Forwarding(channel, proxy),))
        proxy.host = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield proxy
        finally:
            await server.stop(None)


class _Forwarding(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, channel: grpc.aio.Channel, proxy: RecordingProxy) -> None:
        self._channel = channel
        self._proxy = proxy

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        if details.method.endswith(_UNARY):
            return grpc.unary_unary_rpc_method_handler(self._unary(details.method))
        return grpc.unary_stream_rpc_method_handler(self._stream(details.method))

    def _unary(self, method: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def forward(request: bytes, context: Context) -> bytes:
            await asyncio.sleep(self._proxy.delay_s)
            try:
                answer: bytes = await self._channel.unary_unary(method)(request)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")
                raise
            except asyncio.CancelledError:  # the client gave up, but the write may be done
                self._keep_writes(request)
                raise
            self._keep_writes(request)
            return answer

        return forward

    def _keep_writes(self, request: bytes) -> None:
        self._proxy.writes.extend(_written(CommitRequest.deserialize(request)))

    def _stream(self, method: str) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        async def forward(request: bytes, context: Context) -> AsyncIterator[bytes]:
            self._keep(method, request)
            await asyncio.sleep(self._proxy.delay_s)
            async for answer in self._channel.unary_stream(method)(request):
                yield answer

        return forward

    def _keep(self, method: str, request: bytes) -> None:
        if method.endswith("/RunQuery"):
            asked = RunQueryRequest.deserialize(request)
            self._proxy.queries.append(Asked(asked.structured_query))
        elif method.endswith("/RunAggregationQuery"):
            aggregation = RunAggregationQueryRequest.deserialize(
                request
            ).structured_aggregation_query
            sums = tuple(a.sum.field.field_path for a in aggregation.aggregations if "sum" in a)
            self._proxy.queries.append(Asked(aggregation.structured_query, sums))


def _written(commit: CommitRequest) -> Iterator[Written]:
    at_s = time.monotonic()
    for write in commit.writes:
        name = write.update.name or write.delete or write.transform.document
        status = write.update.fields.get("status")
        path = name.partition("/documents/")[2]
        yield Written(path, at_s, None if status is None else status.string_value)
