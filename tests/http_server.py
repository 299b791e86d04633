"""An HTTP server on this machine, for as long as a test needs one."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_DEADLINE_S = 10.0
_POLL_S = 0.05


class Requests(BaseHTTPRequestHandler):
    """Subclasses add `do_GET`, `do_POST` and so on, which call `reply`."""

    timeout = _DEADLINE_S
    """How long a connection may be silent before it is closed."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] = {}) -> None:
        """Send a response, unless the client has gone."""
        with suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    """How many connections may arrive together; with the usual five, some are reset."""


@contextmanager
def serving(requests: type[Requests]) -> Iterator[str]:
    """Run a server and yield its URL, without a path. Waits for running requests at the end."""
    with _Server(("127.0.0.1", 0), requests) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(_DEADLINE_S)
