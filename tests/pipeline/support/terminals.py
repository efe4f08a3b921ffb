"""Programs as somebody at a terminal sees them."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from dataclasses import dataclass, field

import pyte

COLUMNS, LINES = 80, 24
# Wide enough that nothing which is written for 80 columns is broken into lines by it.
WIDE = 400
# A program that draws nothing for so long hangs.
PATIENCE_SECONDS = 60


@dataclass
class Recording:
    """What a program has drawn."""

    # Each picture that stood on the screen for a moment, without the spaces at the ends of lines.
    pictures: list[str] = field(default_factory=list)
    # The last one of a screen that is wider than the program was told.
    on_a_wide_screen: str = ""
    code: int = 0


def record(command: list[str], environment: dict[str, str]) -> Recording:
    """Runs a program on a terminal of 80 columns to its end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    own = environment | {"TERM": "xterm-256color"}
    program = subprocess.Popen(command, env=own, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    screen, wide = pyte.Screen(COLUMNS, LINES), pyte.Screen(WIDE, LINES)
    streams = [pyte.ByteStream(screen), pyte.ByteStream(wide)]
    recording = Recording()
    while drawn := _read(ours):
        for stream in streams:
            stream.feed(drawn)
        recording.pictures.append(_picture(screen))
    os.close(ours)
    recording.code = program.wait()
    recording.on_a_wide_screen = _picture(wide)
    return recording


def _read(terminal: int) -> bytes:
    readable, _, _ = select.select([terminal], [], [], PATIENCE_SECONDS)
    assert readable, f"nothing was drawn for {PATIENCE_SECONDS} s"
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that nobody writes any more.
        return b""


def _picture(screen: pyte.Screen) -> str:
    return "\n".join(line.rstrip() for line in screen.display).rstrip()
