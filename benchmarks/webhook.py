"""The warm webhook: how long Twilio waits for TwiML while the phone rings."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import numpy as np

from benchmarks.parts import Parts, open_line
from benchmarks.results import WebhookTime
from devtools.processes import ProcessFailed, SupervisedProcess
from devtools.stack import inherited

_WARM_UPS = 20
_EVERY_S = 0.05
_ANSWER_WITHIN_S = 15.0  # Twilio's own patience


def measure(run: int, calls: int = 200) -> WebhookTime:
    """New calls, 20 a second, to a webhook beside a running handler. Raises ProcessFailed."""
    times_ms = asyncio.run(_measured_ms(_WARM_UPS + calls))[_WARM_UPS:]
    p50, p99 = np.percentile(times_ms, (50, 99))
    return WebhookTime(run, float(p50), float(p99))


async def _measured_ms(calls: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="ringdown-bench-") as folder:
        parts = Parts(Path(folder), inherited(os.environ))
        await open_line(parts.store_url)
        async with _running(parts), httpx2.AsyncClient(trust_env=False) as http:
            return await _answers_ms(http, parts, calls)


async def _answers_ms(http: httpx2.AsyncClient, parts: Parts, calls: int) -> list[float]:
    begin_s = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(_answer_ms(http, parts, n, begin_s + n * _EVERY_S))
                for n in range(calls)
            ]
    except* ProcessFailed as failures:
        raise failures.exceptions[0] from None
    return [answer.result() for answer in answers]


@asynccontextmanager
async def _running(parts: Parts) -> AsyncIterator[None]:
    commands = (parts.stream_handler(), parts.incoming_call())
    processes = [SupervisedProcess(c, parts.folder / f"{c.name}.log") for c in commands]
    try:
        for process in processes:
            await process.start()
        yield
    finally:
        await asyncio.gather(*(process.stop() for process in processes))


async def _answer_ms(http: httpx2.AsyncClient, parts: Parts, number: int, at_s: float) -> float:
    """From the time at which the request was due: one that had to wait has waited."""
    form, headers = parts.ringing(number)
    await asyncio.sleep(at_s - time.perf_counter())
    try:
        response = await http.post(
            parts.webhook_url, data=dict(form), headers=dict(headers), timeout=_ANSWER_WITHIN_S
        )
    except httpx2.TransportError as error:
        raise ProcessFailed(f"the webhook did not answer: {error!r}") from None
    waited_ms = 1000 * (time.perf_counter() - at_s)
    if "<Connect>" not in response.text:
        raise ProcessFailed(f"the webhook gave no stream: {response.text}")
    return waited_ms
