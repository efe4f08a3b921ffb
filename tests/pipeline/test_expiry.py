"""What a relocation keeps in buckets goes some time after its end, and not before."""

import json
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Key
from support.exports import Exports, account, acme
from support.target import Target

PARAMETERS = {"ArtifactRetentionDays": "7"}
LONG_AGO = "2020-01-01T00:00:00Z"


def test_files_go_some_days_after_the_end(target: Target, exports: Exports) -> None:
    target.seed([*account(1, "admin", is_staff=True), *account(2, "owner")])
    uuid = target.submit("owner", ["acme"], exports.seal(acme()))
    record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    kept = versions(target, uuid)
    assert {"raw-relocation-data.tar", "validation-plan.json"} <= {key.rsplit("/", 1)[1] for key in kept}

    entry = expiry(target, uuid)
    due = datetime.fromisoformat(json.loads(entry["entry"])["time"])
    assert due - datetime.fromisoformat(record["dateUpdated"]) == timedelta(days=7)
    target.sweep()
    assert versions(target, uuid) == kept, "its time has not come"

    move_to_the_past(target, entry)
    target.sweep()
    assert versions(target, uuid) == []
    assert target.staff.relocation(uuid)["status"] == "SUCCESS", "the record stays"


def versions(target: Target, uuid: str) -> list[str]:
    """The keys of all versions of all files of a relocation, in both buckets."""
    s3 = target.cell.client("s3")
    places = [("ArtifactsBucket", f"runs/{uuid}/"), ("UploadsBucket", f"uploads/{uuid}/")]
    found = [s3.list_object_versions(Bucket=target.cell.outputs[name], Prefix=prefix) for name, prefix in places]
    return [one["Key"] for page in found for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, [])]


def expiry(target: Target, uuid: str) -> dict[str, Any]:
    """The entry of the outbox that waits for its time."""
    key = Key("pk").eq(f"R#{uuid}") & Key("sk").begins_with("OUT#")
    entries = target.relocations.query(KeyConditionExpression=key, ConsistentRead=True)["Items"]
    (entry,) = (one for one in entries if "expireArtifacts" in json.loads(one["entry"])["dispatch"])
    return entry


def move_to_the_past(target: Target, entry: dict[str, Any]) -> None:
    """Lets the time of an entry of the outbox come."""
    content = json.loads(entry["entry"]) | {"time": LONG_AGO}
    due_at = "#".join([LONG_AGO, *entry["dueAt"].split("#")[1:]])
    target.relocations.put_item(Item=entry | {"entry": json.dumps(content), "dueAt": due_at})
