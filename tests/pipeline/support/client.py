"""The command line as a customer's client: a process of its own, whose memory is measured."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .target import Target
from .waiting import eventually

DEADLINE_SECONDS = 300
# How often a program that runs is looked at.
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    said: str
    peak_mib: float


def environment(target: Target) -> dict[str, str]:
    """What the command line has to know of a cell."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RELOCATE_")}
    endpoint = f"{target.cell.api}?{target.cell.api_query}"
    return own | {"RELOCATE_ENDPOINT": endpoint, "RELOCATE_TOKEN": target.cell.staff_token()}


def relocate(target: Target, *words: str, code: int = 0) -> str:
    """Runs the command line as staff do; answers with what it says."""
    command = [str(target.binaries / "relocate"), *words]
    done = subprocess.run(
        command, env=environment(target), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def submission(target: Target, owner: str, slugs: list[str], file: Path, *options: str) -> list[str]:
    """The command that hands a file in."""
    program = str(target.binaries / "relocate")
    return [program, "submit", str(file), "--owner", owner, "--orgs", ",".join(slugs), *options]


def submit_twice(target: Target, owner: str, slugs: list[str], file: Path) -> tuple[str, float]:
    """Hands a file in by a client that is killed half-way, and by a second one that goes on.

    Answers with the relocation's uuid, and the most memory in MiB that a client took.
    """
    command = submission(target, owner, slugs, file, "--quiet")

    def is_half_way() -> bool:
        listed = target.staff.expect(200, "GET", f"/api/0/relocations/?query={slugs[0]}&status=in_progress")
        mine = [one["uuid"] for one in listed if one["owner"]["username"] == owner]
        return bool(mine) and bool(target.staff.expect(200, "GET", f"/api/0/relocations/{mine[0]}/upload/")["parts"])

    first = _run(command, environment(target), is_half_way)
    assert first.code == -signal.SIGKILL, "it had sent everything before anybody could stop it"
    second = _run(command, environment(target))
    assert second.code == 0
    return second.said.strip(), max(first.peak_mib, second.peak_mib)


def _run(command: list[str], own: dict[str, str], until: Callable[[], bool] = lambda: False) -> Ended:
    """Runs a program to its end, or kills it as soon as something is so."""
    program = subprocess.Popen(command, env=own, stdout=subprocess.PIPE, text=True)
    peak_mib = 0.0

    def has_ended() -> bool:
        nonlocal peak_mib
        # What the system counts for a process that has ended begins with what its parent had when it was started.
        peak_mib = _peak_mib(program.pid) or peak_mib
        if until():
            program.kill()
        return program.poll() is not None

    eventually(has_ended, DEADLINE_SECONDS, "the client ends", LOOK_SECONDS)
    said, _ = program.communicate()
    return Ended(program.returncode, said, peak_mib)


def _peak_mib(process: int) -> float | None:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else None
