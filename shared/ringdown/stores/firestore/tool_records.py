"""What the shipped tools work on, in Firestore."""

import datetime
from collections.abc import Callable

import msgspec

from ringdown import accounts, sent_texts
from ringdown.accounts import Account, PinTries
from ringdown.callbacks import Callback
from ringdown.documents import Record
from ringdown.errors import StoreUnavailable
from ringdown.sent_texts import SentText, SentTexts
from ringdown.stores import tool_documents
from ringdown.stores.firestore.database import Database
from ringdown.stores.firestore.operations import Create, Delete, Replace, Update
from ringdown.stores.paths import (
    CALLBACKS,
    TEXT_TEMPLATES,
    account_path,
    answer_path,
    callback_path,
    pin_tries_path,
    sent_texts_path,
    text_of_id,
    text_template_path,
)
from ringdown.stores.storable import to_document
from ringdown.text_templates import TextTemplate
from ringdown.tools import ToolAnswer
from ringdown.tools.answers import KeptAnswer

_TRIES = 20


class FirestoreToolRecords:
    """Implements the ports of accounts, callbacks, text templates and kept answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Accounts

    async def read_account(self, account_number: str) -> Account | None:
        return await self._read_record(Account, account_path(account_number))

    async def write_account(self, account: Account) -> None:
        await self._write_record(account_path(account.account_number), account)

    async def begin_pin_try(self, account_number: str, key: str, now: datetime.datetime) -> bool:
        path = pin_tries_path(account_number)
        return await self._count(path, PinTries, lambda tries: accounts.counted(tries, key, now))

    async def clear_pin_tries(self, account_number: str) -> None:
        await self._erase_record(pin_tries_path(account_number))

    # Callbacks

    async def keep_callback(self, callback: Callback) -> bool:
        return await self._create_record(callback_path(callback.caller, callback.at), callback)

    async def list_callbacks(self) -> tuple[Callback, ...]:
        async with self._database.deadline():
            found = await self._database.read_below(CALLBACKS)
        return tool_documents.readable_callbacks(stored.fields for stored in found)

    # Text templates

    async def read_text_template(self, name: str) -> TextTemplate | None:
        return await self._read_record(TextTemplate, text_template_path(name))

    async def list_text_templates(self) -> tuple[str, ...]:
        async with self._database.deadline():
            found = await self._database.read_below(TEXT_TEMPLATES)
        return tuple(sorted(text_of_id(stored.path) for stored in found))

    async def write_text_template(self, name: str, template: TextTemplate) -> None:
        await self._write_record(text_template_path(name), template)

    async def count_text(self, number: str, text: SentText) -> bool:
        path = sent_texts_path(number)
        return await self._count(path, SentTexts, lambda sent: sent_texts.counted(sent, text))

    # Answers

    async def claim_answer(self, key: str, expires_at: datetime.datetime) -> bool:
        return await self._create_record(answer_path(key), KeptAnswer(expires_at=expires_at))

    async def read_answer(self, key: str) -> ToolAnswer | None:
        kept = await self._read_record(KeptAnswer, answer_path(key))
        return None if kept is None else kept.answer

    async def keep_answer(
        self, key: str, answer: ToolAnswer, expires_at: datetime.datetime
    ) -> None:
        await self._write_record(answer_path(key), KeptAnswer(answer=answer, expires_at=expires_at))

    async def release_answer(self, key: str) -> None:
        await self._erase_record(answer_path(key))

    async def _count(
        self, path: str, kind: type[Record], counted: Callable[[Record | None], Record | None]
    ) -> bool:
        """False, and nothing is written, if there are too many."""
        async with self._database.deadline():
            for _ in range(_TRIES):
                stored = await self._database.read(path)
                record = counted(None if stored is None else stored.record(kind))
                if record is None:
                    return False
                document = to_document(record)
                if await self._database.commits(
                    Create(path, document)
                    if stored is None
                    else Update(path, document, unchanged_since=stored.updated_at)
                ):
                    return True
        raise StoreUnavailable(f"{path} was changed by others {_TRIES} times in a row")

    async def _read_record(self, kind: type[Record], path: str) -> Record | None:
        async with self._database.deadline():
            stored = await self._database.read(path)
        return None if stored is None else stored.record(kind)

    async def _create_record(self, path: str, record: msgspec.Struct) -> bool:
        async with self._database.deadline():
            return await self._database.commits(Create(path, to_document(record)))

    async def _write_record(self, path: str, record: msgspec.Struct) -> None:
        async with self._database.deadline():
            await self._database.commit(Replace(path, to_document(record)))

    async def _erase_record(self, path: str) -> None:
        async with self._database.deadline():
            await self._database.commit(Delete(path))
