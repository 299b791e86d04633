"""What `terraform output` says on this machine."""

import asyncio
from pathlib import Path

from ringdown_cli.command import CannotGoOn

_WITHIN_S = 30.0


def is_deployed_from(folder: Path) -> bool:
    """Whether Terraform was run in `folder`."""
    return (folder / ".terraform").exists()


async def terraform_output(folder: Path, *what: str) -> str:
    """What `terraform output` prints with the arguments `what`. Raises CannotGoOn."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("terraform", f"-chdir={folder}", "output", *what),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        raise CannotGoOn("There is no terraform on this machine.") from None
    try:
        async with asyncio.timeout(_WITHIN_S):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise CannotGoOn(
            f"terraform output took more than {_WITHIN_S:g} s. Is its state's bucket within reach?"
        ) from None
    if process.returncode != 0:
        raise CannotGoOn(f"terraform output failed: {errors.decode(errors='replace').strip()}")
    return out.decode()
