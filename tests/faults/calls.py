"""What a function asks of AWS, read from the request."""

import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Headers = dict[str, str]

# The services whose requests name their operation in a header, by how the header begins.
TARGETS = {
    "DynamoDB": "dynamodb",
    "AWSStepFunctions": "states",
    "TrentService": "kms",
    "AWSEvents": "events",
    "AmazonSQS": "sqs",
}

# The operation of a request to S3: by its method, what its query has, and whether it names a key.
S3_OPERATIONS = [
    ("GET", "versions", False, "ListObjectVersions"),
    ("GET", "", False, "ListObjectsV2"),
    ("POST", "uploads", True, "CreateMultipartUpload"),
    ("POST", "uploadId", True, "CompleteMultipartUpload"),
    ("DELETE", "uploadId", True, "AbortMultipartUpload"),
    ("GET", "uploadId", True, "ListParts"),
    ("GET", "versionId", True, "GetObjectVersion"),
    ("HEAD", "versionId", True, "HeadObjectVersion"),
    ("DELETE", "versionId", True, "DeleteObjectVersion"),
    ("GET", "", True, "GetObject"),
    ("HEAD", "", True, "HeadObject"),
    ("DELETE", "", True, "DeleteObject"),
]


@dataclass(frozen=True)
class Call:
    """One call of a function: `dynamodb`, `TransactWriteItems`."""

    function: str
    service: str
    operation: str
    # The bucket and key, for S3; other services name what they are about in the body.
    resource: str = ""

    def matches(self, function: str, service: str | None, operation: str | None) -> bool:
        """Whether this is a call that is looked for."""
        return self.function == function and service in (None, self.service) and operation in (None, self.operation)

    def as_json(self) -> dict[str, Any]:
        """For the log."""
        return asdict(self)


def call(function: str, method: str, target: str, headers: Headers) -> Call:
    """The call that a request is."""
    if name := headers.get("x-amz-target"):
        prefix, _, operation = name.rpartition(".")
        return Call(function, TARGETS.get(re.split(r"[_.]", prefix)[0], prefix), operation)
    parts = urlsplit(target)
    if parts.path.startswith("/v2/email/"):
        return Call(function, "ses", "SendEmail")
    return _s3(function, method, parts.path, parse_qs(parts.query, keep_blank_values=True), headers)


def _s3(function: str, method: str, path: str, query: dict[str, list[str]], headers: Headers) -> Call:
    resource = unquote(path).strip("/")
    has_key = "/" in resource
    if method == "PUT":
        part = "uploadId" in query
        copied = "x-amz-copy-source" in headers
        operation = {
            (False, False): "PutObject",
            (False, True): "CopyObject",
            (True, False): "UploadPart",
            (True, True): "UploadPartCopy",
        }[part, copied]
        return Call(function, "s3", operation, resource)
    for wanted, flag, needs_key, operation in S3_OPERATIONS:
        if method == wanted and (not flag or flag in query) and has_key == needs_key:
            return Call(function, "s3", operation, resource)
    return Call(function, "s3", f"{method} {path}", resource)
