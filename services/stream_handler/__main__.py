"""Composition root: `python -m stream_handler`."""

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import uvloop

from ringdown import log
from ringdown.errors import ConfigurationError
from ringdown.gemini.session import GeminiLive
from ringdown.stores import open_store
from ringdown.tools.client import ToolClient
from stream_handler.agent_watch import AgentWatch
from stream_handler.bridge import Services
from stream_handler.process import spare_the_collector
from stream_handler.record.trace_settings import TraceSettings
from stream_handler.server import StreamServer
from stream_handler.settings import Settings, read_settings
from stream_handler.upload_watch import UploadWatch

if TYPE_CHECKING:
    from stream_handler.record.span_export import OtlpExport

_log = log.Log("stream_handler")


async def run(settings: Settings, traces: "OtlpExport | None" = None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    models = tuple(map(GeminiLive, settings.endpoints))
    tools = ToolClient()
    spare_the_collector()
    try:
        async with open_store(settings.store_url, settings.recordings) as store:
            services = Services(
                store,
                store,
                models,
                tools,
                AgentWatch(store),
                store,
                UploadWatch(store),
                store.recordings,
                traces,
            )
            await StreamServer(settings, services).serve(stop)
    finally:
        await tools.close()


def main() -> int:
    log.configure(app="stream_handler")
    try:
        settings = read_settings(os.environ)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the user at the terminal
        return 2
    traces = None if settings.traces is None else _traces(settings.traces)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, traces))
    if traces is not None:
        traces.close()
    return 0


def _traces(settings: TraceSettings) -> "OtlpExport | None":
    """Set up the export of traces; None if that fails, which must not stop any call."""
    from google.auth.exceptions import GoogleAuthError

    try:
        # Imports the SDK, which many don't need, and which rejects some settings on import.
        from stream_handler.record.span_export import OtlpExport

        traces = OtlpExport(settings)
    except GoogleAuthError as error:
        _log.error("no traces: there are no Google credentials", error=str(error))
        return None
    except ValueError as error:
        _log.error("no traces: OpenTelemetry rejects an OTEL_… variable", error=str(error))
        return None
    log.configure(app="stream_handler", of_call=traces.log_fields)
    return traces


if __name__ == "__main__":
    sys.exit(main())
