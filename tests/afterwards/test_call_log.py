"""What functions log of their calls, at level debug, is what went over the wire."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.deployment import Cell
from places import grouped_logs

SAID = "AWS was called"
SERVICES = {
    "DynamoDB": "dynamodb",
    "EventBridge": "events",
    "KMS": "kms",
    "S3": "s3",
    "SESv2": "ses",
    "SFN": "states",
    "SQS": "sqs",
}

# A function's calls, each as service and operation.
Calls = dict[str, Counter[tuple[str, str]]]


@pytest.mark.usefixtures("whole")
def test_every_call_is_logged_and_no_other(cells: list[Cell], state: Path) -> None:
    logged = {name: calls for cell in cells for name, calls in said(cell).items()}
    assert len(logged) > 10, "some cell logs at level debug"
    wire = on_the_wire(state / "calls.jsonl")
    sent = {function: wire[function] for function in logged}
    for function, calls in logged.items():
        assert calls <= sent[function], function
    # A call that was given up half-way is on the wire alone, and a busy emulator loses last lines of a log.
    assert total(logged).keys() == total(sent).keys()
    assert total(logged).total() >= 0.9 * total(sent).total()


def total(calls: Calls) -> Counter[tuple[str, str]]:
    """The calls of all functions."""
    return sum(calls.values(), Counter())


def said(cell: Cell) -> Calls:
    """What a cell's functions logged."""
    calls: Calls = {}
    for function, line in function_logs(cell):
        if SAID in line:
            entry = json.loads(line)
            call = (SERVICES[entry["service"]], entry["operation"])
            calls.setdefault(function, Counter())[call] += entry["sent"]
    return calls


def function_logs(cell: Cell) -> Iterator[tuple[str, str]]:
    """The lines of the logs of functions, with the function."""
    for group, line in grouped_logs(cell):
        if found := re.fullmatch(r"/aws/lambda/(.+)", group):
            yield found[1], line


def on_the_wire(path: Path) -> Calls:
    """What the proxy saw."""
    calls: Calls = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        # A version is a parameter of the same operation.
        operation = entry["operation"].removesuffix("Version") if entry["service"] == "s3" else entry["operation"]
        calls.setdefault(entry["function"], Counter())[entry["service"], operation] += 1
    return calls
