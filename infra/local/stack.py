#!/usr/bin/env python3
"""Starts, stops and shows the local stack.

    infra/local/stack.py up       builds the functions, starts the emulator, deploys the template
    infra/local/stack.py status   shows what runs
    infra/local/stack.py token    makes a token for a user
    infra/local/stack.py inspect  shows what tables and buckets say of a relocation
    infra/local/stack.py down     stops it and forgets its data

It needs Python 3.10 and makes a virtual environment of its own under `.local/`.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from local_stack import DEFAULT_ACCOUNT, environment
from local_stack.paths import STATE

NOTE = "stack.json"


def main() -> int:
    arguments = _parser().parse_args()
    environment.enter("emulator")
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
    up.add_argument(
        "--account", default=DEFAULT_ACCOUNT, metavar="ID", help="12 digits; another account is another world"
    )
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

    inspect = commands.add_parser("inspect", help="show what tables and buckets say of a relocation")
    inspect.add_argument("uuid", metavar="UUID")
    inspect.set_defaults(run=_inspect)

    down = commands.add_parser("down", help="stop it and forget its data")
    down.set_defaults(run=_down)

    for command in (up, status, token, inspect, down):
        command.add_argument(
            "--state", type=Path, default=STATE, metavar="DIR", help="what runs is noted here; another is another stack"
        )
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
    state = arguments.state.resolve()

    running = _running(state)
    if running is None:
        with _progress(arguments, "starting the emulator"):
            pid, endpoint = emulator.start(state)
            # Written at once, so that `down` finds it whatever happens next.
            _write(state, {"pid": pid, "endpoint": endpoint})
    else:
        pid, endpoint = running["pid"], running["endpoint"]
        emulator.await_answer(pid, endpoint)
    with _progress(arguments, "deploying"):
        cell = deployment.deploy(arguments.account, endpoint, binaries, state, overrides)
    description = {"pid": pid, "endpoint": endpoint, **cell.description()}
    if arguments.account == DEFAULT_ACCOUNT:
        _write(state, description)
    _show(arguments, description)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    running = _running(arguments.state)
    if running is None:
        print("{}" if arguments.json else "nothing runs; start it with: infra/local/stack.py up")
        return 1
    _show(arguments, running)
    return 0


def _show(arguments: argparse.Namespace, description: dict) -> None:
    if arguments.json:
        print(json.dumps(description, indent=2))
        return
    print(f"AWS endpoint  {description['endpoint']}  (process {description['pid']})")
    print(f"log           {arguments.state / 'emulator.log'}")
    if "api" in description:
        print(f"account       {description['account']}")
        print(f"API           {description['api']}")
        print(f"mail          {description['endpoint']}/_ministack/ses/messages?account={description['account']}")
        print(f"staff token   {description['staffToken']}")
    else:
        print("nothing is deployed; try: infra/local/stack.py up")


def _token(arguments: argparse.Namespace) -> int:
    from local_stack.issuer import Issuer

    running = _running(arguments.state)
    if running is None or "issuer" not in running:
        return _status(arguments)
    issuer = Issuer.load(running["issuer"], arguments.state / "issuer.pem")
    token = issuer.token(
        arguments.user_id, arguments.username, staff=arguments.staff, permissions=arguments.permissions
    )
    print(json.dumps({"token": token}) if arguments.json else token)
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    from local_stack import inspection

    running = _running(arguments.state)
    if running is None or "outputs" not in running:
        return _status(arguments)
    place = (running["endpoint"], running["account"], running["outputs"])
    found = inspection.inspect(*place, arguments.uuid)
    if found is None:
        print(f"error: there is no relocation {arguments.uuid}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=None if arguments.json else 2))
    return 0


def _down(arguments: argparse.Namespace) -> int:
    from local_stack import emulator

    if (running := _running(arguments.state)) is not None:
        emulator.stop(running["pid"])
    for name in (NOTE, "issuer.pem"):
        (arguments.state / name).unlink(missing_ok=True)
    for name in ("tmp", "code"):
        shutil.rmtree(arguments.state / name, ignore_errors=True)
    if not arguments.json:
        print("stopped" if running else "nothing ran")
    return 0


def _running(state: Path) -> dict | None:
    """What `up` noted, if its emulator still lives; it may be too busy to answer at once."""
    from local_stack import emulator

    try:
        running = json.loads((state / NOTE).read_text())
    except FileNotFoundError:
        return None
    return running if emulator.lives(running["pid"]) else None


def _write(state: Path, running: dict) -> None:
    # In one step: a note cut off half-way would lose what runs.
    draft = state / f"{NOTE}.new"
    draft.touch(mode=0o600)  # It holds a token.
    draft.write_text(json.dumps(running, indent=2) + "\n")
    draft.replace(state / NOTE)


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
