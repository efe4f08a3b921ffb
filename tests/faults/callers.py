"""Who is at the other end of a connection: the function, by the process that holds it (Linux, `/proc`)."""

import os
import re
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
NAME = b"AWS_LAMBDA_FUNCTION_NAME="
# From Linux's headers: the netlink protocol, its one request, and that it is a request.
SOCK_DIAG, BY_FAMILY, REQUEST = 4, 20, 1


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


def find(address: tuple[str, int], server: tuple[str, int]) -> Caller | None:
    """The function whose process has this end of a connection to `server`; none for a program that is no function."""
    inode = _inode(address, server)
    if not inode:
        return None
    # The younger a process, the likelier it has just connected.
    for pid in sorted((int(name) for name in os.listdir(PROC) if name.isdigit()), reverse=True):
        if _holds(pid, inode):
            function = _function(pid)
            return Caller(pid, function) if function else None
    return None


def _inode(address: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The socket of a connection's client. Its port alone does not name it: connections to other servers, also those
    that have just ended, may have the same one."""
    try:
        return _asked_of_kernel(address, server)
    except OSError:  # A container may not be allowed to ask.
        return _looked_up(address, server)


def _asked_of_kernel(address: tuple[str, int], server: tuple[str, int]) -> int | None:
    """By sock_diag(7), which takes a thousandth of the time that the list takes when it is thousands of lines long."""
    ends = [struct.pack("!HH", address[1], server[1])]
    ends += [socket.inet_aton(host).ljust(16, b"\0") for host, _ in (address, server)]
    any_interface_and_cookie = struct.pack("=IQ", 0, 2**64 - 1)
    any_state = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 2**32 - 1)
    request = b"".join([any_state, *ends, any_interface_and_cookie])
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(request), BY_FAMILY, REQUEST, 0, 0) + request)
        answer = kernel.recv(4096)
    (kind,) = struct.unpack_from("=H", answer, 4)
    return struct.unpack_from("=I", answer, 84)[0] if kind == BY_FAMILY else None


def _looked_up(address: tuple[str, int], server: tuple[str, int]) -> int | None:
    wanted = [_as_in_proc(address), _as_in_proc(server)]
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == wanted:
            return int(fields[9])
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


def _holds(pid: int, inode: int) -> bool:
    wanted = f"socket:[{inode}]"
    with suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                if os.readlink(descriptor) == wanted:
                    return True
    return False
