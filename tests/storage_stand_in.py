"""Google Cloud Storage's JSON API for one bucket, strict, on the test's own loop.

https://docs.cloud.google.com/storage/docs/json_api/v1/objects. Clients have the permissions given:
overwriting an existing object takes permission to delete it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devtools.processes import free_port

ALL = frozenset({"create", "delete", "get", "list"})
BUCKET = "the-recordings"


@dataclass(slots=True)
class StorageStandIn:
    url: str
    objects: dict[str, bytes] = field(default_factory=dict)
    permissions: frozenset[str] = ALL
    page: int = 1000
    """The most objects in one list."""
    trouble: list[int] = field(default_factory=list)
    """Statuses of the next responses, whatever is requested."""
    late_s: float = 0.0
    """How long every response takes."""
    done_all_the_same: bool = False
    """Whether requests that meet `trouble` are carried out anyway, with only a response lost."""
    asked: list[str] = field(default_factory=list)
    """The method of each request, with the telling part of its address."""


@asynccontextmanager
async def storage_stand_in() -> AsyncIterator[StorageStandIn]:
    port = free_port()
    storage = StorageStandIn(f"http://127.0.0.1:{port}")
    routes = [
        Route("/upload/storage/v1/b/{bucket}/o", _answering(storage, _insert), methods=["POST"]),
        Route("/storage/v1/b/{bucket}/o", _answering(storage, _list), methods=["GET"]),
        Route("/storage/v1/b/{bucket}/o/{name:path}", _answering(storage, _get), methods=["GET"]),
        Route(
            "/storage/v1/b/{bucket}/o/{name:path}",
            _answering(storage, _delete),
            methods=["DELETE"],
        ),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes),
        "127.0.0.1",
        port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield storage
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to pytest."""
        yield


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


_Answer = Callable[[StorageStandIn, Request], Awaitable[Response]]


def _answering(
    storage: StorageStandIn, answer: _Answer
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        storage.asked.append(f"{request.method} {request.url.path.rpartition('/o')[2]}".rstrip())
        await asyncio.sleep(storage.late_s)
        try:
            if storage.trouble:
                status = storage.trouble.pop(0)
                if storage.done_all_the_same:
                    await answer(storage, request)
                raise _Refused(status, "Trouble.")
            if request.path_params["bucket"] != BUCKET:
                raise _Refused(404, "The specified bucket does not exist.")
            return await answer(storage, request)
        except _Refused as refused:
            error = {"code": refused.status, "message": str(refused)}
            return JSONResponse({"error": error}, refused.status)

    return endpoint


def _may(storage: StorageStandIn, permission: str) -> None:
    if permission not in storage.permissions:
        raise _Refused(403, f"Permission 'storage.objects.{permission}' denied.")


def _query(request: Request, *names: str) -> dict[str, str]:
    unknown = set(request.query_params) - set(names)
    if unknown:
        raise _Refused(400, f"Unknown parameters: {sorted(unknown)}.")
    return dict(request.query_params)


async def _insert(storage: StorageStandIn, request: Request) -> Response:
    query = _query(request, "uploadType", "name", "ifGenerationMatch")
    body = await request.body()
    if query.get("uploadType") != "media" or not query.get("name"):
        raise _Refused(400, "Required parameter: name, or uploadType isn't media.")
    if "content-type" not in request.headers or "content-length" not in request.headers:
        raise _Refused(411, "The type or the length is missing.")
    _may(storage, "create")
    name = query["name"]
    if name in storage.objects:
        if query.get("ifGenerationMatch") == "0":
            raise _Refused(412, "At least one of the pre-conditions you specified did not hold.")
        _may(storage, "delete")
    storage.objects[name] = body
    return JSONResponse({"name": name, "size": str(len(body))})


async def _list(storage: StorageStandIn, request: Request) -> Response:
    query = _query(request, "prefix", "fields", "pageToken")
    _may(storage, "list")
    names = sorted(n for n in storage.objects if n.startswith(query.get("prefix", "")))
    begin = int(query.get("pageToken", 0))
    page = names[begin : begin + storage.page]
    answer: dict[str, object] = {}
    if page:
        answer["items"] = [{"name": n, "size": str(len(storage.objects[n]))} for n in page]
    if begin + storage.page < len(names):
        answer["nextPageToken"] = str(begin + storage.page)
    return JSONResponse(answer)


async def _get(storage: StorageStandIn, request: Request) -> Response:
    query = _query(request, "alt")
    _may(storage, "get")
    body = storage.objects.get(request.path_params["name"])
    if body is None:
        raise _Refused(404, f"No such object: {BUCKET}/{request.path_params['name']}")
    if query.get("alt") != "media":
        return JSONResponse({"size": str(len(body))})
    return Response(body, media_type="audio/wav")


async def _delete(storage: StorageStandIn, request: Request) -> Response:
    _query(request)
    _may(storage, "delete")
    if storage.objects.pop(request.path_params["name"], None) is None:
        raise _Refused(404, "No such object.")
    return Response(status_code=204)
