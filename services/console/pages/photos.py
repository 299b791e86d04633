"""Serves the photos that callers sent, for the page of their call, if the agent keeps them."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.desk import Desk
from ringdown.calls.uploads import kept_pictures
from ringdown.log import Log, call_bound

_log = Log(__name__)


def photo_address(call_sid: str, n: int) -> str:
    return f"/calls/{call_sid}/photos/{n}"


class PhotoPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [Route("/calls/{call_sid}/photos/{n:int}", self.show)]

    async def show(self, request: Request) -> Response:
        """Serve a photo, and log who saw which call's photos."""
        call_sid, n = request.path_params["call_sid"], request.path_params["n"]
        store = self._desk.store
        call = await store.read_call(call_sid)
        kept = {} if call is None else await kept_pictures(store, call)
        if n not in kept:
            raise HTTPException(404, f"No photo {n} of call {call_sid} found.")
        with call_bound(call_sid):
            _log.info("photo shown", by=request.state.person.name)
        headers = {"Cache-Control": "no-store"}
        return Response(kept[n], headers=headers, media_type="image/jpeg")
