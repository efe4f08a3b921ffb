"""A relocation as a customer asks for it, of an export in which everything secret is marked.

`tests/afterwards` looks for the marks, as for all secrets, wherever they do not belong. The functions log all that they
can, and the cell has a catalogue of its own, so that more can go wrong than elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from local_stack.paths import ROOT
from support.exports import Exports, Row, account, member, organization, row, user
from support.faults import Faults
from support.target import Target
from support.waiting import eventually
from test_tables import row_key, unique_key

CATALOG = "catalogs/test.toml"
PARAMETERS = {"Catalog": CATALOG, "LogLevel": "debug"}

LONG_AGO = "2024-01-01T00:00:00.000Z"
HASH = "pbkdf2_sha256$720000$0123456789abcdefghijkl$"


@dataclass(frozen=True)
class Marks:
    """Texts that stand nowhere but in what is secret."""

    # In fields that are told by their names.
    secret: tuple[str, ...] = (
        f"{HASH}marked-password=",
        "markednonce1",
        "markedvalidationhash000000000000",
        "marked-token-0123456789",
        "marked0secret0key000000000000000",
    )
    addresses: tuple[str, ...] = ("marked-theirs@example.com", "marked-invited@example.com", "marked-ada@example.com")
    # The import makes the others anew, or drops them.
    kept: tuple[str, ...] = ("marked-token-0123456789", "marked0secret0key000000000000000", *addresses)


MARKS = Marks()
PASSWORD, NONCE, VALIDATION_HASH, TOKEN, SECRET_KEY = MARKS.secret
ADDRESS, INVITED, _ = MARKS.addresses


def export(slug: str) -> list[Row]:
    """An organisation with a secret in everything that has one."""
    marked = {"email": ADDRESS, "password": PASSWORD, "session_nonce": NONCE}
    invited = row("organizationmember", 3, organization=1, email=INVITED, role="member", token=TOKEN)
    return [
        organization(1, slug),
        user(1, f"{slug}-ada", **marked),
        user(2, f"{slug}-bo", **marked),
        row("project", 1, name="Web", slug="web", organization=1, status=0),
        member(1, 1, 1, "owner"),
        member(2, 1, 2),
        invited,
        row("useremail", 1, user=1, email=ADDRESS, validation_hash=VALIDATION_HASH, is_verified=True),
        row("projectkey", 1, project=1, label="One", public_key="c" * 32, secret_key=SECRET_KEY, status=0),
    ]


def with_a_name_too_long(rows: list[Row]) -> list[Row]:
    """A user whose name is refused."""
    return [*rows, user(3, "cy", email=ADDRESS, password=PASSWORD, name="x" * 300), member(4, 1, 3)]


def with_a_member_too_many(rows: list[Row]) -> list[Row]:
    """One who is both a user and invited."""
    return [*rows, row("organizationmember", 4, organization=1, user_id=2, email=INVITED, role="member", token=TOKEN)]


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    """What is here before: a catalogue, options, and users of whom one has a name that is wanted."""
    builtin = (ROOT / "shared/catalog/sentry.toml").read_bytes()
    target.cell.client("s3").put_object(Bucket=target.cell.outputs["ArtifactsBucket"], Key=CATALOG, Body=builtin)
    for name, value in (("relocation.enabled", "true"), ("relocation.daily-limit.small", "1")):
        target.relocations.put_item(Item={"pk": "OPTION", "sk": name, "value": value})
    people = [*account(1, "admin", is_staff=True, password=PASSWORD), *account(2, "customer"), *account(3, "owner-3")]
    target.seed([*people, *account(4, "owner-4"), *account(5, "marked-ada", session_nonce=NONCE)])


@pytest.fixture(scope="module")
def uuid(target: Target, exports: Exports) -> str:
    """The customer's relocation, which waits for its users to be told."""
    target.source("notifying-users").enable(False)
    customer, file = target.user(2, "customer"), exports.seal(export("marked"))
    uuid = customer.create("customer", ["marked"], file.stat().st_size)["uuid"]
    run, postponed = target.cell.function("validation-run"), "ChangeMessageVisibility"
    with Faults().broken(run, "fail", operation="GetObjectVersion", every=True):
        customer.upload(uuid, file)
        eventually(lambda: postponed in {one["operation"] for one in Faults().calls(run)}, what="the run is put off")
    eventually(lambda: target.source("notifying-users").waiting() == 1, what="its users are about to be told")
    return uuid


@pytest.fixture(scope="module")
def claims(target: Target, uuid: str) -> dict[int, dict[str, Any]]:
    """The hashes with which the imported users claim their accounts, when one has grown old and one is lost."""
    old, lost = target.staff.relocation(uuid)["importedUserIds"]
    control = target.table("ControlTable")
    found = {one["fields"]["user"]: one for one in rows(control, "sentry.lostpasswordhash")}
    before = {pk: found[pk] for pk in (old, lost)}
    control.update_item(
        Key={"pk": before[old]["pk"], "sk": before[old]["sk"]},
        UpdateExpression="SET #fields.date_added = :long_ago",
        ExpressionAttributeNames={"#fields": "fields"},
        ExpressionAttributeValues={":long_ago": LONG_AGO},
    )
    control.delete_item(Key={"pk": before[lost]["pk"], "sk": before[lost]["sk"]})
    control.delete_item(Key=unique_key("sentry.lostpasswordhash", ["user"], [int(lost)]))
    target.source("notifying-users").enable(True)
    return before


def test_a_customer_may_relocate_once_a_day(target: Target, uuid: str) -> None:
    answer = target.user(2, "customer").create("customer", ["marked"], 1000, status=429)
    assert answer["code"] == "daily-limit-reached"


def test_a_claim_that_is_old_or_lost_is_made_anew(
    target: Target, uuid: str, claims: dict[int, dict[str, Any]]
) -> None:
    record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    control = target.table("ControlTable")
    now = {one["fields"]["user"]: one["fields"] for one in rows(control, "sentry.lostpasswordhash")}
    for pk, before in claims.items():
        assert now[pk]["hash"] != before["fields"]["hash"]
        assert now[pk]["date_added"] > LONG_AGO


@pytest.mark.parametrize(
    ("owner", "slug", "broken"),
    [("owner-3", "long", with_a_name_too_long), ("owner-4", "many", with_a_member_too_many)],
)
def test_a_row_that_is_wrong_fails_its_relocation(
    target: Target, exports: Exports, owner: str, slug: str, broken: Callable[[list[Row]], list[Row]]
) -> None:
    uuid = target.submit(owner, [slug], exports.seal(broken(export(slug))))
    record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "validation-findings")


def rows(table: Any, model: str) -> list[dict[str, Any]]:
    """The rows of a model, as far as they are in its first block."""
    key = row_key(model, 0)["pk"]
    condition = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": key}}
    return table.query(**condition)["Items"]
