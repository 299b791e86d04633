"""A Firestore database as the stores use it: whole operations with deadlines, our own errors."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, assert_never

from google.api_core import exceptions as google_errors
from google.api_core.retry import AsyncRetry, if_exception_type
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1 import (
    DELETE_FIELD,
    SERVER_TIMESTAMP,
    DocumentSnapshot,
    LastUpdateOption,
)
from google.cloud.firestore_v1.async_aggregation import AsyncAggregationQuery
from google.cloud.firestore_v1.async_batch import AsyncWriteBatch
from google.cloud.firestore_v1.async_document import AsyncDocumentReference
from google.cloud.firestore_v1.async_query import AsyncQuery
from google.cloud.firestore_v1.base_query import BaseFilter, FieldFilter, Or
from google.cloud.firestore_v1.field_path import FieldPath

from ringdown.errors import InvalidDocument, StoreUnavailable
from ringdown.log import Log
from ringdown.stores.firestore.client import Client
from ringdown.stores.firestore.operations import (
    Condition,
    Create,
    Delete,
    PreconditionFailed,
    Replace,
    Stamp,
    Stored,
    Update,
    Write,
)
from ringdown.stores.firestore.values import decode, encode
from ringdown.stores.paths import LAST_CHARACTER, document_id, shown_path, text_of_id
from ringdown.stores.storable import Document
from ringdown.tools import Json

_OPERATION_S = 5.0
_RETRY_FOR_S = 4.5  # ends before the operation's deadline, so that its error names the reason
_REQUEST_S = 2.5
_CONNECT_S = 1.5
_TRIES = 20
_RETRY = AsyncRetry(
    predicate=if_exception_type(
        google_errors.Aborted,
        google_errors.Cancelled,
        google_errors.DeadlineExceeded,
        google_errors.InternalServerError,
        google_errors.ResourceExhausted,
        google_errors.ServiceUnavailable,
        google_errors.Unknown,
    ),
    initial=0.1,
    maximum=1.0,
    timeout=_RETRY_FOR_S,
)

_log = Log(__name__)
_Answer = TypeVar("_Answer")


class Database:
    """One Firestore database; belongs to the event loop that opened it.

    Every method raises StoreUnavailable when Firestore doesn't answer, or refuses. Requests are
    retried while the error may be transient; `deadline` bounds all requests of one operation.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """Raise StoreUnavailable if the body takes longer than an operation may."""
        try:
            async with asyncio.timeout(_OPERATION_S):
                yield
        except TimeoutError:
            raise self._unavailable(f"no answer in {_OPERATION_S:g} s") from None

    async def read(self, path: str) -> Stored | None:
        (stored,) = await self.read_all(path)
        return stored

    async def read_all(self, *paths: str) -> tuple[Stored | None, ...]:
        """The documents at `paths`, read in parallel; None for one that doesn't exist."""
        references = [self._client.document(path) for path in dict.fromkeys(paths)]

        async def request() -> dict[str, Stored | None]:
            found = self._client.get_all(references, retry=None, timeout=_REQUEST_S)
            return {snapshot.reference.path: _stored(snapshot) async for snapshot in found}

        by_path = await self._reading(request)
        return tuple(by_path[path] for path in paths)

    async def read_below(self, folder: str) -> tuple[Stored, ...]:
        """Every document directly in `folder`, by its id."""
        collection = self._client.collection(folder)

        async def request() -> tuple[Stored, ...]:
            snapshots = await collection.get(retry=None, timeout=_REQUEST_S)
            return tuple(stored for s in snapshots if (stored := _stored(s)) is not None)

        return await self._reading(request)

    async def query(
        self,
        folder: str,
        *conditions: Condition,
        newest_by: str | None = None,
        fields: Sequence[str] | None = None,
        limit: int,
    ) -> tuple[Stored, ...]:
        """The documents directly in `folder` that meet all `conditions`, newest first; with only
        `fields` of each, if given."""
        found = self._found(folder, conditions, newest_by)
        found = found if fields is None else found.select(fields)
        return await self._selected(found.limit(limit))

    async def query_oldest(
        self, folder: str, *conditions: Condition, by: str, fields: Sequence[str], limit: int
    ) -> tuple[Stored, ...]:
        """The same, oldest first."""
        found = self._found(folder, conditions).order_by(by).select(fields)
        return await self._selected(found.limit(limit))

    async def add_up(
        self,
        folder: str,
        *conditions: Condition,
        fields: Sequence[str] = (),
        newest_by: str | None = None,
    ) -> tuple[float, ...]:
        """How many such documents have all of `fields`, even if null, and the sums of the numbers
        in each; `newest_by` only says which index adds them up."""
        found = self._found(folder, conditions, newest_by)
        aggregation = AsyncAggregationQuery(found).count(alias="n")
        for field in fields:
            aggregation = aggregation.sum(field, alias=field)

        async def request() -> tuple[float, ...]:
            (results,) = await aggregation.get(retry=None, timeout=_REQUEST_S)
            by_alias = {result.alias: result.value for result in results}
            return tuple(by_alias[alias] for alias in ("n", *fields))

        return await self._reading(request)

    async def ids_beginning(self, folder: str, beginning: str, *, limit: int) -> tuple[str, ...]:
        """The ids of documents directly in `folder` with this beginning, in order."""
        collection, id = self._client.collection(folder), FieldPath.document_id()
        first = document_id(beginning)
        found = AsyncQuery(collection).select([id]).order_by(id).limit(limit)
        for operator, end in ((">=", first), ("<", f"{first}{LAST_CHARACTER}")):
            found = found.where(filter=FieldFilter(id, operator, collection.document(end)))
        return tuple(text_of_id(stored.path) for stored in await self._selected(found))

    async def _selected(self, query: AsyncQuery) -> tuple[Stored, ...]:
        async def request() -> tuple[Stored, ...]:
            snapshots = await query.get(retry=None, timeout=_REQUEST_S)
            return tuple(stored for s in snapshots if (stored := _stored(s)) is not None)

        return await self._reading(request)

    def _found(
        self, folder: str, conditions: tuple[Condition, ...], newest_by: str | None = None
    ) -> AsyncQuery:
        found = AsyncQuery(self._client.collection(folder))
        for condition in conditions:
            found = found.where(filter=_filter(condition))
        return found if newest_by is None else found.order_by(newest_by, direction="DESCENDING")

    async def commit(self, *writes: Write) -> None:
        """Write all of it or nothing.

        Raises PreconditionFailed (a batch that is retried after its response was lost may meet its
        own writes), and InvalidDocument for a document that Firestore doesn't accept.
        """

        batch = self._batch(writes)

        async def request() -> None:
            await batch.commit(retry=None, timeout=_REQUEST_S)

        try:
            await _RETRY(request)()
        except (
            google_errors.AlreadyExists,
            google_errors.FailedPrecondition,
            google_errors.NotFound,
        ) as error:
            raise PreconditionFailed(str(error)) from error
        except google_errors.InvalidArgument as error:
            path = writes[0].path
            reason = str(error).replace(path, shown_path(path))
            raise InvalidDocument(f"{shown_path(path)}: Firestore refuses it: {reason}") from None
        except (google_errors.GoogleAPIError, GoogleAuthError) as error:
            raise self._unavailable(str(error)) from error

    async def commits(self, *writes: Write) -> bool:
        """Commit; False if another writer was first, so that a write's condition doesn't hold."""
        try:
            await self.commit(*writes)
        except PreconditionFailed:
            return False
        return True

    async def change(
        self,
        path: str,
        decide: Callable[[Stored | None], Document | None],
        *,
        along_with: Update | None = None,
    ) -> bool:
        """Write what `decide` makes of the document, and decide again if someone else was first.
        False, and nothing is written, if it returns None or the document that `along_with` updates
        doesn't exist."""
        also = () if along_with is None else (along_with,)
        for _ in range(_TRIES):
            stored, *others = await self.read_all(path, *(update.path for update in also))
            document = decide(stored)
            if document is None or None in others:
                return False
            if stored is None:
                write: Write = Create(path, document)
            else:
                write = Update(path, document, unchanged_since=stored.updated_at)
            if await self.commits(write, *also):
                return True
        raise StoreUnavailable(f"{shown_path(path)} was changed by others {_TRIES} times in a row")

    async def _reading(self, request: Callable[[], Awaitable[_Answer]]) -> _Answer:
        try:
            return await _RETRY(request)()
        except (google_errors.GoogleAPIError, GoogleAuthError) as error:
            raise self._unavailable(str(error)) from error

    def _batch(self, writes: tuple[Write, ...]) -> AsyncWriteBatch:
        batch = self._client.batch()
        for write in writes:
            reference = self._client.document(write.path)
            match write:
                case Create(document=document):
                    batch.create(reference, encode(document))
                case Replace(document=document):
                    batch.set(reference, encode(document))
                case Update():
                    batch.update(reference, _changes(write), _unless_changed(write))
                case Stamp():
                    batch.update(reference, {"saved_at": SERVER_TIMESTAMP})
                case Delete():
                    batch.delete(reference, _unless_changed(write))
                case _:
                    assert_never(write)
        return batch

    async def connect(self) -> None:
        """Connect and fetch the token, so that no caller waits for it.

        If the database doesn't answer, the first operation reports it.
        """
        probe = self._client.document("agents/default")
        try:
            async with asyncio.timeout(_CONNECT_S):
                await probe.get(retry=None, timeout=_CONNECT_S)
        except (google_errors.GoogleAPIError, GoogleAuthError, TimeoutError) as error:
            _log.warning("Firestore does not answer yet", error=str(error) or "timed out")

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {reason}")


async def together(*requests: Coroutine[None, None, _Answer]) -> tuple[_Answer, ...]:
    """Runs `requests` in parallel; raises the first error, and cancels the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(request) for request in requests]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tuple(task.result() for task in tasks)


def _changes(update: Update) -> Json:
    """Names are quoted, because in an update a dot means a nested field."""
    fields = encode(update.fields) | dict.fromkeys(
        encode(dict.fromkeys(update.without)), DELETE_FIELD
    )
    return {FieldPath(name).to_api_repr(): value for name, value in fields.items()}


def _unless_changed(write: Update | Delete) -> LastUpdateOption | None:
    return None if write.unchanged_since is None else LastUpdateOption(write.unchanged_since)


def _filter(condition: Condition) -> BaseFilter:
    any_of: list[BaseFilter] = [
        FieldFilter(field, condition.operator, condition.value) for field in condition.fields
    ]
    return Or(any_of) if len(any_of) > 1 else any_of[0]


def _stored(snapshot: DocumentSnapshot[AsyncDocumentReference]) -> Stored | None:
    fields: Json = snapshot.to_dict()
    if fields is None:
        return None
    return Stored(snapshot.reference.path, decode(fields), snapshot.update_time)
