"""The state is in the tables, row by row. What stands here is written from the table of keys in the README of
`shared/platform` alone: no code of the product is used to read the tables or to write into them."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from support.exports import Exports, account, member, organization, row, user
from support.target import Target

OURS = 77
PROJECT = 5


def row_key(model: str, pk: int) -> dict[str, str]:
    return {"pk": f"{model}#{pk // 256:020}", "sk": f"{pk:020}"}


def unique_key(model: str, fields: list[str], values: list[Any]) -> dict[str, str]:
    """The values as a compact JSON array in UTF-8; whoever calls lower-cases where case is ignored."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return {"pk": f"U#{model}#{'+'.join(fields)}#{digest}", "sk": "UNIQUE"}


@pytest.fixture(scope="module")
def cell(target: Target) -> Any:
    return target.table("CellTable")


@pytest.fixture(scope="module")
def ours(cell: Any) -> dict[str, Any]:
    """An organisation that a stranger writes before anything is imported: the row, its slug, its block."""
    fields = {"name": "Ours", "slug": "acme", "status": Decimal(0), "flags": Decimal(1)}
    item = row_key("sentry.organization", OURS) | {"fields": fields}
    cell.put_item(Item=item)
    cell.put_item(Item=unique_key("sentry.organization", ["slug"], ["acme"]) | {"holder": OURS})
    cell.put_item(Item={"pk": "BLOCKS#sentry.organization", "sk": f"{OURS // 256:020}"})
    return item


@pytest.fixture(scope="module")
def record(target: Target, exports: Exports, ours: dict[str, Any]) -> dict[str, Any]:
    target.seed(account(1, "admin", is_staff=True))
    uuid = target.submit(
        "admin",
        ["acme"],
        exports.seal(
            [
                organization(1, "acme"),
                user(1, "ada"),
                row("project", PROJECT, name="Web", slug="web", organization=1, status=0),
                row("projectkey", 1, project=PROJECT, label="One", public_key="a" * 32, secret_key="b" * 32, status=0),
                row("projectkey", 2, project=PROJECT, label="Two", public_key="c" * 32, secret_key="d" * 32, status=0),
                member(1, 1, 1, "owner"),
            ]
        ),
    )
    ended = target.ended(uuid)
    assert ended["status"] == "SUCCESS", ended["failureReason"]
    return ended


@pytest.fixture(scope="module")
def project(cell: Any, record: dict[str, Any]) -> int:
    """The primary key of the imported project, by the organisation that it refers to."""
    (imported,) = record["importedOrgIds"]
    (pk,) = referring(cell, "fk0", "sentry.project.organization", imported)
    return pk


def referring(cell: Any, index: str, key: str, target: int) -> list[int]:
    found = cell.query(IndexName=index, KeyConditionExpression=Key(index).eq(f"{key}#{target:020}"))
    return [int(item["sk"]) for item in found["Items"]]


def test_a_project_is_found_by_its_primary_key(cell: Any, record: dict[str, Any], project: int) -> None:
    item = cell.get_item(Key=row_key("sentry.project", project), ConsistentRead=True)["Item"]
    assert (item["fields"]["name"], item["fields"]["slug"]) == ("Web", "web")
    assert item["fields"]["organization"] == record["importedOrgIds"][0]


def test_its_keys_are_found_by_their_foreign_key(cell: Any, project: int) -> None:
    found = referring(cell, "fk0", "sentry.projectkey.project", project)
    rows = [cell.get_item(Key=row_key("sentry.projectkey", pk))["Item"]["fields"] for pk in found]
    assert sorted(fields["label"] for fields in rows) == ["One", "Two"]
    assert sorted(fields["public_key"] for fields in rows) == ["a" * 32, "c" * 32]


def test_its_slug_leads_to_it(cell: Any, record: dict[str, Any], project: int) -> None:
    key = unique_key("sentry.project", ["organization", "slug"], [record["importedOrgIds"][0], "web"])
    assert cell.get_item(Key=key)["Item"]["holder"] == project


def test_what_a_stranger_wrote_is_untouched(cell: Any, record: dict[str, Any], ours: dict[str, Any]) -> None:
    assert cell.get_item(Key=row_key("sentry.organization", OURS))["Item"] == ours
    assert cell.get_item(Key=unique_key("sentry.organization", ["slug"], ["acme"]))["Item"]["holder"] == OURS


def test_its_slug_is_taken(cell: Any, record: dict[str, Any]) -> None:
    (imported,) = record["importedOrgIds"]
    assert imported != OURS
    slug = cell.get_item(Key=row_key("sentry.organization", imported))["Item"]["fields"]["slug"]
    assert slug.startswith("acme-")
    holder = cell.get_item(Key=unique_key("sentry.organization", ["slug"], [slug]))["Item"]["holder"]
    assert holder == imported


def test_its_journal_names_the_membership_that_no_file_had(cell: Any, record: dict[str, Any]) -> None:
    """All that undoing it takes beside its plan and its chunks: nothing of others was replaced."""
    found = cell.query(KeyConditionExpression=Key("pk").eq(f"J#{record['uuid']}"))["Items"]
    members = referring(cell, "fk0", "sentry.organizationmember.organization", record["importedOrgIds"][0])
    (owner,) = (pk for pk in members if _member(cell, pk)["user_id"] == record["owner"]["id"])
    assert found == [{"pk": f"J#{record['uuid']}", "sk": f"sentry.organizationmember#{owner:020}"}]


def _member(cell: Any, pk: int) -> dict[str, Any]:
    return cell.get_item(Key=row_key("sentry.organizationmember", pk), ConsistentRead=True)["Item"]["fields"]
