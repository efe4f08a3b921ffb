"""The events of a cell, as a consumer sees them: a queue that a rule of the bus feeds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local_stack import inspection

from .target import Target

Event = dict[str, Any]


@dataclass
class Consumer:
    """Everything that has arrived, repeats included."""

    target: Target
    url: str
    arrived: list[Event] = field(default_factory=list)

    def receive(self) -> list[Event]:
        """All that has arrived by now."""
        sqs = self.target.cell.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            self.arrived += [json.loads(message["Body"])["detail"] for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.arrived

    def names(self, *uuids: str) -> set[tuple[str, int]]:
        """The events about these relocations that have arrived, each once, by subject and sequence."""
        return {(event["subject"], event["sequence"]) for event in self.receive() if event["subject"] in uuids}


@contextmanager
def consumer(target: Target) -> Iterator[Consumer]:
    """Consumes all events of the cell from here on."""
    sqs, bus = target.cell.client("sqs"), target.cell.client("events")
    url = sqs.create_queue(QueueName="consumer")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {"Name": "consumer", "EventBusName": target.cell.outputs["EventBus"]}
    bus.put_rule(**rule, EventPattern=json.dumps({"detail-type": [{"prefix": ""}]}))
    bus.put_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Targets=[{"Id": "queue", "Arn": arn}])
    try:
        yield Consumer(target, url)
    finally:
        bus.remove_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Ids=["queue"])
        bus.delete_rule(**rule)
        sqs.delete_queue(QueueUrl=url)


def waiting(target: Target, *uuids: str) -> set[tuple[str, int]]:
    """The events in the outbox, by relocation and sequence; what else waits there is not for consumers."""
    entries = [item for uuid in uuids for item in inspection.items(target.relocations, f"R#{uuid}", "OUT#")]
    read = [json.loads(item["entry"]) for item in entries]
    return {(entry["relocation"], entry["sequence"]) for entry in read if "publish" in entry["dispatch"]}
