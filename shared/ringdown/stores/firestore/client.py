"""Google's client, opened with the process's credentials."""

import asyncio

import grpc.aio
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.firestore_v1.services.firestore.async_client import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports.grpc_asyncio import (
    FirestoreGrpcAsyncIOTransport,
)

from ringdown.errors import ConfigurationError

_CREDENTIALS_S = 10.0
_CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # By default, a channel waits two minutes before it tries again after a long outage.
    ("grpc.max_reconnect_backoff_ms", 1_000),
)


class Client(AsyncClient):
    """Google's client on our own channel, which reconnects quickly and can be closed.

    The library would make its own channel in `_firestore_api`, which can do neither.
    """

    _api: FirestoreAsyncClient | None = None
    _channel: grpc.aio.Channel | None = None

    @property
    def _firestore_api(self) -> FirestoreAsyncClient:
        if self._api is None:
            self._channel = self._open_channel()
            transport = FirestoreGrpcAsyncIOTransport(host=self._target, channel=self._channel)
            self._api = FirestoreAsyncClient(transport=transport)
        return self._api

    def _open_channel(self) -> grpc.aio.Channel:
        if self._emulator_host is not None:
            return grpc.aio.insecure_channel(self._emulator_host, options=_CHANNEL_OPTIONS)
        return FirestoreGrpcAsyncIOTransport.create_channel(
            self._target, credentials=self._credentials, options=_CHANNEL_OPTIONS
        )

    async def aclose(self) -> None:
        if self._channel is not None:
            await self._channel.close()


async def make_client(project: str, database: str) -> Client:
    """Make a client with the process's Google credentials, or for the emulator if
    FIRESTORE_EMULATOR_HOST is set: Google's library reads both. Raises ConfigurationError."""

    def make() -> Client:
        return Client(project=project, database=database)

    try:
        async with asyncio.timeout(_CREDENTIALS_S):
            return await asyncio.to_thread(make)  # may ask the metadata server
    except (GoogleAuthError, TimeoutError) as error:
        problem = (
            "STORE_URL names Firestore, but there are no Google credentials for it"
            f" ({type(error).__name__}: {error}). Run `gcloud auth application-default login`,"
            " or set FIRESTORE_EMULATOR_HOST to the address of an emulator."
        )
        raise ConfigurationError([problem]) from error
