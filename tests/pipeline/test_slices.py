"""An import of any size fits, because it is done in slices of time; in how many, nobody can tell by the result."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cells import deployed
from support.exports import Exports, Row, account, read
from support.faults import Faults
from support.state import State, Tables
from support.target import Target

PARAMETERS = {"SliceSeconds": "0.2"}
# Each write takes as long as a slice, so that however fast the machine is, what is written at once takes a turn.
WRITE_SECONDS = 0.2
# Names may be made up, so that batches of users are written one after the other: these are more than five.
USERS = 60
MODELS = ["organization", "user", "organizationmember", "team", "project"]


@pytest.fixture(scope="module")
def whole(endpoint: str, binaries: Path) -> Iterator[Target]:
    """A cell whose slices are as long as on AWS."""
    with deployed(f"{__name__}-whole", endpoint, binaries, {}) as target:
        yield target


@pytest.fixture(scope="module")
def rows(exports: Exports) -> list[Row]:
    rows = read(exports.generate(orgs=1, users=USERS))
    return [row for row in rows if row["model"].removeprefix("sentry.") in MODELS]


def test_an_import_in_many_slices_comes_to_the_same_as_in_one(
    target: Target, whole: Target, exports: Exports, rows: list[Row]
) -> None:
    with Faults().broken(
        target.cell.function("importing"),
        "delay",
        seconds=WRITE_SECONDS,
        every=True,
        service="dynamodb",
        operation="TransactWriteItems",
    ):
        sliced, visits = relocate(target, exports, rows)
    expected, visit = relocate(whole, Exports(exports.program, exports.folder, whole.public_key, exports.numbers), rows)

    assert [one["attempts"] for one in visit] == [1], "one slice is one turn"
    assert len(visits) >= 5
    assert {one["attempts"] for one in visits} == {1}, "a turn that saved progress is no attempt"
    for part, content in expected.items():
        assert sliced[part] == content, part


def relocate(target: Target, exports: Exports, rows: list[Row]) -> tuple[State, list[dict[str, Any]]]:
    """What a relocation of the rows adds to the tables, and the visits to `importing` that it took."""
    target.seed([*account(1, "admin", is_staff=True), *account(2, "owner")])
    before = Tables.of(target)
    slugs = [row["fields"]["slug"] for row in rows if row["model"] == "sentry.organization"]
    uuid = target.submit("owner", slugs, exports.seal(rows))
    record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    tables = Tables.of(target)
    assert tables.strays(before, uuid) == set()
    return tables.relocated(uuid, rows), [one for one in target.tasks(uuid) if one["task"] == "importing"]
