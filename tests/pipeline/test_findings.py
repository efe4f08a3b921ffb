"""A rehearsal that would change what is there ends the relocation before anything is imported.

No export can do that with the built-in catalogue, so the cell has one of its own, in which a user whose name is
taken replaces the user who has it."""

import pytest
from local_stack.paths import ROOT
from support.exports import Exports, account, acme
from support.target import Target
from support.waiting import eventually

CATALOG = "catalogs/test.toml"
PARAMETERS = {"Catalog": CATALOG}
HARMLESS = '  "merge-if-taken(username)",\n  "suffix-if-taken(username)",\n'


@pytest.fixture(scope="module")
def uuid(target: Target, exports: Exports) -> str:
    target.seed([*account(1, "admin", is_staff=True), *account(2, "acme-ada", name="Ours")])
    return target.submit("admin", ["acme"], exports.seal(acme()))


@pytest.fixture(scope="module", autouse=True)
def harmful(target: Target) -> None:
    """Stores the catalogue before the functions start, because they read it then."""
    builtin = (ROOT / "shared/catalog/sentry.toml").read_text()
    assert builtin.count(HARMLESS) == 1
    changed = builtin.replace(HARMLESS, '  "replace-automatic(username)",\n')
    bucket = target.cell.outputs["ArtifactsBucket"]
    target.cell.client("s3").put_object(Bucket=bucket, Key=CATALOG, Body=changed.encode())


def test_a_finding_ends_the_relocation(target: Target, uuid: str) -> None:
    record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "validation-findings")
    assert record["latestTask"] == "validating_complete"
    assert (record["importedUserIds"], record["importedOrgIds"]) == ([], [])
    (mail,) = eventually(lambda: [one for one in target.mails() if "validation-findings" in one["BodyText"]])
    assert mail["To"] == ["admin@example.com"]


def test_the_findings_say_what_would_change(target: Target, uuid: str) -> None:
    target.ended(uuid)
    s3, bucket = target.cell.client("s3"), target.cell.outputs["ArtifactsBucket"]
    path = f"runs/{uuid}/findings/compare-colliding-users-1.json"
    findings = s3.get_object(Bucket=bucket, Key=path)["Body"].read().decode()
    assert "sentry.user" in findings
    assert "acme-ada@example.com" not in findings


def test_the_user_who_is_here_is_untouched(target: Target, uuid: str) -> None:
    target.ended(uuid)
    key = {"pk": f"sentry.user#{0:020}", "sk": f"{2:020}"}
    assert target.table("ControlTable").get_item(Key=key)["Item"]["fields"]["name"] == "Ours"
