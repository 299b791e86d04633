"""Calls in Firestore.

Transactions aren't used, because contending transactions on one document take seconds. Every change
is one batch whose conditions decide a race, and the loser reads again.

    calls/{sid}                     the call; its fields are written separately
    calls/{sid}/attempts/{n}        exists while attempt n is current: `save` depends on it;
                                    the first may hold an `EarlyEnd` before there is a call
    calls/{sid}/claims/{n}          created once, so that only one of several racing claims wins
    calls/{sid}/turns, tool_calls,
    calls/{sid}/flights, outcome    each written as a whole
    calls/{sid}/uploads/{n}         created together with the call's list of uploads, and only
                                    before the call ends

Each document has an `expires_at`, because Firestore's TTL doesn't delete subcollections: an upload
has its own, the others have the call's.
"""

import datetime
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ringdown.calls import (
    Call,
    CallChanges,
    CallQuery,
    CallRecord,
    Claim,
    EarlyEnd,
    ListedCall,
    ToolCall,
    Turn,
    TwilioStatus,
)
from ringdown.calls.flights import FlightPart
from ringdown.calls.outcomes import Outcome, kept, standing
from ringdown.calls.uploads import MOST_IN_A_CALL, Reception, Upload
from ringdown.errors import InvalidDocument, StoreUnavailable, Superseded
from ringdown.log import Log
from ringdown.stores import transitions
from ringdown.stores.firestore.database import Database
from ringdown.stores.firestore.operations import (
    Condition,
    Create,
    Delete,
    Replace,
    Stamp,
    Stored,
    Update,
    Write,
)
from ringdown.stores.line_use import RUNNING
from ringdown.stores.paths import (
    CALLS,
    attempt_path,
    call_path,
    claim_path,
    claims_path,
    early_end_path,
    flight_path,
    flights_path,
    outcome_path,
    tool_calls_path,
    turns_path,
    upload_path,
)
from ringdown.stores.storable import (
    changed_fields,
    documents_below,
    to_document,
    to_plain,
)

_TRIES = 20  # two requests each; a writer that loses this often has another problem
_KNOWN_CALLS = 4_096

_log = Log(__name__)


class FirestoreCalls:
    """Implements `ringdown.calls.CallStore`, `ringdown.calls.CallIndex`,
    `ringdown.calls.flights.FlightStore`, `ringdown.calls.outcomes.OutcomeStore` and
    `ringdown.calls.uploads.UploadStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._expiries = _Expiries()

    async def open_call(self, call: Call) -> Call:
        """Create the call and its attempt; read only if one of them exists."""
        path, attempt = call_path(call.call_sid), _current_attempt(call)
        opened = call
        take: Create | Replace = Create(attempt.path, attempt.document)
        async with self._database.deadline():
            for _ in range(_TRIES):
                if await self._database.commits(Create(path, to_document(opened)), take):
                    self._expiries.remember(call.call_sid, call.expires_at)
                    return opened
                existing, early = await self._database.read_all(path, attempt.path)
                if existing is not None:
                    return self._call(existing)
                if early is not None:
                    opened, take = transitions.opened(call, _early_end(early)), attempt
        raise _unsettled(call.call_sid)

    async def read_call(self, call_sid: str) -> Call | None:
        async with self._database.deadline():
            stored = await self._database.read(call_path(call_sid))
        return None if stored is None else self._call(stored)

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        path = claim_path(call_sid, claim.attempt)
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored, taken = await self._database.read_all(call_path(call_sid), path)
                if stored is None:
                    return None
                call = self._call(stored)
                earlier = None if taken is None else taken.record(Claim)
                held = transitions.claimed(call, earlier, claim)
                if held is None or held == call:
                    return held
                document = to_document(claim) | _expiring(call.expires_at)
                take = Create(path, document) if earlier is None else Replace(path, document)
                if await self._database.commits(take, _advance(stored, call, held)):
                    return held
        raise _unsettled(call_sid)

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        """Write one batch, which fails as a whole unless `attempts/{attempt}` exists.

        Making an attempt current creates that document and deletes the previous one, in the same
        batch. Firestore applies batches one after the other, so a save either comes before the next
        attempt is opened, or finds its document gone. Reading the attempt first would leave a gap
        between read and write; a condition on the version of the call document would fail whenever
        Twilio's status is noted, which is also why the batch writes only the fields of the call
        that change.
        """
        writes: list[Write] = [Stamp(attempt_path(call_sid, attempt))]
        if fields := changes.fields():
            writes.append(Update(call_path(call_sid), to_plain(fields)))
        async with self._database.deadline():
            if below := dict(documents_below(call_sid, changes)):
                expiring = _expiring(await self._expires_at(call_sid))
                writes.extend(Replace(path, doc | expiring) for path, doc in below.items())
            if not await self._database.commits(*writes):
                raise Superseded(f"attempt {attempt} isn't the call's current one")

    async def accept_transfer(self, call_sid: str, attempt: int) -> Call | None:
        return await self._change(call_sid, lambda call: transitions.accepted(call, attempt))

    async def resume(self, call_sid: str) -> Call | None:
        return await self._change(call_sid, transitions.resumed, _next_attempt)

    async def take_up(self, call_sid: str, ended: int, at: datetime.datetime) -> Call | None:
        def decide(call: Call) -> Call | None:
            return transitions.taken_up(call, ended, at)

        return await self._change(call_sid, decide, _next_attempt)

    async def note_stream_error(self, call_sid: str, error: str) -> bool:
        def decide(call: Call) -> Call:
            return msgspec.structs.replace(call, stream_error=error)

        return await self._change(call_sid, decide) is not None

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        def decide(call: Call) -> Call:
            return transitions.noted(call, status, at)

        early = transitions.early_end(status, at)
        if await self._change(call_sid, decide) is not None:
            return True
        if early is None:
            return False
        async with self._database.deadline():
            if await self._database.commits(Create(early_end_path(call_sid), to_document(early))):
                return False
        # The call was opened meanwhile, or its early end was stored before.
        return await self._change(call_sid, decide) is not None

    async def read_record(self, call_sid: str) -> CallRecord | None:
        below = self._database.read_below
        async with self._database.deadline():
            stored, outcome = await self._database.read_all(
                call_path(call_sid), outcome_path(call_sid)
            )
            if stored is None:
                return None
            claims = await below(claims_path(call_sid))
            turns = await below(turns_path(call_sid))
            tool_calls = await below(tool_calls_path(call_sid))
        return CallRecord(
            call=self._call(stored),
            claims=tuple(c.record(Claim) for c in claims),
            turns=tuple(sorted((t.record(Turn) for t in turns), key=lambda t: t.start_ms)),
            tool_calls=tuple(
                sorted((t.record(ToolCall) for t in tool_calls), key=lambda t: t.start_ms)
            ),
            outcome=None if outcome is None else outcome.record(Outcome),
        )

    async def list_calls(self, query: CallQuery) -> tuple[ListedCall, ...]:
        async with self._database.deadline():
            found = await self._database.query(
                CALLS,
                *_conditions(query),
                newest_by="created_at",
                fields=ListedCall.__struct_fields__,
                limit=query.limit,
            )
        return tuple(_readable(found))

    async def find_sids(self, beginning: str, limit: int) -> tuple[str, ...]:
        async with self._database.deadline():
            return await self._database.ids_beginning(CALLS, beginning, limit=limit)

    async def keep_flight(self, call_sid: str, parts: tuple[FlightPart, ...]) -> None:
        """Commit each part separately, because requests have size limits."""
        async with self._database.deadline():
            stored = await self._database.read(call_path(call_sid))
            if stored is None:
                return
            expiring = _expiring(self._call(stored).expires_at)
            for part in parts:
                path = flight_path(call_sid, part.attempt, part.part)
                await self._database.commit(Replace(path, to_document(part) | expiring))

    async def read_flights(self, call_sid: str) -> tuple[FlightPart, ...]:
        async with self._database.deadline():
            parts = await self._database.read_below(flights_path(call_sid))
        return tuple(part.record(FlightPart) for part in parts)

    async def keep_outcome(self, call_sid: str, outcome: Outcome) -> bool:
        """Write only if the call's current attempt exists, like `save`: forgetting a caller erases
        attempts first."""
        path = outcome_path(call_sid)
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored, before = await self._database.read_all(call_path(call_sid), path)
                if stored is None:
                    return False
                call = self._call(stored)
                written = kept(None if before is None else before.record(Outcome), outcome)
                if written is None:
                    return False
                document = to_document(written) | _expiring(call.expires_at)
                write: Create | Update = (
                    Create(path, document)
                    if before is None
                    else Update(path, document, unchanged_since=before.updated_at)
                )
                stands_on = Stamp(attempt_path(call_sid, call.attempt))
                listed = Update(call_path(call_sid), {"outcome": standing(written)})
                if await self._database.commits(stands_on, write, listed):
                    return True
        raise _unsettled(call_sid)

    async def add_upload(self, call_sid: str, upload: Upload) -> Reception:
        """Write only if the call is unchanged since it was read, so that no upload is added once
        the call has ended."""
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored = await self._database.read(call_path(call_sid))
                call = None if stored is None else self._call(stored)
                reception, after = transitions.received(call, upload)
                if stored is None or call is None or after is None:
                    return reception
                n = len(after.uploads)
                document = to_document(msgspec.structs.replace(upload, n=n))
                expiring = _expiring(transitions.upload_expires_at(call, upload))
                created = Create(upload_path(call_sid, n), document | expiring)
                if await self._database.commits(created, _advance(stored, call, after)):
                    return reception
        raise _unsettled(call_sid)

    async def later_uploads(self, seen: dict[str, int]) -> dict[str, tuple[Upload, ...]]:
        """Read one document per call, and more only if that one exists."""
        later: dict[str, tuple[Upload, ...]] = {}
        next_ones = {call_sid: last + 1 for call_sid, last in seen.items()}
        async with self._database.deadline():
            while next_ones:
                paths = [upload_path(call_sid, n) for call_sid, n in next_ones.items()]
                found = await self._database.read_all(*paths)
                came = {
                    call_sid: upload
                    for call_sid, stored in zip(next_ones, found, strict=True)
                    if (upload := _upload(stored)) is not None
                }
                for call_sid, upload in came.items():
                    later[call_sid] = (*later.get(call_sid, ()), upload)
                next_ones = {call_sid: next_ones[call_sid] + 1 for call_sid in came}
        return later

    async def delete_uploads(self, call_sid: str) -> None:
        paths = (upload_path(call_sid, n) for n in range(1, MOST_IN_A_CALL + 1))
        async with self._database.deadline():
            await self._database.commit(*map(Delete, paths))

    async def _change(
        self,
        call_sid: str,
        decide: Callable[[Call], Call | None],
        along: Callable[[Call, Call], tuple[Write, ...]] = lambda before, after: (),
    ) -> Call | None:
        """Write the call that `decide` returns, together with the writes that `along` returns; None
        if `decide` refuses, or if the call doesn't exist."""
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored = await self._database.read(call_path(call_sid))
                if stored is None:
                    return None
                call = self._call(stored)
                decided = decide(call)
                if decided is None or decided == call:
                    return decided
                if await self._database.commits(
                    _advance(stored, call, decided), *along(call, decided)
                ):
                    return decided
        raise _unsettled(call_sid)

    async def _expires_at(self, call_sid: str) -> datetime.datetime:
        """Return when the call expires. This process remembers that from its claim, so that saving
        needn't read the call."""
        known = self._expiries.get(call_sid)
        if known is not None:
            return known
        call = await self.read_call(call_sid)
        if call is None:
            raise Superseded("the call doesn't exist")
        return call.expires_at

    def _call(self, stored: Stored) -> Call:
        call = stored.record(Call)
        self._expiries.remember(call.call_sid, call.expires_at)
        return call


class _Expiries:
    """When each of the latest calls expires, which never changes."""

    def __init__(self) -> None:
        self._by_call: OrderedDict[str, datetime.datetime] = OrderedDict()

    def get(self, call_sid: str) -> datetime.datetime | None:
        return self._by_call.get(call_sid)

    def remember(self, call_sid: str, expires_at: datetime.datetime) -> None:
        self._by_call[call_sid] = expires_at
        self._by_call.move_to_end(call_sid)
        if len(self._by_call) > _KNOWN_CALLS:
            self._by_call.popitem(last=False)


def _readable(found: Iterable[Stored]) -> Iterator[ListedCall]:
    for stored in found:
        try:
            yield stored.record(ListedCall)
        except InvalidDocument as error:
            _log.error("call cannot be read", reason=str(error))


def _conditions(query: CallQuery) -> Iterator[Condition]:
    """Yield the query's conditions. The indexes they need are in `packaged/firestore.json`."""
    if query.since is not None:
        yield Condition(("created_at",), ">=", query.since)
    if query.until is not None:
        yield Condition(("created_at",), "<", query.until)
    if query.number is not None:
        yield Condition(("caller", "called"), "==", query.number)
    if query.agent_id is not None:
        yield Condition(("agent_id",), "==", query.agent_id)
    if query.end_reasons:
        yield Condition(("end_reason",), "in", [reason.value for reason in query.end_reasons])
    if query.outcomes:
        yield Condition(("outcome",), "in", list(query.outcomes))
    if query.live:
        yield Condition(("status",), "in", list(RUNNING))


def _advance(stored: Stored, call: Call, after: Call) -> Update:
    """Write what differs in `after`, if the call hasn't changed since it was read."""
    return Update(stored.path, changed_fields(call, after), unchanged_since=stored.updated_at)


def _next_attempt(before: Call, after: Call) -> tuple[Write, ...]:
    return Delete(attempt_path(before.call_sid, before.attempt)), _current_attempt(after)


def _current_attempt(call: Call) -> Replace:
    path = attempt_path(call.call_sid, call.attempt)
    return Replace(path, {"attempt": call.attempt} | _expiring(call.expires_at))


def _upload(stored: Stored | None) -> Upload | None:
    """Convert an upload; None also if it can't be read, so that the others are still found."""
    try:
        return None if stored is None else stored.record(Upload)
    except InvalidDocument as error:
        _log.error("upload cannot be read", reason=str(error))
        return None


def _early_end(stored: Stored) -> EarlyEnd | None:
    """Return the early end; None if `stored` is the attempt of a call that has been deleted."""
    return stored.record(EarlyEnd) if "twilio_status" in stored.fields else None


def _expiring(expires_at: datetime.datetime) -> dict[str, datetime.datetime]:
    return {"expires_at": expires_at}


def _unsettled(call_sid: str) -> StoreUnavailable:
    return StoreUnavailable(f"{call_path(call_sid)} was changed by others {_TRIES} times in a row")
