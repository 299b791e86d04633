"""The console on your own machine, whose user may edit everything."""

from collections.abc import Collection

from console.people import Headers, Person, Refused


class LocalDoorkeeper:
    """Admits this machine's user as an editor.

    Other pages in the same browser must not reach the console through a host name they control.
    """

    def __init__(self, name: str, hosts: Collection[str]) -> None:
        """`hosts` are the addresses, with ports, where the console may be reached."""
        self._person = Person(name, "editor")
        self._hosts = frozenset(hosts)

    async def identify(self, headers: Headers) -> Person:
        given = headers.getlist("host")
        if len(given) != 1 or given[0] not in self._hosts:
            raise Refused("The console isn't served at this address.")
        return self._person
