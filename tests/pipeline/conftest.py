"""Fixtures: the emulator that all tests share, and a cell of its own for each file of tests."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack import deployment, functions
from support.exports import Exports
from support.target import Target


@pytest.fixture(scope="session")
def endpoint() -> str:
    """The emulator that `tests/run` started."""
    found = os.environ.get("RELOCATE_TEST_ENDPOINT")
    if not found:
        pytest.exit("start these with tests/run: it builds the functions and starts the emulator", returncode=2)
    return found


@pytest.fixture(scope="session")
def binaries() -> Path:
    """Where the built programs are."""
    return Path(os.environ["RELOCATE_TEST_BINARIES"])


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest, endpoint: str, binaries: Path) -> Iterator[Target]:
    """A cell in an account of its own. A file of tests may set `PARAMETERS` of the template for it."""
    account = _account(request.module.__name__)
    parameters = getattr(request.module, "PARAMETERS", {})
    state = Path(os.environ["RELOCATE_TEST_STATE"]) / account
    state.mkdir(parents=True, exist_ok=True)
    cell = deployment.deploy(account, endpoint, functions.binaries(binaries), state, parameters)
    # For `tests/afterwards`, which looks at what all files of tests left behind.
    (state / "outputs.json").write_text(json.dumps(cell.outputs))
    yield Target(cell, binaries)
    _silence(cell)


@pytest.fixture(scope="module")
def exports(target: Target, binaries: Path) -> Exports:
    """Makes exports for the cell, where `tests/afterwards` finds them."""
    folder = Path(os.environ["RELOCATE_TEST_STATE"]) / target.cell.account / "exports"
    folder.mkdir()
    return Exports.into(folder, binaries, target.public_key)


def _account(name: str) -> str:
    """Twelve digits that nobody else uses: another account is another world."""
    return f"{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10**11 + 10**11:012d}"


def _silence(cell: deployment.Cell) -> None:
    """Lets the emulator forget the cell's event sources, so that it does not ask them for ever."""
    functions = cell.client("lambda")
    for mapping in functions.get_paginator("list_event_source_mappings").paginate().search("EventSourceMappings[]"):
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
