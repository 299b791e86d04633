"""Who may do what: `settings/people`, which editors change."""

from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from ringdown.agents.store import Edit
from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path

PEOPLE = document_path("settings", "people")
Role = Literal["viewer", "editor"]


class PeopleEdit(Edit, frozen=True, kw_only=True):
    """Somebody changed who may do what."""

    what: str


class People(msgspec.Struct, frozen=True, kw_only=True):
    """`settings/people`. Everyone else is refused, even if Google's proxy lets them through."""

    roles: dict[str, Role] = {}
    """By e-mail address."""
    edits: tuple[PeopleEdit, ...] = ()
    """Those made on the page for people, the newest first; Firestore's console says nothing of
    who."""

    def role_of(self, email: str) -> Role | None:
        by_small = {name.lower(): role for name, role in self.roles.items()}
        return by_small.get(email.lower())


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    """The e-mail address; without a login, what this machine calls the person."""
    role: Role

    @property
    def may_edit(self) -> bool:
        return self.role == "editor"


class Refused(Exception):
    """The message tells the person why, and what to do."""

    def __init__(self, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class Doorkeeper(Protocol):
    """Tells who is asking."""

    async def identify(self, headers: "Headers") -> Person:
        """Raises Refused, StoreUnavailable, and InvalidDocument if the people cannot be read."""


class Headers(Protocol):
    """Of a request."""

    def getlist(self, key: str) -> list[str]: ...


async def known_person(documents: Documents, email: str) -> Person:
    """The person with that address; raises Refused."""
    people = await documents.read(People, PEOPLE) or People()
    role = people.role_of(email)
    if role is None:
        raise Refused(
            f"{email} may not use this console. Ask an editor to add you under People, or whoever"
            f" runs the line to add you to {PEOPLE} in the store."
        )
    return Person(email, role)
