"""Runs other programs on this machine, and returns their output."""

import asyncio

from ringdown_cli.command import CannotGoOn


async def output_of(name: str, *argv: str, within_s: float, missing: str, if_late: str) -> bytes:
    """Run `argv`, which messages call `name`, and return its output. Raises CannotGoOn: with
    `missing` if the program isn't installed, with `if_late` if it takes too long, with its errors
    if it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise CannotGoOn(missing) from None
    try:
        async with asyncio.timeout(within_s):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CannotGoOn(f"{name} took more than {within_s:g} s. {if_late}") from None
    if process.returncode != 0:
        raise CannotGoOn(f"{name} failed: {errors.decode(errors='replace').strip()}")
    return out
