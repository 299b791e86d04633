"""TCP ports on this machine: listens on one, or finds out which program holds it."""

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ringdown_cli.command import CannotGoOn

HOST = "127.0.0.1"
_PROC = Path("/proc")
_LISTENING = "0A"  # TCP_LISTEN in the kernel's tables
_OURS = f"{int.from_bytes(socket.inet_aton(HOST), sys.byteorder):08X}"
_ANSWERING = {_OURS, "0" * 8, "0" * 32, f"0000000000000000FFFF0000{_OURS}"}
"""The local addresses in the kernel's tables that are or include HOST."""


def listen(port: int, *, variable: str) -> socket.socket:
    """Listen on a port; 0 picks a free one. `variable` is the setting that chooses another.

    Raises CannotGoOn, which names the program that holds the port if the system says.
    """
    try:
        taken = socket.create_server((HOST, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"Port {port} is in use by another program{_named(port_holder(port))}."
            remedy = f"Stop it, or choose another port with {variable}=…"
        else:
            problem = f"Can't listen on port {port}: {os.strerror(error.errno or 0)}."
            remedy = f"Choose another port with {variable}=…"
        raise CannotGoOn(f"{problem}\n{remedy}") from None
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted connections inherit it
    return taken


def port_holder(port: int) -> int | None:
    """Return the process that listens on a port, if the system tells us; Linux does for our own
    processes."""
    sockets = _listening_sockets(port)
    return next((pid for pid in _processes() if sockets & _sockets(pid)), None)


def is_held_by_others(port: int, group: int) -> bool:
    """Whether a process outside `group` listens on a port; False if unknown."""
    sockets = _listening_sockets(port)
    ours: set[str] = set()
    for pid in _processes():
        with suppress(ProcessLookupError):
            if os.getpgid(pid) == group:
                ours |= _sockets(pid)
    return bool(sockets - ours)


def _named(pid: int | None) -> str:
    if pid is None:
        return ""
    with suppress(OSError):
        return f" ({(_PROC / str(pid) / 'comm').read_text('utf-8', 'replace').strip()}, pid {pid})"
    return f" (pid {pid})"


def _listening_sockets(port: int) -> set[str]:
    """Return the names in /proc of the sockets that listen on a port of HOST."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                _, local, _, state, *_, inode = line.split()[:10]
                address, _, hex_port = local.partition(":")
                if state == _LISTENING and address in _ANSWERING and int(hex_port, 16) == port:
                    found.add(f"socket:[{inode}]")
    return found


def _processes() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _sockets(pid: int) -> set[str]:
    """Return the names of a process's sockets; empty if it belongs to another user."""
    found = set()
    with suppress(OSError):
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(descriptor))
    return found
