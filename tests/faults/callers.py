"""Who is at the other end of a connection: the function, by the process that holds it (Linux, `/proc`)."""

import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NAME = b"AWS_LAMBDA_FUNCTION_NAME="


@dataclass(frozen=True)
class Caller:
    """A process that runs a function."""

    pid: int
    function: str

    def kill(self) -> None:
        """Ends it at once, as running out of memory does."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def peak_kib(self) -> int:
        """The most memory that it has used, in KiB."""
        with suppress(OSError):
            if found := re.search(r"VmHWM:\s+(\d+) kB", (PROC / str(self.pid) / "status").read_text()):
                return int(found[1])
        return 0


class Callers:
    """Finds callers. The processes of functions are remembered, since a function's environment does not change."""

    def __init__(self) -> None:
        self._functions: dict[int, str] = {}

    def find(self, address: tuple[str, int], server: tuple[str, int]) -> Caller | None:
        """The function whose process has this end of a connection to `server`; none for a program that is no
        function."""
        inode = _inode(address, server)
        if inode is None:
            return None
        known = set(self._functions)
        return self._holder(inode, known) or self._holder(inode, self._look_around() - known)

    def _holder(self, inode: str, pids: set[int]) -> Caller | None:
        # The younger a process, the likelier it has just connected.
        for pid in sorted(pids, reverse=True):
            if _holds(pid, inode):
                return Caller(pid, self._functions[pid])
        return None

    def _look_around(self) -> set[int]:
        """Finds out anew which functions run. One that was just forked had another's environment a moment ago."""
        pids = {int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()}
        known = {pid: self._functions.get(pid) or _function(pid) for pid in pids}
        self._functions = {pid: name for pid, name in known.items() if name}
        return set(self._functions)


def _inode(address: tuple[str, int], server: tuple[str, int]) -> str | None:
    """The socket of a connection's client. Its port alone does not name it: connections to several servers, also
    those that have ended a while ago, may have the same one."""
    wanted = [_as_in_proc(address), _as_in_proc(server)]
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return fields[9]
    return None


def _as_in_proc(address: tuple[str, int]) -> str:
    host, port = address
    return "".join(f"{int(part):02X}" for part in reversed(host.split("."))) + f":{port:04X}"


def _function(pid: int) -> str | None:
    with suppress(OSError):
        for variable in (PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            if variable.startswith(NAME):
                return variable[len(NAME) :].decode()
    return None


def _holds(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    with suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                if os.readlink(descriptor) == wanted:
                    return True
    return False
