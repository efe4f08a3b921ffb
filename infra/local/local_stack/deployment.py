"""Deploys a cell to the emulator through CloudFormation."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from . import DEFAULT_ACCOUNT, functions, template
from .emulator import REGION
from .issuer import AUDIENCE, Issuer

STACK = "relocation"
SENDER = "relocation@example.com"

# Everything that takes minutes on AWS takes seconds here. What is not named keeps the product's value.
SHORT_WAITS = {
    "BackoffBaseSeconds": "1",
    "BackoffCapSeconds": "4",
    "PollIntervalSeconds": "1",
    "ValidationTimeoutSeconds": "120",
    "OutboxSweepAgeSeconds": "5",
    # Its indexes never lag.
    "IndexSettlingSeconds": "0",
    "UndoQuietSeconds": "5",
    "DeletionAgainSeconds": "0",
    "DeletionRetrySeconds": "0",
    # What is set holds at once.
    "OptionCacheSeconds": "0",
}


class DeploymentError(Exception):
    """CloudFormation refused the template or a resource of it."""


@dataclass(frozen=True)
class Cell:
    """A deployed cell: where it is, and the template's outputs."""

    account: str
    endpoint: str
    outputs: dict[str, str]
    issuer: Issuer

    def function(self, name: str) -> str:
        """What a function is called in the account."""
        return f"{_stack(self.account)}-{name}"

    @property
    def api(self) -> str:
        """The URL of the API's root."""
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['HttpApi']}/$default"

    @property
    def api_query(self) -> str:
        """What a caller of the API adds to the query, because the emulator looks for it in the caller's account."""
        return f"X-Amz-Credential={self.account}/20260101/{REGION}/execute-api/aws4_request"

    def description(self) -> dict[str, Any]:
        """What programs need to know of the cell."""
        return {
            "account": self.account,
            "region": REGION,
            "api": self.api,
            "apiQuery": self.api_query,
            "issuer": self.issuer.url,
            "staffToken": self.staff_token(),
            "outputs": self.outputs,
        }

    def client(self, service: str) -> Any:
        """An SDK client with all rights in the cell's account."""
        return client(service, self.account, self.endpoint)

    def resource(self, service: str) -> Any:
        """The same in the SDK's other form, which speaks of objects."""
        return resource(service, self.account, self.endpoint)

    def staff_token(self) -> str:
        """A token of an administrator who may read artifacts too."""
        return self.issuer.token(1, "admin", staff=True, permissions="relocation.admin")


def client(service: str, account: str, endpoint: str) -> Any:
    """An SDK client with all rights in an account of the emulator; the account is made by being named."""
    return _session().client(service, **_connection(account, endpoint))


def resource(service: str, account: str, endpoint: str) -> Any:
    """The same in the SDK's other form, which speaks of objects."""
    return _session().resource(service, **_connection(account, endpoint))


_of_thread = threading.local()


def _session() -> boto3.Session:
    """The SDK's session, of which each thread needs one of its own."""
    if not hasattr(_of_thread, "session"):
        _of_thread.session = boto3.Session()
    return _of_thread.session


def _connection(account: str, endpoint: str) -> dict[str, Any]:
    return {
        "endpoint_url": endpoint,
        "region_name": REGION,
        "aws_access_key_id": account,
        "aws_secret_access_key": "local",
        "config": Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
    }


def deploy(
    account: str,
    endpoint: str,
    binaries: Mapping[str, Path],
    state: Path,
    overrides: Mapping[str, str] | None = None,
) -> Cell:
    """Deploys a cell, or updates the one there is, in an account of its own (12 digits).

    `binaries` has each function's binary by the function's name; `state` keeps the issuer's key and the binaries that run;
    `overrides` are parameters of the template that differ from the local ones.
    """
    bucket = f"code-{account}"
    s3 = client("s3", account, endpoint)
    s3.create_bucket(Bucket=bucket)
    issuer = _publish_issuer(s3, account, endpoint, state)
    client("sesv2", account, endpoint).create_email_identity(EmailIdentity=SENDER)

    body = template.read()
    code = {name: _store_code(s3, bucket, path, state / "code") for name, path in binaries.items()}
    template.use_stored_code(body, bucket, code)
    template.use_stored_machine(body, bucket, _store(s3, bucket, template.machine_definition().encode(), "asl.json"))
    template.allow_plain_http(body)
    template.allow_any_sender(body)
    key = _store(s3, bucket, json.dumps(body).encode(), "template.json")

    parameters = {
        "Architecture": "x86_64",
        "JwtIssuer": issuer.url,
        "JwtAudience": AUDIENCE,
        "MailSender": SENDER,
        **SHORT_WAITS,
        **(overrides or {}),
    }
    cloudformation = client("cloudformation", account, endpoint)
    outputs = _apply(cloudformation, _stack(account), f"{endpoint}/{bucket}/{key}", parameters)
    for name in ("UploadsBucket", "ArtifactsBucket"):
        _encrypt_by_default(s3, outputs[name], body["Resources"][name]["Properties"], outputs["DataKey"])
    return Cell(account, endpoint, outputs, issuer)


def _encrypt_by_default(s3: Any, bucket: str, properties: Mapping[str, Any], key: str) -> None:
    """Does what the template asks for and the emulator's CloudFormation leaves out."""
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"] | {"KMSMasterKeyID": key}
    configuration = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)


def _publish_issuer(s3: Any, account: str, endpoint: str, state: Path) -> Issuer:
    bucket = f"issuer-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    everyone_reads = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        ],
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(everyone_reads))
    issuer = Issuer.load(f"{endpoint}/{bucket}", state / "issuer.pem")
    for path, document in issuer.documents().items():
        s3.put_object(Bucket=bucket, Key=path, Body=document)
    return issuer


def _store_code(s3: Any, bucket: str, binary: Path, folder: Path) -> str:
    digest, content = functions.pack(binary, folder)
    return _store_as(s3, bucket, f"{digest}.zip", content)


def _store(s3: Any, bucket: str, content: bytes, suffix: str) -> str:
    return _store_as(s3, bucket, f"{hashlib.sha256(content).hexdigest()}.{suffix}", content)


def _store_as(s3: Any, bucket: str, key: str, content: bytes) -> str:
    """Stores what is not there yet; the key is made of the content's hash."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError:
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    return key


def _stack(account: str) -> str:
    """The stack's name, of which those of its functions are made. When a function is deployed, the emulator ends
    the running ones of the same name in all accounts, so each account has names of its own."""
    return STACK if account == DEFAULT_ACCOUNT else f"{STACK}-{account}"


def _apply(cloudformation: Any, stack: str, url: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Creates the stack, or updates it, and waits for that."""
    request = {
        "StackName": stack,
        "TemplateURL": url,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    try:
        if _exists(cloudformation, stack):
            cloudformation.update_stack(**request)
            waiter = "stack_update_complete"
        else:
            cloudformation.create_stack(**request)
            waiter = "stack_create_complete"
        cloudformation.get_waiter(waiter).wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentError(str(error)) from error
    except WaiterError as error:
        raise DeploymentError(_first_failure(cloudformation, stack)) from error
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _exists(cloudformation: Any, stack: str) -> bool:
    try:
        cloudformation.describe_stacks(StackName=stack)
    except ClientError:
        return False
    return True


def _first_failure(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    first = failed[-1] if failed else events[0]
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', first['ResourceStatus'])}"
