"""Which permissions a call uses, as IAM names them, and what it publishes."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from .calls import Call, Headers

# An action and the ARN of what it is done to.
Use = tuple[str, str]

REGION = "us-east-1"

# What the items of a transaction are authorised as, each on its own.
ITEM_ACTIONS = {
    "ConditionCheck": "dynamodb:ConditionCheckItem",
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "Get": "dynamodb:GetItem",
}

# Where S3's action is not called like the operation.
OBJECT_ACTIONS = {
    "HeadObject": "GetObject",
    "HeadObjectVersion": "GetObjectVersion",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CopyObject": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListParts": "ListMultipartUploadParts",
}
BUCKET_ACTIONS = {"ListObjectsV2": "ListBucket", "ListObjectVersions": "ListBucketVersions"}
READS = ("GetObject", "HeadObject", "GetObjectVersion", "HeadObjectVersion")


def uses(call: Call, account: str, headers: Headers, content: dict[str, Any], status: int) -> set[Use]:
    """The permissions that a call used which was answered with this status."""
    match call.service:
        case "s3":
            return set(_s3(call, headers, status))
        case "dynamodb":
            return set(_dynamodb(call.operation, account, content))
        case "sqs":
            queue = content["QueueUrl"].rsplit("/", 1)[1]
            return {(f"sqs:{call.operation}", _arn("sqs", account, queue))}
        case "kms":
            key = content["KeyId"]
            return {(f"kms:{call.operation}", key if ":" in key else _arn("kms", account, f"key/{key}"))}
        case "events":
            buses = {entry.get("EventBusName", "default") for entry in content["Entries"]}
            return {(f"events:{call.operation}", _arn("events", account, f"event-bus/{bus}")) for bus in buses}
        case "states":
            named = content.get("stateMachineArn") or content.get("executionArn") or "*"
            return {(f"states:{call.operation}", named)}
        case "ses":
            return {("ses:SendEmail", "*")}
    return {(f"{call.service}:{call.operation}", "*")}


def published(call: Call, content: dict[str, Any]) -> list[str]:
    """What a call hands to others: events, messages, the input of runs, the answers to the machine."""
    match call.service, call.operation:
        case "events", "PutEvents":
            return [json.dumps(entry) for entry in content["Entries"]]
        case "sqs", "SendMessage":
            return [content["MessageBody"]]
        case "states", "StartExecution":
            return [content["input"]]
        case "states", "SendTaskSuccess":
            return [content["output"]]
    return []


def is_refused(status: int, answer: bytes) -> bool:
    """Whether the caller's role did not allow it."""
    return status in (400, 403) and b"AccessDenied" in answer


def _dynamodb(operation: str, account: str, content: dict[str, Any]) -> Iterator[Use]:
    def table(name: str) -> str:
        return _arn("dynamodb", account, f"table/{name}")

    for item in content.get("TransactItems", ()):
        for kind, request in item.items():
            yield ITEM_ACTIONS[kind], table(request["TableName"])
    for name in content.get("RequestItems", ()):
        yield f"dynamodb:{operation}", table(name)
    if name := content.get("TableName"):
        index = content.get("IndexName")
        yield f"dynamodb:{operation}", table(name) + (f"/index/{index}" if index else "")


def _s3(call: Call, headers: Headers, status: int) -> Iterator[Use]:
    arn = f"arn:aws:s3:::{call.resource}"
    if action := BUCKET_ACTIONS.get(call.operation):
        yield f"s3:{action}", arn
        return
    yield f"s3:{OBJECT_ACTIONS.get(call.operation, call.operation)}", arn
    if call.operation in READS and status == 404:
        # Who may not list the bucket is told that it is forbidden.
        yield "s3:ListBucket", arn.split("/")[0]
    if source := headers.get("x-amz-copy-source"):
        parts = urlsplit(unquote(source))
        version = "Version" if parts.query.startswith("versionId=") else ""
        yield f"s3:GetObject{version}", f"arn:aws:s3:::{parts.path.strip('/')}"


def _arn(service: str, account: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{account}:{resource}"
