"""Harmless calls, one for each action that any function may do, made with the role of any function."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from local_stack.deployment import SENDER, Cell
from local_stack.emulator import REGION

NOBODY = {"pk": {"S": "nobody"}, "sk": {"S": "nobody"}}
DENIALS = ("AccessDenied", "AccessDeniedException", "AccessDenied.Exception")

# What stands in for the part of an ARN that a pattern leaves open.
ANY = "neighbour"


def table(arn: str) -> str:
    """The name of a table, whether the ARN is its own or that of an index of it."""
    return arn.split("/")[1]


def bucket(arn: str) -> str:
    """The bucket of an object, or the bucket itself."""
    return arn.split(":::")[1].split("/")[0]


def stored(arn: str) -> dict[str, str]:
    """Bucket and key of an object."""
    return {"Bucket": bucket(arn), "Key": arn.split("/", 1)[1]}


def last(arn: str) -> str:
    """The last part of an ARN: the name of a queue, of a bus."""
    return arn.replace("/", ":").rsplit(":", 1)[1]


def query(client: Any, arn: str) -> Any:
    """Looks for nothing in a table or in an index, whose key is called like it."""
    index = arn.split("/")[3] if "/index/" in arn else None
    more = {"IndexName": index} if index else {}
    condition = {"KeyConditionExpression": "#key = :nobody", "ExpressionAttributeValues": {":nobody": NOBODY["pk"]}}
    return client.query(TableName=table(arn), ExpressionAttributeNames={"#key": index or "pk"}, **condition, **more)


def queue(client: Any, arn: str) -> str:
    """The URL of a queue, which nobody has to be allowed to know."""
    account, name = arn.split(":")[4:6]
    return f"{client.meta.endpoint_url}/{account}/{name}"


EXISTS = "attribute_exists(pk)"
UPLOAD = {"UploadId": ANY}
EVENT = {"Source": ANY, "DetailType": ANY, "Detail": "{}"}
MAIL = {"Simple": {"Subject": {"Data": ANY}, "Body": {"Text": {"Data": ANY}}}}
OAEP = {"CiphertextBlob": bytes(512), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}

# The client and what is asked of it, given the ARN.
CALLS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "dynamodb:GetItem": ("dynamodb", lambda c, arn: c.get_item(TableName=table(arn), Key=NOBODY)),
    "dynamodb:BatchGetItem": (
        "dynamodb",
        lambda c, arn: c.batch_get_item(RequestItems={table(arn): {"Keys": [NOBODY]}}),
    ),
    "dynamodb:BatchWriteItem": (
        "dynamodb",
        lambda c, arn: c.batch_write_item(RequestItems={table(arn): [{"DeleteRequest": {"Key": NOBODY}}]}),
    ),
    "dynamodb:Query": ("dynamodb", query),
    "dynamodb:PutItem": (
        "dynamodb",
        lambda c, arn: c.put_item(TableName=table(arn), Item=NOBODY, ConditionExpression=EXISTS),
    ),
    "dynamodb:UpdateItem": (
        "dynamodb",
        lambda c, arn: c.update_item(
            TableName=table(arn), Key=NOBODY, UpdateExpression="REMOVE x", ConditionExpression=EXISTS
        ),
    ),
    "dynamodb:DeleteItem": ("dynamodb", lambda c, arn: c.delete_item(TableName=table(arn), Key=NOBODY)),
    "dynamodb:ListStreams": ("dynamodbstreams", lambda c, _: c.list_streams()),
    "s3:GetObject": ("s3", lambda c, arn: c.get_object(**stored(arn))),
    "s3:GetObjectVersion": ("s3", lambda c, arn: c.get_object(**stored(arn), VersionId=ANY)),
    "s3:PutObject": ("s3", lambda c, arn: c.complete_multipart_upload(**stored(arn), **UPLOAD)),
    "s3:AbortMultipartUpload": ("s3", lambda c, arn: c.abort_multipart_upload(**stored(arn), **UPLOAD)),
    "s3:ListMultipartUploadParts": ("s3", lambda c, arn: c.list_parts(**stored(arn), **UPLOAD)),
    "s3:DeleteObjectVersion": ("s3", lambda c, arn: c.delete_object(**stored(arn), VersionId=ANY)),
    "s3:ListBucket": ("s3", lambda c, arn: c.list_objects_v2(Bucket=bucket(arn), Prefix=ANY)),
    "kms:Decrypt": ("kms", lambda c, arn: c.decrypt(KeyId=arn, **OAEP)),
    "kms:GetPublicKey": ("kms", lambda c, arn: c.get_public_key(KeyId=arn)),
    "sqs:ReceiveMessage": ("sqs", lambda c, arn: c.receive_message(QueueUrl=queue(c, arn), VisibilityTimeout=0)),
    "sqs:DeleteMessage": ("sqs", lambda c, arn: c.delete_message(QueueUrl=queue(c, arn), ReceiptHandle=ANY)),
    "sqs:ChangeMessageVisibility": (
        "sqs",
        lambda c, arn: c.change_message_visibility(QueueUrl=queue(c, arn), ReceiptHandle=ANY, VisibilityTimeout=0),
    ),
    "sqs:GetQueueAttributes": ("sqs", lambda c, arn: c.get_queue_attributes(QueueUrl=queue(c, arn))),
    "states:SendTaskSuccess": ("stepfunctions", lambda c, _: c.send_task_success(taskToken=ANY, output="{}")),
}

# The same for actions that do something when they are allowed, so that only those try them who must be refused.
EFFECTIVE: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "sqs:SendMessage": ("sqs", lambda c, arn: c.send_message(QueueUrl=queue(c, arn), MessageBody="{}")),
    "events:PutEvents": ("events", lambda c, arn: c.put_events(Entries=[EVENT | {"EventBusName": last(arn)}])),
    "states:StartExecution": ("stepfunctions", lambda c, arn: c.start_execution(stateMachineArn=arn, name=ANY)),
    "states:StopExecution": ("stepfunctions", lambda c, arn: c.stop_execution(executionArn=arn)),
    "ses:SendEmail": (
        "sesv2",
        lambda c, _: c.send_email(FromEmailAddress=SENDER, Destination={"ToAddresses": [SENDER]}, Content=MAIL),
    ),
    # The emulator does not see which stream is meant, so that it refuses even who may.
    "dynamodb:DescribeStream": ("dynamodbstreams", lambda c, arn: c.describe_stream(StreamArn=arn)),
    "dynamodb:GetShardIterator": (
        "dynamodbstreams",
        lambda c, arn: c.get_shard_iterator(StreamArn=arn, ShardId=ANY * 4, ShardIteratorType="LATEST"),
    ),
    # Allowed under some prefixes alone, which the ARN does not tell.
    "s3:ListBucketVersions": ("s3", lambda c, arn: c.list_object_versions(Bucket=bucket(arn), Prefix="runs/")),
}

# What cannot be asked for without an answer that only who is allowed to ask the question before gets.
UNASKABLE = {"dynamodb:GetRecords": "an iterator comes from GetShardIterator"}


class Role:
    """The role of a function, as the function has it."""

    def __init__(self, cell: Cell, arn: str) -> None:
        assumed = cell.client("sts").assume_role(RoleArn=arn, RoleSessionName="neighbour")["Credentials"]
        self._endpoint = cell.endpoint
        self._session = boto3.Session(
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            region_name=REGION,
        )
        self._clients: dict[str, Any] = {}

    def is_refused(self, action: str, arn: str) -> bool:
        """Whether a call is refused; any other failure is not."""
        service, call = (CALLS | EFFECTIVE)[action]
        try:
            call(self._client(service), arn.replace("*", ANY))
        except ClientError as error:
            return error.response["Error"]["Code"] in DENIALS
        return False

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
            self._clients[service] = self._session.client(service, endpoint_url=self._endpoint, config=config)
        return self._clients[service]
