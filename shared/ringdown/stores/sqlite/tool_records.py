"""What the shipped tools work on, in SQLite."""

import datetime
from collections.abc import Callable

import msgspec

from ringdown import accounts, sent_texts
from ringdown.accounts import Account, PinTries
from ringdown.callbacks import Callback
from ringdown.documents import Record
from ringdown.sent_texts import SentText, SentTexts
from ringdown.stores import tool_documents
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
from ringdown.stores.sqlite.documents import Documents, Worker
from ringdown.stores.storable import to_document
from ringdown.text_templates import TextTemplate
from ringdown.tools import ToolAnswer
from ringdown.tools.answers import KeptAnswer


class SqliteToolRecords:
    """Implements the ports of accounts, callbacks, text templates and kept answers."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    # Accounts

    async def read_account(self, account_number: str) -> Account | None:
        path = account_path(account_number)
        return await self._worker.run(lambda documents: documents.read(Account, path))

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
        found = await self._worker.run(lambda documents: documents.fields_below(CALLBACKS))
        return tool_documents.readable_callbacks(fields for _, fields in found)

    # Text templates

    async def read_text_template(self, name: str) -> TextTemplate | None:
        path = text_template_path(name)
        return await self._worker.run(lambda documents: documents.read(TextTemplate, path))

    async def list_text_templates(self) -> tuple[str, ...]:
        found = await self._worker.run(lambda documents: documents.fields_below(TEXT_TEMPLATES))
        return tuple(sorted(text_of_id(path) for path, _ in found))

    async def write_text_template(self, name: str, template: TextTemplate) -> None:
        await self._write_record(text_template_path(name), template)

    async def count_text(self, number: str, text: SentText) -> bool:
        path = sent_texts_path(number)
        return await self._count(path, SentTexts, lambda sent: sent_texts.counted(sent, text))

    # Answers

    async def claim_answer(self, key: str, expires_at: datetime.datetime) -> bool:
        return await self._create_record(answer_path(key), KeptAnswer(expires_at=expires_at))

    async def read_answer(self, key: str) -> ToolAnswer | None:
        path = answer_path(key)
        kept = await self._worker.run(lambda documents: documents.read(KeptAnswer, path))
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

        def work(documents: Documents) -> bool:
            with documents.transaction():
                record = counted(documents.read(kind, path))
                if record is not None:
                    documents.write(path, to_document(record))
                return record is not None

        return await self._worker.run(work)

    async def _create_record(self, path: str, record: msgspec.Struct) -> bool:
        def work(documents: Documents) -> bool:
            with documents.transaction():
                if documents.fields(path) is not None:
                    return False
                documents.write(path, to_document(record))
                return True

        return await self._worker.run(work)

    async def _write_record(self, path: str, record: msgspec.Struct) -> None:
        def work(documents: Documents) -> None:
            with documents.transaction():
                documents.write(path, to_document(record))

        await self._worker.run(work)

    async def _erase_record(self, path: str) -> None:
        def work(documents: Documents) -> None:
            with documents.transaction():
                documents.erase(path)

        await self._worker.run(work)
