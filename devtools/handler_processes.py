"""The stream handlers of a stack: one at its port, or several behind a proxy."""

from collections.abc import Mapping

from devtools.processes import Command, free_port, python


def handler_commands(
    count: int, port: int, environ: Mapping[str, str], proxy_environ: Mapping[str, str]
) -> tuple[Command, ...]:
    """Return the commands for `count` handlers behind `port`."""
    if count == 1:
        return (_handler("stream_handler", port, environ),)
    ports = [free_port() for _ in range(count)]
    proxy = Command(
        name="stream_proxy",
        argv=(python(), "-m", "devtools.tcp_proxy", str(port), *map(str, ports)),
        environ=proxy_environ,
        url=f"http://127.0.0.1:{port}",
        health_path="/ready",
    )
    handlers = (_handler(f"stream_handler_{n}", own, environ) for n, own in enumerate(ports, 1))
    return (*handlers, proxy)


def _handler(name: str, port: int, environ: Mapping[str, str]) -> Command:
    return Command(
        name=name,
        argv=(python(), "-m", "stream_handler"),
        # Named like a Cloud Run revision, so that records say which handler had the call.
        environ={**environ, "PORT": str(port), "K_REVISION": name},
        url=f"http://127.0.0.1:{port}",
        health_path="/ready",
        must_stay_alive=True,
    )
