"""Starts and stops the AWS emulator."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

REGION = "us-east-1"
PATIENCE_SECONDS = 30


class EmulatorError(Exception):
    """The emulator did not start."""


def start(state: Path, functions_endpoint: str | None = None) -> tuple[int, str]:
    """Starts an emulator that outlives this process; answers its process id and its endpoint.

    Its log and its files are in `state`. Functions call `functions_endpoint` in its place, if one is given.
    """
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    scratch = state / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        # Functions inherit it, which is all that tells them that they are not on AWS.
        "AWS_ENDPOINT_URL": functions_endpoint or endpoint,
        # Enforces the functions' roles.
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Unpacked functions go where `down` cleans up.
        "TMPDIR": str(scratch),
    }
    with (state / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            _command_line(port),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await_answer(process.pid, endpoint)
    except BaseException as error:  # Also when somebody loses patience: nobody else knows of it yet.
        stop(process.pid)
        if isinstance(error, EmulatorError):
            raise EmulatorError(f"{error}; see {state / 'emulator.log'}") from error
        raise
    return process.pid, endpoint


def _command_line(port: int) -> list[str]:
    """Serves the emulator by uvicorn, which takes half as much of the processor for a request as its own server does. It
    may have as many files open as the machine allows, since each connection is one."""
    serve = [sys.executable, "-m", "uvicorn", "ministack.app:app", "--host", "127.0.0.1", "--port", str(port)]
    options = ["--http", "httptools", "--timeout-keep-alive", "75", "--timeout-graceful-shutdown", "1"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return ["sh", "-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "sh", *serve, *options, *quiet]


def await_answer(pid: int, endpoint: str) -> None:
    """Waits until an emulator answers, which one with much to do may take a while for."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _answers(endpoint):
        if not lives(pid):
            raise EmulatorError("the emulator has ended")
        if time.monotonic() > deadline:
            raise EmulatorError(f"the emulator does not answer within {PATIENCE_SECONDS} s")
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether this process is an emulator: after a restart of the machine, its number may be another's."""
    with contextlib.suppress(ChildProcessError):  # One of our own that has ended would stay as a zombie.
        ended, _ = os.waitpid(pid, os.WNOHANG)
        return not ended  # One that has just begun has no command line yet.
    return "ministack" in _command(pid)


def _command(pid: int) -> str:
    if not Path("/proc/self").exists():
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2) as answer:
            return "services" in json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def stop(pid: int) -> None:
    """Ends the emulator and the functions it runs, which are in its process group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if not _group_lives(pid):
                return
            time.sleep(0.05)


def _group_lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):  # Another process may have started it.
        os.waitpid(pid, os.WNOHANG)
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
