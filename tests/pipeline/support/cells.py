"""Cells for tests: deployed into accounts of their own, and looked at once more before they are left."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local_stack import deployment, functions

from .target import Target
from .waiting import eventually

# What is under way when a file's last test ends has come to its end by then, or hangs.
REST_SECONDS = 60


@contextmanager
def deployed(name: str, endpoint: str, binaries: Path, parameters: Mapping[str, str]) -> Iterator[Target]:
    """A cell in the account that goes with a name, which nobody else uses."""
    account = _account(name)
    state = Path(os.environ["RELOCATE_TEST_STATE"]) / account
    state.mkdir(parents=True, exist_ok=True)
    cell = deployment.deploy(account, endpoint, functions.binaries(binaries), state, parameters)
    # For `tests/afterwards`, which looks at what all files of tests left behind.
    (state / "outputs.json").write_text(json.dumps(cell.outputs))
    target = Target(cell, binaries)
    try:
        yield target
        _come_to_rest(target)
    finally:
        _silence(cell)


def _account(name: str) -> str:
    """Twelve digits that nobody else uses: another account is another world."""
    return f"{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**11 + 10**11:012d}"


def _come_to_rest(target: Target) -> None:
    """Nothing hangs: whatever a test has done, no run of the state machine waits for ever.

    A relocation that is paused, or has not got its file, has no run. One that has a run goes on or fails, so that its
    run ends; a test that stops it on purpose, by disabling a queue, enables the queue again.
    """
    eventually(lambda: not running(target), REST_SECONDS, "no run of the state machine is left")


def running(target: Target) -> list[str]:
    """The runs of the state machine that have not ended, as `<uuid>-<generation>`."""
    states = target.cell.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=target.cell.outputs["StateMachine"], statusFilter="RUNNING"
    )
    return [run["name"] for page in pages for run in page["executions"]]


def _silence(cell: deployment.Cell) -> None:
    """Lets the emulator forget the cell's event sources and functions.

    It would ask the sources for ever, and look ten times a second whether there is something to do for each process of
    a function: those of some hundred functions leave it too little time for the tests that are still to come.
    """
    functions = cell.client("lambda")
    for mapping in functions.get_paginator("list_event_source_mappings").paginate().search("EventSourceMappings[]"):
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    for function in functions.get_paginator("list_functions").paginate().search("Functions[]"):
        functions.delete_function(FunctionName=function["FunctionName"])
