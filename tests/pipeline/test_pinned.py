"""The bytes that were found good are the bytes that are imported, whatever is put in their place afterwards."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.exports import Exports, Row, account, acme
from support.state import State, Tables
from support.target import Target
from support.waiting import eventually

# What stands in the second export alone; no table, mail or artifact may have it.
SECOND = "intruder"


@dataclass(frozen=True)
class Swap:
    """When the file is replaced, and where: before this task reads it, in this bucket."""

    before: str
    bucket: str
    key: str


UPLOAD = ("UploadsBucket", "uploads/{}/raw-relocation-data.tar")
COPY = ("ArtifactsBucket", "runs/{}/in/raw-relocation-data.tar")
SWAPS = [
    Swap("preprocessing-scan", *UPLOAD),
    Swap("preprocessing-transfer", *UPLOAD),
    Swap("validation-run", *COPY),
    Swap("importing", *COPY),
]


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(n, f"owner-{n}") for n in range(2, 3 + len(SWAPS))]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


@pytest.fixture(scope="module")
def undisturbed(target: Target, exports: Exports) -> State:
    return relocated(target, target.submit("owner-2", ["first-2"], exports.seal(acme("first-2"))), 2)


@pytest.mark.parametrize(("number", "swap"), list(enumerate(SWAPS, 3)), ids=[swap.before for swap in SWAPS])
def test_what_is_put_in_the_place_of_the_file_is_not_imported(
    target: Target, exports: Exports, undisturbed: State, number: int, swap: Swap
) -> None:
    first, second = exports.seal(acme(f"first-{number}")), exports.seal(intruders(number))
    queue = target.source(swap.before)
    with queue.held():
        uuid = target.submit(f"owner-{number}", [f"first-{number}"], first)
        eventually(lambda: queue.waiting() == 1, what=f"the relocation is before {swap.before}")
        put(target, uuid, swap, second)

    assert relocated(target, uuid, number) == undisturbed
    s3 = target.cell.client("s3")
    newest = s3.get_object(Bucket=target.cell.outputs[swap.bucket], Key=swap.key.format(uuid))["Body"].read()
    assert newest == second.read_bytes(), "the second file is the newest under this key"
    seen = json.dumps([Tables.of(target).silos, target.mails()], default=str)
    assert f"first-{number}" in seen
    assert SECOND not in seen.lower()


def intruders(number: int) -> list[Row]:
    """An export that would pass every check too: the same organisation, with somebody else in it."""
    organization, user, member = acme(f"first-{number}")
    user["fields"] |= {"username": f"{SECOND}-{number}", "email": f"{SECOND}-{number}@example.com"}
    organization["fields"]["name"] = SECOND.title()
    return [organization, user, member]


def put(target: Target, uuid: str, swap: Swap, file: Path) -> None:
    """Puts a file into the place of the one that is there, which becomes an older version."""
    bucket = target.cell.outputs[swap.bucket]
    target.cell.client("s3").put_object(Bucket=bucket, Key=swap.key.format(uuid), Body=file.read_bytes())


def relocated(target: Target, uuid: str, number: int) -> State:
    """What a relocation that succeeded has added, whichever its number."""
    record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    names = {f"first-{number}": "<slug>", f"First-{number}": "<Slug>", f"owner-{number}": "<owner>"}
    return Tables.of(target).relocated(uuid, acme(f"first-{number}"), names)
