"""Who may use the console, and in which role: `settings/people`, which editors can change."""

from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from ringdown.agents.store import Edit
from ringdown.stores.documents import Documents
from ringdown.stores.paths import document_path

PEOPLE = document_path("settings", "people")
Role = Literal["viewer", "editor"]


class PeopleEdit(Edit, frozen=True, kw_only=True):
    """A change to people's roles."""

    what: str


class People(msgspec.Struct, frozen=True, kw_only=True):
    """`settings/people`. Anyone not in it is refused, even if Google's proxy lets them through."""

    roles: dict[str, Role] = {}
    """Roles by e-mail address."""
    edits: tuple[PeopleEdit, ...] = ()
    """Edits made on the People page, newest first; Firestore's console doesn't say who made an
    edit."""

    def role_of(self, email: str) -> Role | None:
        by_small = {name.lower(): role for name, role in self.roles.items()}
        return by_small.get(email.lower())


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    """The e-mail address; without a login, the user's name on this machine."""
    role: Role

    @property
    def may_edit(self) -> bool:
        return self.role == "editor"


class Refused(Exception):
    """The request is refused. The message tells the user why, and what to do."""

    def __init__(self, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


class Doorkeeper(Protocol):
    """Identifies the user who made a request."""

    async def identify(self, headers: "Headers") -> Person:
        """Raises Refused, StoreUnavailable, and InvalidDocument if the people can't be read."""


class Headers(Protocol):
    """A request's headers."""

    def getlist(self, key: str) -> list[str]: ...


async def known_person(documents: Documents, email: str) -> Person:
    """Return the person with that address. Raises Refused."""
    people = await documents.read(People, PEOPLE) or People()
    role = people.role_of(email)
    if role is None:
        raise Refused(
            f"{email} doesn't have access to this console. Ask an editor to add you under People,"
            f" or the line's operator to add you to {PEOPLE} in the store."
        )
    return Person(email, role)
