"""Fixtures: what the tests of the pipeline left in the emulator and in the state folder."""

import json
import os
from pathlib import Path

import pytest
from local_stack import deployment, functions
from local_stack.deployment import Cell

ACCOUNT = "300000000000"

# Named as in the tests whose cells have a catalogue of their own, so that what they do is compared with what it may.
PARAMETERS = {"Catalog": "catalogs/test.toml"}


@pytest.fixture(scope="session")
def endpoint() -> str:
    """The emulator that `tests/run` started."""
    found = os.environ.get("RELOCATE_TEST_ENDPOINT")
    if not found:
        pytest.exit("start these with tests/run: they look at what its other tests left", returncode=2)
    return found


@pytest.fixture(scope="session")
def state() -> Path:
    """Where the tests of the pipeline and the proxy left their notes."""
    return Path(os.environ["RELOCATE_TEST_STATE"])


@pytest.fixture(scope="session")
def whole() -> None:
    """Only after all of the pipeline's tests: what none of a few tests needed, another may need."""
    if "RELOCATE_TEST_WHOLE" not in os.environ:
        pytest.skip("only after all tests of the pipeline")


@pytest.fixture(scope="session")
def cells(state: Path, endpoint: str) -> list[Cell]:
    """The cells that the tests of the pipeline deployed."""
    outputs = {path.parent.name: json.loads(path.read_text()) for path in sorted(state.glob("*/outputs.json"))}
    if not outputs:
        pytest.skip("only after other tests")
    return [Cell(account, endpoint, found, None) for account, found in outputs.items()]


@pytest.fixture(scope="session")
def cell(endpoint: str, state: Path) -> Cell:
    """A cell that no other test has touched, for what is asked of the template as it is deployed."""
    folder = state / ACCOUNT
    folder.mkdir(exist_ok=True)
    binaries = functions.binaries(Path(os.environ["RELOCATE_TEST_BINARIES"]))
    return deployment.deploy(ACCOUNT, endpoint, binaries, folder, PARAMETERS)
