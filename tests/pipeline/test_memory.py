"""Functions stay within the memory that the template gives them, however much there is to relocate.

The emulator does not enforce that limit, so it is the processes that are measured, at each of their calls.
`RELOCATE_TEST_FULL=1` relocates as much as a cell has to stand, which takes some minutes, and a tenth of it otherwise.
What was measured is left in `.local/memory.json`.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from local_stack.paths import STATE
from support.client import submit_twice
from support.exports import Exports, account, acme, organization, read, row
from support.faults import Faults
from support.target import Target

# With the least that a sandbox may have, the scan looks closely at whether a file fits.
PARAMETERS = {"ValidationMemory": "1024", "ValidationTimeoutSeconds": "900"}

# The functions that every byte of a file passes, and what they may take whatever the file's size.
PASSING = ["api", "uploading-complete", "preprocessing-scan", "preprocessing-transfer"]
PASSING_MIB = 256

# What the command line may take to upload it.
CLIENT_MIB = 64

# The functions that look at every row, and the number of rows that they have to stand.
HOLDING = ["preprocessing-scan", "validation-run", "importing"]
ROWS = 100_000

# Nearly the longest row that is read.
LONG_ROW_BYTES = 1_000_000

# The organisation that has such rows, by a key that no generated one has.
ELSEWHERE = 10**6


@dataclass(frozen=True)
class Sizes:
    """How large the files are: some 210 rows and 50 KB an organisation, and 20 rows a project."""

    tarball_mib: int
    organizations: int
    long_rows: int
    rows: int
    projects: int
    deadline: float


SIZES = (
    Sizes(tarball_mib=1024, organizations=1_600, long_rows=740, rows=ROWS, projects=244, deadline=1800)
    if os.environ.get("RELOCATE_TEST_FULL") == "1"
    else Sizes(tarball_mib=200, organizations=400, long_rows=140, rows=10_000, projects=21, deadline=120)
)


@dataclass(frozen=True)
class Measured:
    """A relocation that has ended, and the most that functions have taken until then."""

    record: dict[str, Any]
    peaks_mib: dict[str, float]
    seconds: dict[str, float]
    client_mib: float = 0


@pytest.fixture(scope="module")
def few(target: Target, exports: Exports) -> Measured:
    """The least that can be relocated."""
    target.seed([*account(1, "admin", is_staff=True), *account(2, "olga"), *account(3, "otto"), *account(4, "omar")])
    return relocated(target, "otto", ["few"], exports.seal(acme("few")))


@pytest.fixture(scope="module")
def many(target: Target, few: Measured, exports: Exports) -> Measured:
    """Many rows, all of them wanted."""
    export = exports.generate(orgs=20, projects=SIZES.projects)
    rows = read(export)
    assert len(rows) >= SIZES.rows
    slugs = [row["fields"]["slug"] for row in rows if row["model"] == "sentry.organization"]
    return relocated(target, "omar", slugs, exports.seal(export))


@pytest.fixture(scope="module")
def passed(target: Target, many: Measured, exports: Exports) -> Measured:
    """A large tarball, of which one organisation is wanted. It comes last, because peaks only rise."""
    tarball = large_tarball(exports)
    assert tarball.stat().st_size >= SIZES.tarball_mib * 1024 * 1024
    uuid, client_mib = submit_twice(target, "olga", ["acme"], tarball)
    tarball.unlink()
    return measured(target, uuid, client_mib)


@pytest.fixture(scope="module", autouse=True)
def figures(few: Measured, many: Measured, passed: Measured) -> None:
    """Leaves what was measured for who wants to compare it."""
    found = {"sizes": asdict(SIZES), "few": few, "many": many, "tarball": passed}
    text = json.dumps(found, default=lambda one: {"peaksMib": one.peaks_mib, "seconds": one.seconds, "clientMib": one.client_mib}, indent=2)
    (STATE / "memory.json").write_text(text)


def test_a_large_tarball_passes_in_little_memory(passed: Measured) -> None:
    assert passed.record["status"] == "SUCCESS", passed.record["failureReason"]
    assert all(0 < passed.peaks_mib[function] < PASSING_MIB for function in PASSING), passed.peaks_mib


def test_a_client_that_was_interrupted_sends_the_rest_in_little_memory(passed: Measured) -> None:
    assert passed.record["status"] == "SUCCESS", passed.record["failureReason"]
    assert 0 < passed.client_mib < CLIENT_MIB


@pytest.mark.parametrize("function", HOLDING)
def test_many_rows_stay_within_a_functions_memory(target: Target, few: Measured, many: Measured, function: str) -> None:
    assert many.record["status"] == "SUCCESS", many.record["failureReason"]
    before, after = few.peaks_mib[function], many.peaks_mib[function]
    assert 0 < before <= after
    # What this many rows took, for as many as the function has to stand.
    expected = before + (after - before) * ROWS / SIZES.rows
    assert expected < memory_mib(target, function), (before, after)


def large_tarball(exports: Exports) -> Path:
    """A sealed export of many organisations, one of them acme and one with long rows."""
    generated = exports.generate(orgs=SIZES.organizations, slugs="acme")
    export = exports.file(b"")
    with generated.open("rb") as rest, export.open("wb") as out:
        out.write(b"[" + json.dumps(organization(ELSEWHERE, "elsewhere")).encode())
        for pk in range(ELSEWHERE, ELSEWHERE + SIZES.long_rows):
            long = {"organization": ELSEWHERE, "key": f"long-{pk}", "value": "x" * LONG_ROW_BYTES}
            out.write(b"," + json.dumps(row("organizationoption", pk, **long)).encode())
        out.write(b",")
        assert rest.read(1) == b"["
        out.write(rest.read())
    sealed = exports.seal(export)
    export.unlink()  # Too large to be kept twice.
    return sealed


def relocated(target: Target, owner: str, slugs: list[str], file: Path) -> Measured:
    """Relocates a file to the end."""
    uuid = target.submit(owner, slugs, file)
    file.unlink()
    return measured(target, uuid)


def measured(target: Target, uuid: str, client_mib: float = 0) -> Measured:
    """What it took until a relocation had ended."""
    record = target.ended(uuid, SIZES.deadline)
    names = {*PASSING, *HOLDING}
    peaks = {name: Faults().peak_kib(target.cell.function(name)) / 1024 for name in sorted(names)}
    seconds: dict[str, float] = {}
    for visit in target.tasks(uuid):
        seconds[visit["task"]] = seconds.get(visit["task"], 0) + visit["seconds"]
    return Measured(record, peaks, seconds, client_mib)


def memory_mib(target: Target, function: str) -> int:
    """The memory that the template gives to a function."""
    name = target.cell.function(function)
    return target.cell.client("lambda").get_function_configuration(FunctionName=name)["MemorySize"]
