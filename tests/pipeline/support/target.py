"""A cell that is deployed for one file of tests, and what can be seen of it from outside."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local_stack import inspection
from local_stack.deployment import Cell
from local_stack.emulator import REGION

from .api import Api
from .waiting import eventually

ENDED = ("SUCCESS", "FAILURE")


@dataclass(frozen=True)
class Target:
    """A cell that relocations go to."""

    cell: Cell
    binaries: Path

    @cached_property
    def staff(self) -> Api:
        """The API for a member of staff."""
        return Api(self.cell.api, self.cell.api_query, self.cell.staff_token())

    def user(self, user_id: int, username: str) -> Api:
        """The API for a user who is no member of staff."""
        return Api(self.cell.api, self.cell.api_query, self.cell.issuer.token(user_id, username))

    @cached_property
    def public_key(self) -> str:
        """The key that exports are sealed with, as PEM."""
        return self.staff.public_key()

    @cached_property
    def relocations(self) -> Any:
        """The table of relocations."""
        return self.table("RelocationsTable")

    def table(self, output: str) -> Any:
        """A table by the name of the template's output."""
        return self.cell.resource("dynamodb").Table(self.cell.outputs[output])

    def seed(self, rows: list[dict[str, Any]] | Path) -> None:
        """Puts rows into the cell as they are."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            if isinstance(rows, list):
                json.dump(rows, file)
                file.flush()
            environment = os.environ | {
                "AWS_ENDPOINT_URL": self.cell.endpoint,
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": self.cell.account,
                "AWS_SECRET_ACCESS_KEY": "local",
                "CELL_TABLE": self.cell.outputs["CellTable"],
                "CONTROL_TABLE": self.cell.outputs["ControlTable"],
            }
            source = file.name if isinstance(rows, list) else rows
            subprocess.run([self.binaries / "seed", source], env=environment, check=True)

    def submit(self, owner: str, slugs: list[str], file: Path) -> str:
        """Asks for a relocation as staff and uploads its file; answers with its uuid."""
        uuid = self.staff.create(owner, slugs, file.stat().st_size)["uuid"]
        self.staff.upload(uuid, file)
        return uuid

    def ended(self, uuid: str, deadline: float = 90) -> dict[str, Any]:
        """The relocation once it has ended."""

        def relocation() -> dict[str, Any] | None:
            found = self.staff.relocation(uuid)
            return found if found["status"] in ENDED else None

        return eventually(relocation, deadline, f"relocation {uuid} ends")

    def tasks(self, uuid: str) -> list[dict[str, Any]]:
        """The visits to tasks that have ended, in order."""
        states = self.cell.client("stepfunctions")
        return inspection.tasks(self.relocations, states, self.cell.outputs["StateMachine"], uuid)

    def sweep(self) -> None:
        """Has the outbox swept, as the schedule does."""
        lambdas = self.cell.client("lambda")
        name = self.cell.function("outbox-relay")
        answer = lambdas.invoke(FunctionName=name, Payload=json.dumps({"sweep": True}))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def mails(self) -> list[dict[str, Any]]:
        """All mails that were sent, the oldest first."""
        return inspection.mails(self.cell.endpoint, self.cell.account)

    def logs(self) -> str:
        """What all functions logged."""
        logs = self.cell.client("logs")
        groups = logs.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName")
        lines = []
        for group in groups:
            events = logs.get_paginator("filter_log_events").paginate(logGroupName=group).search("events[].message")
            lines.extend(events)
        return "\n".join(lines)

    def source(self, function: str) -> "Source":
        """The queue that a function reads."""
        functions = self.cell.client("lambda")
        name = self.cell.function(function)
        (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        queue = mapping["EventSourceArn"].rsplit(":", 1)[1]
        url = self.cell.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
        return Source(self.cell, mapping["UUID"], url)


@dataclass(frozen=True)
class Source:
    """A queue, and the mapping that lets a function read it."""

    cell: Cell
    mapping: str
    url: str

    def enable(self, enabled: bool) -> None:
        """Lets the function read the queue, or not."""
        self.cell.client("lambda").update_event_source_mapping(UUID=self.mapping, Enabled=enabled)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets the function not read the queue within the block."""
        self.enable(False)
        try:
            yield
        finally:
            self.enable(True)

    @contextmanager
    def redelivering(self, seconds: int) -> Iterator[None]:
        """Lets the queue deliver again after so long, within the block, what a dead function had."""
        sqs, name = self.cell.client("sqs"), "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=self.url, Attributes={name: str(seconds)})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=self.url, Attributes=before)

    def waiting(self) -> int:
        """How many messages can be received now."""
        sqs = self.cell.client("sqs")
        found = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def holds_messages(self) -> bool:
        """Whether a message waits, is put off, or is being handled."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self.cell.client("sqs").get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return any(int(found["Attributes"][name]) for name in names)

    def bury(self) -> None:
        """Moves a message to the dead letters, as the queue does when it was received too often."""
        sqs, letters = self.cell.client("sqs"), self.letters()
        (message,) = eventually(lambda: sqs.receive_message(QueueUrl=self.url).get("Messages"), what="a message")
        sqs.send_message(QueueUrl=letters, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def letters(self) -> str:
        """Where its dead letters go."""
        sqs = self.cell.client("sqs")
        policy = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])["Attributes"]
        name = json.loads(policy["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[1]
        return sqs.get_queue_url(QueueName=name)["QueueUrl"]
