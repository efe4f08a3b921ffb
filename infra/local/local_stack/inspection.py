"""What tables, buckets and the mail service say of a relocation, seen from outside."""

import json
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from .deployment import client, resource

# What `importing` says it did, among a relocation's artifacts.
REPORT = "out/import-report.json"


def inspect(endpoint: str, account: str, outputs: Mapping[str, str], uuid: str) -> dict[str, Any] | None:
    """Everything at once, as `relocate demo` reads it; none when there is no such relocation."""
    table = resource("dynamodb", account, endpoint).Table(outputs["RelocationsTable"])
    record = table.get_item(Key={"pk": f"R#{uuid}", "sk": "REC"}, ConsistentRead=True).get("Item")
    if record is None:
        return None
    asked = _time(record["fields"]["dateAdded"]).timestamp()
    states, s3 = client("stepfunctions", account, endpoint), client("s3", account, endpoint)
    sent = (mail for mail in mails(endpoint, account) if mail["Timestamp"] >= asked)
    return {
        "tasks": tasks(table, states, outputs["StateMachine"], uuid),
        "mails": [{"to": ", ".join(mail["To"]), "subject": mail["Subject"]} for mail in sent],
        "artifacts": artifacts(s3, outputs["ArtifactsBucket"], uuid),
        "report": report(s3, outputs["ArtifactsBucket"], uuid),
    }


def tasks(table: Any, states: Any, machine: str, uuid: str) -> list[dict[str, Any]]:
    """The visits to tasks that have an outcome, in the order in which they ended. A visit takes from the end of
    the one before it, or from the start of its run, to its own end."""
    found = []
    # The sort key is DONE#<generation>#<task>#<turn>.
    visits = [(item["sk"].split("#"), item) for item in items(table, f"R#{uuid}", "DONE#")]
    visits.sort(key=lambda visit: (visit[0][1], visit[1]["endedAt"]))
    generation, before = None, None
    for (_, run, task, _), item in visits:
        if run != generation:
            generation, before = run, _start_of_run(states, machine, uuid, int(run))
        ended = _time(item["endedAt"])
        seconds = (ended - before).total_seconds()
        found.append({"task": task, "attempts": int(item["attempts"]), "seconds": max(seconds, 0.0)})
        before = ended
    return found


def mails(endpoint: str, account: str) -> list[dict[str, Any]]:
    """All mails of an account, the oldest first."""
    with urllib.request.urlopen(f"{endpoint}/_ministack/ses/messages?account={account}") as answer:
        sent = json.load(answer)["messages"].get(account, [])
    return sorted(sent, key=lambda mail: mail["Timestamp"])


def artifacts(s3: Any, bucket: str, uuid: str) -> list[dict[str, Any]]:
    """The objects of a relocation by their paths within it."""
    root = f"runs/{uuid}/"
    found = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=root).search("Contents[]")
    listed = ({"path": one["Key"].removeprefix(root), "bytes": one["Size"]} for one in found if one)
    return sorted(listed, key=lambda artifact: artifact["path"])


def report(s3: Any, bucket: str, uuid: str) -> dict[str, Any] | None:
    """What the import did, if it came to its end."""
    try:
        return json.load(s3.get_object(Bucket=bucket, Key=f"runs/{uuid}/{REPORT}")["Body"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise


def items(table: Any, partition: str, prefix: str) -> list[dict[str, Any]]:
    """The items of a partition whose sort keys begin so."""
    condition = Key("pk").eq(partition) & Key("sk").begins_with(prefix)
    found, more = [], {}
    while True:
        page = table.query(KeyConditionExpression=condition, ConsistentRead=True, **more)
        found.extend(page["Items"])
        if "LastEvaluatedKey" not in page:
            return found
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _start_of_run(states: Any, machine: str, uuid: str, generation: int) -> datetime:
    execution = f"{machine.replace(':stateMachine:', ':execution:')}:{uuid}-{generation}"
    return states.describe_execution(executionArn=execution)["startDate"]


def _time(text: str) -> datetime:
    """A time with any number of digits after the point, of which microseconds are kept."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")
