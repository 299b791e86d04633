"""An HTTP server in place of a service, for the real client on the tool's side."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ringdown.tools import Json

_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    def json(self) -> Json:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content: Json
    """Sent as JSON; text as it is."""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], Reply]


@dataclass(slots=True)
class HttpStandIn:
    url: str
    answer: Answer
    """May be replaced while it serves."""
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def http_stand_in(answer: Answer) -> Iterator[HttpStandIn]:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            stand_in.asked.append(asked)
            reply = stand_in.answer(asked)
            text = reply.content if isinstance(reply.content, str) else json.dumps(reply.content)
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        stand_in = HttpStandIn(f"http://127.0.0.1:{server.server_address[1]}", answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join(_DEADLINE_S)
