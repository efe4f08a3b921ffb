"""Each function's role allows what the function does, and nothing else."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from local_stack.deployment import Cell
from neighbours import CALLS, EFFECTIVE, UNASKABLE, Role
from permissions import Permission, granted, roles, used

# Permissions that are right although no test can see them used: function, action, resource, and why.
UNSEEN = [
    ("*", "logs:*", "*", "Lambda writes a function's log with its role"),
    ("*", "sqs:ReceiveMessage", "*", "Lambda polls a function's queue with its role"),
    ("*", "sqs:DeleteMessage", "*", "as above"),
    ("*", "sqs:GetQueueAttributes", "*", "as above"),
    ("outbox-relay", "dynamodb:*", "RelocationsTable/stream/*", "Lambda reads the stream with the function's role"),
    ("outbox-relay", "dynamodb:ListStreams", "*", "as above"),
    ("departure-relay", "dynamodb:*", "C*Table/stream/*", "Lambda reads the streams with the function's role"),
    ("departure-relay", "dynamodb:ListStreams", "*", "as above"),
    ("departure-relay", "dynamodb:GetItem", "C*Table", "only rows that an index did not show are deleted by it"),
    ("departure-relay", "dynamodb:PutItem", "C*Table", "as above"),
    ("departure-relay", "dynamodb:Query", "C*Table/index/*", "which index a key has, the catalogue says"),
    ("cascade-batch", "dynamodb:Query", "C*Table/index/*", "as above"),
    ("delete-rows", "dynamodb:Query", "C*Table*", "as above"),
    ("undo-relocation", "dynamodb:Query", "C*Table/index/*", "as above"),
    ("undo-relocation", "dynamodb:BatchGetItem", "ControlTable", "only what is restored is read in batches there"),
    ("undo-relocation", "sqs:ChangeMessageVisibility", "UndoQueue", "only a try that fails is put off"),
    ("delete-rows", "sqs:SendMessage", "DeletionQueue", "only what has more to do, or failed, is called for again"),
    ("cascade-batch", "s3:GetObject", "ArtifactsBucket/catalogs/*", "only a cell with a catalogue of its own reads it"),
    ("delete-rows", "s3:GetObject", "ArtifactsBucket/catalogs/*", "as above"),
    ("departure-relay", "s3:GetObject", "ArtifactsBucket/catalogs/*", "as above"),
    ("schedule-cascades", "s3:GetObject", "ArtifactsBucket/catalogs/*", "as above"),
    ("undo-relocation", "s3:GetObject", "ArtifactsBucket/catalogs/*", "as above"),
    ("tombstone-writer", "s3:GetObject", "ArtifactsBucket/catalogs/*", "as above"),
    ("schedule-cascades", "dynamodb:DeleteItem", "C*Table", "only an import that nobody closed is closed by it"),
    ("postprocessing", "dynamodb:UpdateItem", "CellTable", "only a primary key that was taken by hand is passed over"),
    ("notifying-users", "dynamodb:UpdateItem", "ControlTable", "as above"),
    ("notifying-users", "dynamodb:Query", "ControlTable", "as above"),
    ("*", "sqs:SendMessage", "UndeliveredQueue", "Lambda hands over what it gave up, with the function's role"),
    ("importing", "dynamodb:GetItem", "ControlTable", "only who loses a race for a batch looks its chunk up"),
    ("*", "s3:ListBucket", "*", "only an object that is missing needs it, to be told from a forbidden one"),
    ("*", "s3:AbortMultipartUpload", "*", "only an upload in parts that breaks off needs it, from 8 MiB on"),
    ("preprocessing-baseline-config", "dynamodb:*", "CellTable*", "a catalogue of one's own may keep config there"),
    ("preprocessing-*", "dynamodb:Query", "ControlTable", "and users' rows that are found by no key"),
    ("preprocessing-*", "dynamodb:Query", "ControlTable/index/*", "and more keys than the built-in one"),
]

# Resources that only a pattern can name, and why.
PATTERNS = [
    ("logs:*", "*:*", "Lambda names the streams of a group"),
    ("states:SendTaskSuccess", "*", "IAM knows no resource for it: the token is the credential"),
    ("dynamodb:ListStreams", "*", "IAM knows no resource for it"),
    ("states:StopExecution", "RelocationMachine:*", "an execution is named after its relocation"),
    ("s3:*", "UploadsBucket/uploads/*", "an object's name has its relocation's id, and is as its owner wishes"),
    ("s3:*", "ArtifactsBucket/runs/[*]/*", "an object's name has its relocation's id"),
    ("s3:DeleteObjectVersion", "ArtifactsBucket/runs/*", "all that a relocation left goes at once"),
    ("ses:SendEmail", "*", "the emulator knows neither the identity nor the condition of the template"),
]


@pytest.fixture(scope="module")
def allowed(cell: Cell) -> list[Permission]:
    """What all roles allow."""
    return granted(cell)


@pytest.fixture(scope="module")
def done(state: Path, endpoint: str) -> list[Permission]:
    """What all functions did."""
    return used(state / "uses.jsonl", endpoint)


def test_no_call_was_refused(state: Path) -> None:
    refused = [json.loads(line) for line in (state / "refused.jsonl").read_text().splitlines()]
    assert refused == []


def test_every_call_is_allowed(allowed: list[Permission], done: list[Permission]) -> None:
    missing = (use for use in done if not any(permission.allows(use) for permission in allowed))
    assert _lines(missing) == ""


@pytest.mark.usefixtures("whole")
def test_nothing_is_allowed_that_no_call_needs(allowed: list[Permission], done: list[Permission]) -> None:
    unused = [permission for permission in allowed if not any(permission.allows(use) for use in done)]
    assert _lines(permission for permission in unused if not _is_listed(permission)) == ""


def test_every_exception_is_one(allowed: list[Permission]) -> None:
    needless = [reason for *pattern, reason in UNSEEN if not any(_meets(one, pattern) for one in allowed)]
    needless += [reason for *pattern, reason in PATTERNS if not any(_meets(one, ["*", *pattern]) for one in allowed)]
    assert needless == []


def test_every_resource_is_named_that_can_be(allowed: list[Permission]) -> None:
    patterns = [permission for permission in allowed if "*" in permission.resource or "?" in permission.resource]
    assert patterns, "there are some to look at"
    unnamed = [one for one in patterns if not any(_meets(one, ["*", *pattern]) for *pattern, _ in PATTERNS)]
    assert _lines(unnamed) == ""
    assert _lines(permission for permission in allowed if "*" in permission.action) == ""


def test_a_role_is_refused_what_its_neighbours_may_do(cell: Cell, allowed: list[Permission]) -> None:
    """Every function tries everything that any function may do."""
    wanted = {(one.action, one.arn): one for one in allowed if not one.action.startswith("logs:")}
    assert {action for action, _ in wanted} == CALLS.keys() | EFFECTIVE.keys() | UNASKABLE.keys()
    wrong, refused = [], 0
    for function, arn in sorted(roles(cell).items()):
        role = Role(cell, arn)
        for one in wanted.values():
            may = any(own.allows(one.by(function)) for own in allowed)
            if one.action in UNASKABLE or (may and one.action in EFFECTIVE):
                continue
            is_refused = role.is_refused(one.action, one.arn)
            refused += is_refused
            if is_refused == may:
                wrong.append(f"{one.by(function)}: {'refused' if may else 'not refused'}")
    print(f"{refused} calls were refused")
    assert wrong == []
    assert refused


def _lines(permissions: Iterable[Permission]) -> str:
    """Permissions, so that a failure shows all of them."""
    return "\n".join(map(str, permissions))


def _is_listed(permission: Permission) -> bool:
    return any(_meets(permission, pattern) for *pattern, _ in UNSEEN)


def _meets(permission: Permission, pattern: list[str]) -> bool:
    named = (permission.function, permission.action, permission.resource)
    return all(fnmatchcase(name, wanted) for name, wanted in zip(named, pattern, strict=True))
