"""Runs all parts of a line on this machine, with the real model or its stand-in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devtools.clips import clip_maker
from devtools.gemini_stand_in import API_KEY, GeminiStandIn, running_gemini_stand_in
from devtools.processes import free_port
from devtools.stack import Stack, running_stack
from devtools.stack_settings import DEMONSTRATED_TOOLS, StackSettings, inherited, trace_variables
from ringdown.clip_making import ClipMaker
from ringdown.gemini.backend import DeveloperApi
from ringdown.stores import Store, open_store


@dataclass(frozen=True, slots=True)
class LineModel:
    """The model and its endpoint; `stand_in` is None with a real one.

    The handlers use `live_base_url`, if set.
    """

    api_key: str
    base_url: str | None
    ca_file: Path | None
    stand_in: GeminiStandIn | None
    live_base_url: str | None = None
    live_ca_file: Path | None = None


def line_clip_maker(model: LineModel) -> ClipMaker:
    """Return a maker of clips that uses the line's model."""
    return clip_maker(DeveloperApi(model.api_key, model.base_url), model.ca_file)


@asynccontextmanager
async def running_model(
    environ: Mapping[str, str], scenario: Path, folder: Path
) -> AsyncIterator[LineModel]:
    """Yield the real model if GEMINI_API_KEY is set. Otherwise run a stand-in for `scenario`, which
    writes its sessions to `folder`. Raises devtools.processes.ProcessFailed."""
    if api_key := environ.get("GEMINI_API_KEY"):
        yield LineModel(api_key, environ.get("GEMINI_BASE_URL") or None, None, None)
        return
    async with running_gemini_stand_in(scenario, folder) as stand_in:
        yield LineModel(API_KEY, stand_in.base_url, stand_in.ca_file, stand_in)


@asynccontextmanager
async def running_parts(
    model: LineModel,
    environ: Mapping[str, str],
    out: Path,
    *,
    handlers: int = 1,
    served_tools: tuple[str, ...] | None = DEMONSTRATED_TOOLS,
    clock: Path | None = None,
    caller_page_framed_by: Sequence[str] = (),
    tool_environ: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[Stack, Store]]:
    """Run all parts as processes, and stop them at the end.

    Raises devtools.processes.ProcessFailed.
    """
    settings = StackSettings(
        out=out,
        gemini_api_key=model.api_key,
        gemini_base_url=model.base_url,
        gemini_ca_file=model.ca_file,
        live_base_url=model.live_base_url,
        live_ca_file=model.live_ca_file,
        webhook_port=free_port(),
        stream_port=free_port(),
        handlers=handlers,
        caller_page_framed_by=caller_page_framed_by,
        served_tools=served_tools,
        tool_environ=tool_environ or {},
        clock=clock,
        traces=trace_variables(environ),
        inherited=inherited(environ),
    )
    async with running_stack(settings) as stack, open_store(stack.store_url) as store:
        yield stack, store
