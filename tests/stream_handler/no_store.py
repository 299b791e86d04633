"""A CallStore whose methods all fail; fakes override those they need."""

import datetime

from ringdown.calls import Call, CallChanges, CallRecord, Claim, TwilioStatus


class NoStore:
    async def open_call(self, call: Call) -> Call:
        raise NotImplementedError

    async def read_call(self, call_sid: str) -> Call | None:
        raise NotImplementedError

    async def claim(self, call_sid: str, claim: Claim) -> Call | None:
        raise NotImplementedError

    async def save(self, call_sid: str, attempt: int, changes: CallChanges) -> None:
        raise NotImplementedError

    async def accept_transfer(self, call_sid: str, attempt: int) -> Call | None:
        raise NotImplementedError

    async def resume(self, call_sid: str) -> Call | None:
        raise NotImplementedError

    async def take_up(self, call_sid: str, ended: int, at: datetime.datetime) -> Call | None:
        raise NotImplementedError

    async def note_stream_error(self, call_sid: str, error: str) -> bool:
        raise NotImplementedError

    async def note_twilio_status(
        self, call_sid: str, status: TwilioStatus, at: datetime.datetime
    ) -> bool:
        raise NotImplementedError

    async def read_record(self, call_sid: str) -> CallRecord | None:
        raise NotImplementedError
