"""`calls recording`: writes a call's audio to a file."""

import argparse
import asyncio
from pathlib import Path

from ringdown.calls.recorded_sound import recorded_sound
from ringdown_cli.calls.naming import call_meant
from ringdown_cli.calls.wording import short_sid
from ringdown_cli.command import DONE, CannotGoOn, Surroundings
from ringdown_cli.store_choice import chosen_store


async def write_recording(arguments: argparse.Namespace, surroundings: Surroundings) -> int:
    async with chosen_store(arguments.store, surroundings) as store:
        call_sid = await call_meant(store, arguments.call)
        sound = await recorded_sound(store.recordings, call_sid)
        if sound is None:
            raise CannotGoOn(
                f"{short_sid(call_sid)} has no recording. Calls are recorded if their agent has"
                " record: true.\nTo see any problems:"
                f" ringdown calls show {short_sid(call_sid)}"
            )
        file = arguments.out or surroundings.out / "calls" / f"{call_sid}.wav"
        wav = b"".join([piece async for piece in sound.wav()])
        await asyncio.to_thread(_write, file, wav)
    seconds = sound.duration_ms / 1_000
    surroundings.terminal.say(
        f"Wrote {file}: {seconds:.0f} s, with the caller on the left and the agent on the right."
    )
    return DONE


def _write(file: Path, wav: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wav)
    except OSError as error:
        raise CannotGoOn(f"Can't write {file}: {error.strerror}.") from None
