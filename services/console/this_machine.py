"""The console on one's own machine: whoever is at it runs the line."""

from collections.abc import Collection

from console.people import Headers, Person, Refused


class LocalDoorkeeper:
    """Lets in the person at this machine, as an editor.

    Other pages that are open in the browser must not reach the console under a name of theirs.
    """

    def __init__(self, name: str, hosts: Collection[str]) -> None:
        """`hosts` are the addresses, with ports, under which the console may be reached."""
        self._person = Person(name, "editor")
        self._hosts = frozenset(hosts)

    async def identify(self, headers: Headers) -> Person:
        given = headers.getlist("host")
        if len(given) != 1 or given[0] not in self._hosts:
            raise Refused("This address is not the console's.")
        return self._person
