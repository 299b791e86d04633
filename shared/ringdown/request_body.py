"""Reads the body of an HTTP request within limits."""

import asyncio
from collections.abc import AsyncIterable


class BodyTooLarge(Exception):
    """The peer sent more than we accept."""


async def read_body(chunks: AsyncIterable[bytes], *, at_most: int, within_s: float) -> bytes:
    """Return the whole body, up to `at_most` bytes. Raises BodyTooLarge, TimeoutError, and whatever
    `chunks` raises when the peer disconnects."""
    body = bytearray()
    async with asyncio.timeout(within_s):
        async for chunk in chunks:
            body += chunk
            if len(body) > at_most:
                raise BodyTooLarge(f"the body is larger than {at_most} bytes")
    return bytes(body)
