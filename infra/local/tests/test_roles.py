"""What functions may not do, tried with their roles. That they may do what they must, they show by working."""

import unittest
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local_stack import template
from local_stack.emulator import REGION

from . import world

ROW = {"pk": {"S": "sentry.project#0"}, "sk": {"S": "1"}}


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.cell = world.cell()
        functions = cls.cell.client("lambda")
        listed = functions.get_paginator("list_functions").paginate().search("Functions")
        cls.roles = {one["FunctionName"].removeprefix(cls.cell.function("")): one["Role"] for one in listed}

    def test_every_function_has_a_role_of_its_own(self) -> None:
        self.assertEqual(set(self.roles), set(template.function_names()))
        self.assertEqual(len(set(self.roles.values())), len(self.roles))

    def test_who_writes_the_live_silos(self) -> None:
        def writers(table: str) -> set[str]:
            name = self.cell.outputs[table]
            return self.allowed("dynamodb", lambda dynamodb: dynamodb.put_item(TableName=name, Item=ROW))

        both = {"importing", "undo-relocation"}
        # Who deletes, buries, and keeps what is scheduled.
        both |= {"api", "delete-rows", "cascade-batch", "departure-relay", "tombstone-writer"}
        self.assertEqual(writers("CellTable"), both | {"postprocessing", "notifying-unhide"})
        self.assertEqual(writers("ControlTable"), both | {"notifying-users"})

    def test_nobody_scans(self) -> None:
        for table in ("RelocationsTable", "CellTable", "ControlTable"):
            name = self.cell.outputs[table]
            self.assertEqual(self.allowed("dynamodb", lambda dynamodb, name=name: dynamodb.scan(TableName=name)), set())

    def test_who_opens_sealed_exports(self) -> None:
        def unwrap(kms: Any) -> None:
            key = self.cell.outputs["SealKey"]
            kms.decrypt(KeyId=key, CiphertextBlob=bytes(512), EncryptionAlgorithm="RSAES_OAEP_SHA_256")

        self.assertEqual(self.allowed("kms", unwrap), {"api", "preprocessing-scan", "importing", "validation-run"})

    def test_only_the_api_lets_customers_write_and_only_uploads(self) -> None:
        def into(bucket: str, key: str) -> set[str]:
            name = self.cell.outputs[bucket]
            return self.allowed("s3", lambda s3: s3.put_object(Bucket=name, Key=key, Body=b""))

        self.assertEqual(into("UploadsBucket", "uploads/x/raw-relocation-data.tar"), {"api"})
        self.assertEqual(into("UploadsBucket", "elsewhere"), set())
        self.assertNotIn("api", into("ArtifactsBucket", "runs/x/in/raw-relocation-data.tar"))

    def allowed(self, service: str, call: Any) -> set[str]:
        """The functions whose roles may make a call, whatever comes of it."""
        return {name for name, role in self.roles.items() if not self.is_denied(service, role, call)}

    def is_denied(self, service: str, role: str, call: Any) -> bool:
        assumed = self.cell.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        client = boto3.client(
            service,
            endpoint_url=self.cell.endpoint,
            region_name=REGION,
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
        )
        try:
            call(client)
        except ClientError as error:
            return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
        return False
