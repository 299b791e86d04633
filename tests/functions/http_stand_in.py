"""An HTTP server in place of a service, for the tool's real client."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ringdown.tools import Json
from tests.http_server import Requests, serving


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> Json:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content: Json
    """Sent as JSON; text is sent unchanged."""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], Reply]


@dataclass(slots=True)
class HttpStandIn:
    url: str
    answer: Answer
    """May be replaced while the server runs."""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def http_stand_in(answer: Answer) -> Iterator[HttpStandIn]:
    stand_in = HttpStandIn("", answer)

    class Served(Requests):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.body())
            stand_in.asked.append(asked)
            reply = stand_in.answer(asked)
            text = reply.content if isinstance(reply.content, str) else json.dumps(reply.content)
            of_json = {"Content-Type": "application/json"}
            self.reply(reply.status, text.encode(), {**of_json, **reply.headers})

    with serving(Served) as stand_in.url:
        yield stand_in
