"""Fixtures: the emulator that all tests share, and a cell of its own for each file of tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cells import deployed
from support.exports import Exports
from support.target import Target
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# What keeps the emulator busy for minutes: one after the other, each beside files that leave it time. They begin first, so
# that no worker waits for the other's at the end.
HEAVY = ("test_killed.py", "test_memory.py")


class HeavyOneByOne(LoadFileScheduling):
    """A file of tests is one worker's, and so are all that are heavy."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "heavy" if Path(file).name in HEAVY else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> HeavyOneByOne:
    return HeavyOneByOne(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in HEAVY)


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
    parameters = getattr(request.module, "PARAMETERS", {})
    with deployed(request.module.__name__, endpoint, binaries, parameters) as target:
        yield target


@pytest.fixture(scope="module")
def exports(target: Target, binaries: Path) -> Exports:
    """Makes exports for the cell, where `tests/afterwards` finds them."""
    folder = Path(os.environ["RELOCATE_TEST_STATE"]) / target.cell.account / "exports"
    folder.mkdir()
    return Exports.into(folder, binaries, target.public_key)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what tests recorded as their `summary`, because the output of tests that pass is not shown."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "summary":
                terminalreporter.section(report.nodeid)
                terminalreporter.write_line(text)
