#!/usr/bin/env python3
"""Starts, stops and shows the local stack.

    infra/local/stack.py up       builds the functions, starts the emulator, deploys the template
    infra/local/stack.py status   shows what runs
    infra/local/stack.py token    makes a token for a user
    infra/local/stack.py down     stops it and forgets its data

It needs Python 3.10 and makes a virtual environment of its own under `.local/`.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

from local_stack.paths import RUNNING, STATE, VENV

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# The emulator takes a caller without AWS credentials to be of this account, and callers of the API have none.
ACCOUNT = "000000000000"


def main() -> int:
    arguments = _parser().parse_args()
    if sys.version_info < (3, 10):
        print("the local stack needs Python 3.10 or later", file=sys.stderr)
        return 2
    _enter_environment()
    from local_stack.deployment import DeploymentError
    from local_stack.emulator import EmulatorError
    from local_stack.functions import BuildError

    try:
        return arguments.run(arguments)
    except (BuildError, DeploymentError, EmulatorError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="build, start, deploy; again: build and deploy what changed")
    up.add_argument("--binaries", type=Path, metavar="DIR", help="take the functions from here and build nothing")
    up.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the template")
    up.set_defaults(run=_up)

    status = commands.add_parser("status", help="show what runs")
    status.set_defaults(run=_status)

    token = commands.add_parser("token", help="make a token for a user, who need not exist")
    token.add_argument("--user-id", type=int, default=1)
    token.add_argument("--username", default="admin")
    token.add_argument("--staff", action="store_true")
    token.add_argument("--permissions", default="", help="separated by spaces")
    token.set_defaults(run=_token)

    down = commands.add_parser("down", help="stop it and forget its data")
    down.set_defaults(run=_down)

    for command in (up, status, token, down):
        command.add_argument("--json", action="store_true", help="print one JSON object for programs")
    return parser


def _up(arguments: argparse.Namespace) -> int:
    from local_stack import deployment, emulator, functions

    folder = arguments.binaries
    if folder is None:
        with _progress(arguments, "building the functions"):
            folder = functions.build()
    binaries = functions.binaries(folder.resolve())
    overrides = dict(one.split("=", 1) for one in arguments.set)

    running = _running()
    if running is None:
        with _progress(arguments, "starting the emulator"):
            pid, endpoint = emulator.start(STATE)
            # Written at once, so that `down` finds it whatever happens next.
            _write({"pid": pid, "endpoint": endpoint, "account": ACCOUNT})
    else:
        pid, endpoint = running["pid"], running["endpoint"]
    with _progress(arguments, "deploying"):
        cell = deployment.deploy(ACCOUNT, endpoint, binaries, STATE, overrides)
    _write(
        {
            "pid": pid,
            "endpoint": endpoint,
            "account": ACCOUNT,
            "region": emulator.REGION,
            "api": cell.api,
            "issuer": cell.issuer.url,
            "staffToken": cell.staff_token(),
            "outputs": cell.outputs,
        }
    )
    return _status(arguments)


def _status(arguments: argparse.Namespace) -> int:
    running = _running()
    if arguments.json:
        print(json.dumps(running or {}, indent=2))
    elif running is None:
        print("nothing runs; start it with: infra/local/stack.py up")
    else:
        print(f"AWS endpoint  {running['endpoint']}  (account {running['account']}, process {running['pid']})")
        print(f"API           {running.get('api', 'not deployed')}")
        print(f"mail          {running['endpoint']}/_ministack/ses/messages?account={running['account']}")
        print(f"log           {STATE / 'emulator.log'}")
        print(f"staff token   {running.get('staffToken', 'not deployed')}")
    return 0 if running else 1


def _token(arguments: argparse.Namespace) -> int:
    from local_stack.issuer import Issuer

    running = _running()
    if running is None:
        return _status(arguments)
    issuer = Issuer.load(running["issuer"], STATE / "issuer.pem")
    token = issuer.token(
        arguments.user_id, arguments.username, staff=arguments.staff, permissions=arguments.permissions
    )
    print(json.dumps({"token": token}) if arguments.json else token)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    from local_stack import emulator

    if (running := _running()) is not None:
        emulator.stop(running["pid"])
    RUNNING.unlink(missing_ok=True)
    shutil.rmtree(STATE / "tmp", ignore_errors=True)
    if not arguments.json:
        print("stopped" if running else "nothing ran")
    return 0


def _running() -> dict | None:
    """What `up` wrote, if its emulator still answers."""
    from local_stack import emulator

    try:
        running = json.loads(RUNNING.read_text())
    except FileNotFoundError:
        return None
    return running if emulator.is_healthy(running["endpoint"]) else None


def _write(running: dict) -> None:
    RUNNING.touch(mode=0o600)  # It holds a token.
    RUNNING.write_text(json.dumps(running, indent=2) + "\n")


def _enter_environment() -> None:
    """Goes on in the virtual environment, which is made anew when the requirements have changed."""
    if Path(sys.prefix) == VENV:
        return
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = VENV / "requirements.sha256"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("making the virtual environment of the local stack", file=sys.stderr)
        venv.create(VENV, clear=True, with_pip=True)
        install = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--requirement", REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, *sys.argv])


class _progress:
    """Tells a person what takes time, and how long it took."""

    def __init__(self, arguments: argparse.Namespace, what: str):
        self._silent = arguments.json
        self._what = what

    def __enter__(self) -> None:
        self._began = time.monotonic()
        if not self._silent:
            print(f"{self._what} …", file=sys.stderr, flush=True)

    def __exit__(self, *failed: object) -> None:
        if not self._silent and failed[0] is None:
            print(f"{self._what}: {time.monotonic() - self._began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
