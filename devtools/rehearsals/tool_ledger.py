"""Stands in for an agent's tools: returns canned results and faults, and keeps a ledger of calls.

The real tools aren't called. As in any call, arguments are checked against the tools' declarations
first.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from ringdown.rehearsals import CannedResult, Persona, ServedTool
from ringdown.tools import ToolAnswer, ToolRequest

_NOTHING_CANNED = "This tool has no result in the rehearsal."
_FOREVER_S = 3_600.0


@dataclass(slots=True)
class _Served:
    persona: Persona
    now_ms: Callable[[], int]
    facts_tool: str | None
    requests: list[ServedTool] = field(default_factory=list)


class ToolLedger:
    """Serves the tools of live calls, which it identifies by their SIDs."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self._calls: dict[str, _Served] = {}

    def begin(
        self,
        call_sid: str,
        persona: Persona,
        now_ms: Callable[[], int],
        *,
        facts_tool: str | None = None,
    ) -> None:
        """Serve this call's tools; `now_ms` is the position in its recording.

        The `facts_tool` is called before the call. If it has no canned result, it returns no facts,
        which isn't an error.
        """
        self._calls[call_sid] = _Served(persona, now_ms, facts_tool)

    def end(self, call_sid: str) -> tuple[ServedTool, ...]:
        """Stop serving the call's tools. Returns what they were called with."""
        return tuple(self._calls.pop(call_sid).requests)

    async def respond(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=ToolRequest)
        served = self._calls.get(asked.call.call_sid)
        if served is None:
            return _reply(ToolAnswer.failed("This call isn't a rehearsal."), 404)
        result = _once(served, asked)
        if result is None and asked.name == served.facts_tool:
            return _reply(ToolAnswer(output={}))
        if result is None:
            return _reply(ToolAnswer.failed(_NOTHING_CANNED))
        await asyncio.sleep(_FOREVER_S if result.fault == "hangs" else result.after_s)
        match result:
            case CannedResult(fault="server_error"):
                return Response("Internal Server Error", 500)
            case CannedResult(fault="garbled"):
                return Response("<html>")
            case CannedResult(error=str(error)):
                return _reply(ToolAnswer.failed(error))
            case _:
                return _reply(ToolAnswer(output=result.output or {}))


def _once(served: _Served, asked: ToolRequest) -> CannedResult | None:
    """Return the result of a request, and add it to the ledger. A repeated request gets the same
    result, and isn't added again."""
    for before in served.requests:
        if before.idempotency_key == asked.idempotency_key:
            return before.result
    result = _fitting(served, asked)
    served.requests.append(
        ServedTool(
            tool=asked.name,
            args=asked.args,
            idempotency_key=asked.idempotency_key,
            at_ms=served.now_ms(),
            result=result,
        )
    )
    return result


def _fitting(served: _Served, asked: ToolRequest) -> CannedResult | None:
    """Return the first unused result that fits the request, or else the last that fits."""
    fitting = [
        result
        for result in served.persona.tools.get(asked.name, ())
        if (result.args or {}).items() <= asked.args.items()
    ]
    used = _used(served.requests, asked.name)
    fresh = (result for result in fitting if not any(result is other for other in used))
    return next(fresh, fitting[-1] if fitting else None)


def _used(requests: Sequence[ServedTool], tool: str) -> list[CannedResult]:
    return [it.result for it in requests if it.tool == tool and it.result is not None]


def _reply(answer: ToolAnswer, status: int = 200) -> Response:
    return Response(msgspec.json.encode(answer), status, media_type="application/json")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program that runs the rehearsal."""
        yield


@asynccontextmanager
async def serving_tools() -> AsyncIterator[ToolLedger]:
    """Serve a ledger on a free port."""
    app, ledger = Starlette(), ToolLedger()
    app.add_route("/{tool}", ledger.respond, methods=["POST"])
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ledger.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield ledger
        finally:
            server.should_exit = True
            await serving
