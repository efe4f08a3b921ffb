"""Queues, tokens, uploads and the outbox deliver at least once and in any order. It comes to the same."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_stack import inspection
from support import events
from support.events import Consumer
from support.exports import Exports, account, acme
from support.faults import Faults, Rule
from support.state import State, Tables
from support.target import Source, Target
from support.waiting import eventually
from test_success import TASKS

# Each transition of a record raises its version; a relocation that succeeds takes more than thirty.
TRANSITIONS = 100
FIRST, LAST = 10, 40


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(n, owner(n)) for n in range(FIRST, LAST)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """Those of owners, because an owner has one relocation at a time."""
    return iter(range(FIRST, LAST))


@pytest.fixture(scope="module")
def queues(target: Target) -> dict[str, Source]:
    return {task: target.source(task.replace("_", "-")) for task in TASKS}


@pytest.fixture(scope="module")
def alone(target: Target, exports: Exports, numbers: Iterator[int]) -> State:
    """What a relocation leaves that nothing happens to."""
    number = next(numbers)
    return relocated(target, submit(target, exports, number), number)


@pytest.fixture(scope="module")
def consumer(target: Target) -> Iterator[Consumer]:
    with events.consumer(target) as consumer:
        yield consumer


def test_messages_that_come_thrice_and_again_later_do_as_one(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], queues: dict[str, Source]
) -> None:
    number = next(numbers)
    sent: list[tuple[str, str]] = []
    with ExitStack() as stack:
        holds = {task: stack.enter_context(ExitStack()) for task in TASKS}
        for task, hold in holds.items():
            hold.enter_context(queues[task].held())
        uuid = submit(target, exports, number)
        for task, hold in holds.items():
            body = take(queues[task])
            sent.append((task, body))
            for _ in range(3):
                send(queues[task], body)
            hold.close()
    assert relocated(target, uuid, number) == alone
    visits = target.tasks(uuid)
    eventually(lambda: all(queue.waiting() == 0 for queue in queues.values()), what="all copies are handled")

    # Once more, when all is over, the last ones first.
    record = content(target, uuid)
    for task, body in reversed(sent):
        send(queues[task], body)
    settled(target, queues)
    assert content(target, uuid) == record
    assert target.tasks(uuid) == visits
    assert Tables.of(target).relocated(uuid, acme(slug(number)), names(number)) == alone
    assert mails(target, uuid) == {"admin@example.com": 2, f"{owner(number)}@example.com": 2}


def test_a_message_that_is_seen_again_while_it_is_handled_does_as_one(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], queues: dict[str, Source]
) -> None:
    number = next(numbers)
    sqs, url = target.cell.client("sqs"), queues["importing"].url
    usual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    try:
        with Faults().broken(
            target.cell.function("importing"), "delay", seconds=3, service="s3", operation="PutObject"
        ) as report:
            uuid = submit(target, exports, number)
            assert relocated(target, uuid, number) == alone
            assert report.broken
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=usual)
    attempts = [one["attempts"] for one in target.tasks(uuid) if one["task"] == "importing"]
    assert attempts[0] > 1, "it was handled again before it was done"
    assert len(attempts) == 1, "it has one outcome"


def test_messages_of_an_earlier_task_come_too_late(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], queues: dict[str, Source]
) -> None:
    number = next(numbers)
    with before_import(target, exports, number, queues) as uuid:
        record = content(target, uuid)
        # No visit of this turn has an outcome, so that the order of tasks alone decides.
        for task in reversed(TASKS[: TASKS.index("validating_complete")]):
            send(queues[task], message(uuid, task, generation=1, turn=77))
        settled(target, queues, but="importing")
        assert content(target, uuid) == record
    assert relocated(target, uuid, number) == alone


def test_a_message_of_a_later_task_fails_the_relocation(
    target: Target, exports: Exports, numbers: Iterator[int], queues: dict[str, Source]
) -> None:
    number = next(numbers)
    with queues["preprocessing_scan"].held():
        uuid = submit(target, exports, number)
        eventually(lambda: queues["preprocessing_scan"].waiting() == 1, what="the relocation is before its scan")
        send(queues["importing"], message(uuid, "importing", generation=1, turn=0))
        record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "task-out-of-order")
    assert record["importedOrgIds"] == []


@pytest.mark.parametrize("generation", [0, 2])
def test_messages_of_another_generation_are_dropped(
    target: Target,
    exports: Exports,
    alone: State,
    numbers: Iterator[int],
    queues: dict[str, Source],
    generation: int,
) -> None:
    number = next(numbers)
    with queues["importing"].held():
        uuid = submit(target, exports, number)
        body = take(queues["importing"])
    record = content(target, uuid)
    for task in TASKS:
        # The token is the one that is waited for: a message that is dropped must not answer it.
        send(queues[task], json.dumps(json.loads(body) | {"generation": generation, "task": task}))
    settled(target, queues)
    assert content(target, uuid) == record
    assert runs(target, uuid) == {f"{uuid}-1": "RUNNING"}
    send(queues["importing"], body)
    assert relocated(target, uuid, number) == alone


def test_tokens_may_be_answered_twice(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], queues: dict[str, Source]
) -> None:
    number = next(numbers)
    with ExitStack() as stack:
        repeat = {"every": True, "service": "states", "operation": "SendTaskSuccess"}
        functions = [target.cell.function(task.replace("_", "-")) for task in TASKS]
        rules = [stack.enter_context(Faults().broken(function, "repeat", **repeat)) for function in functions]
        uuid = submit(target, exports, number)
        assert relocated(target, uuid, number) == alone
        eventually(lambda: runs(target, uuid) == {f"{uuid}-1": "SUCCEEDED"}, what="the run ends")
        answers = [json.loads(call["body"]) for rule in rules for call in rule.broken]
    assert len(answers) >= len(TASKS)
    visits = target.tasks(uuid)
    assert len(visits) == len(answers), "an answer that comes too late is no reason to try again"
    assert {one["attempts"] for one in visits} == {1}

    states = target.cell.client("stepfunctions")
    for answer in answers:
        with pytest.raises(ClientError, match="TaskDoesNotExist|TaskTimedOut|InvalidToken"):
            states.send_task_success(taskToken=answer["taskToken"], output=answer["output"])


def test_an_event_of_an_upload_that_comes_again_later_changes_nothing(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], queues: dict[str, Source]
) -> None:
    number = next(numbers)
    with before_import(target, exports, number, queues) as uuid:
        record = content(target, uuid)
        uploaded(target, uuid)
        assert content(target, uuid) == record
    assert relocated(target, uuid, number) == alone
    record = content(target, uuid)
    uploaded(target, uuid)
    assert content(target, uuid) == record
    assert list(runs(target, uuid)) == [f"{uuid}-1"]


def test_every_event_arrives_however_long_the_bus_was_away(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], consumer: Consumer
) -> None:
    relay = target.cell.function("outbox-relay")
    with Faults().broken(relay, "fail", every=True, service="events", operation="PutEvents"):
        chosen = [next(numbers) for _ in range(3)]
        uuids = [submit(target, exports, number) for number in chosen]
        for uuid, number in zip(uuids, chosen, strict=True):
            assert relocated(target, uuid, number) == alone
        assert sum(content(target, uuid)["fields"]["version"] for uuid in uuids) >= TRANSITIONS
        expected = events.waiting(target, *uuids)
        assert consumer.names(*uuids) == set()
    assert {uuid for uuid, _ in expected} == set(uuids)

    def all_arrived() -> bool:
        sweep(target)
        return consumer.names(*uuids) >= expected

    eventually(all_arrived, what="every event arrives")
    eventually(lambda: events.waiting(target, *uuids) == set(), what="nothing is left in the outbox")
    assert consumer.names(*uuids) == expected


def test_every_event_arrives_however_long_the_relay_was_off(
    target: Target, exports: Exports, alone: State, numbers: Iterator[int], consumer: Consumer
) -> None:
    number, abandoned = next(numbers), next(numbers)
    # It has nothing to do, and what it was handed just before comes to nothing.
    with off(target, "outbox-relay"), Faults().broken(target.cell.function("outbox-relay"), "fail", every=True):
        uuid = submit(target, exports, number)
        uuids = [abandon(target, abandoned) for _ in range(TRANSITIONS // 2)]
        expected = events.waiting(target, uuid, *uuids)
        assert Counter(name for name, _ in expected) == {uuid: 1} | dict.fromkeys(uuids, 2)
        assert consumer.names(uuid, *uuids) == set()
        assert runs(target, uuid) == {}

    def all_arrived() -> bool:
        sweep(target)
        return consumer.names(uuid, *uuids) >= expected

    eventually(all_arrived, what="every event arrives")
    assert relocated(target, uuid, number) == alone
    assert consumer.names(*uuids) == {name for name in expected if name[0] != uuid}


@pytest.mark.parametrize(("action", "operation"), [("kill-after", "PutEvents"), ("kill-before", "DeleteItem")])
def test_a_relay_that_dies_between_publishing_and_deleting_publishes_twice_and_does_no_harm(
    target: Target,
    exports: Exports,
    alone: State,
    numbers: Iterator[int],
    consumer: Consumer,
    action: str,
    operation: str,
) -> None:
    number = next(numbers)
    relay = target.cell.function("outbox-relay")
    with Faults().broken(relay, action, operation=operation) as rule:
        uuid = submit(target, exports, number)
        asked = dies(rule)
    while uuid not in asked:  # It was still at what an earlier test left to tell.
        with Faults().broken(relay, action, operation=operation) as rule:
            asked = dies(rule)

    def has_gone_on() -> bool:
        sweep(target)
        return target.staff.relocation(uuid)["status"] == "SUCCESS" and not events.waiting(target, uuid)

    eventually(has_gone_on, what="the relocation ends and all its events are published")
    assert relocated(target, uuid, number) == alone
    arrived = [event for event in consumer.receive() if event["subject"] == uuid]
    times = Counter(event["id"] for event in arrived)
    assert max(times.values()) > 1, "one of them came twice"
    contents = {event["id"]: event for event in arrived}
    assert all(contents[event["id"]] == event for event in arrived), "and was the same both times"
    sequences = sorted(event["sequence"] for event in contents.values())
    kinds = Counter(event["type"] for event in contents.values())
    assert kinds["relocation.succeeded"] == kinds["relocation.created"] == 1, sequences
    eventually(lambda: len(mails(target, uuid)) == 2, what="both have their mails")
    assert mails(target, uuid) == {"admin@example.com": 2, f"{owner(number)}@example.com": 2}


def dies(rule: Rule) -> str:
    """What the relay asked for when it was killed."""
    asked = eventually(lambda: [call["body"] for call in rule.broken if "body" in call], what="the relay dies")
    return asked[-1]


@contextmanager
def before_import(target: Target, exports: Exports, number: int, queues: dict[str, Source]) -> Iterator[str]:
    """A relocation that waits in front of its import while this lasts; its uuid."""
    with queues["importing"].held():
        uuid = submit(target, exports, number)
        eventually(lambda: queues["importing"].waiting() == 1, what="the relocation is before its import")
        yield uuid


def owner(number: int) -> str:
    """A name that no other name begins with."""
    return f"owner-{number}"


def slug(number: int) -> str:
    """Likewise."""
    return f"slug-{number}"


def names(number: int) -> dict[str, str]:
    """What the relocations of different owners differ in."""
    return {slug(number): "<slug>", slug(number).title(): "<Slug>", owner(number): "<owner>"}


def submit(target: Target, exports: Exports, number: int) -> str:
    """Starts the relocation of an owner's organisation."""
    return target.submit(owner(number), [slug(number)], exports.seal(acme(slug(number))))


def abandon(target: Target, number: int) -> str:
    """A relocation whose upload was given up; two transitions."""
    uuid = target.staff.create(owner(number), [slug(number)], 100)["uuid"]
    target.staff.expect(200, "DELETE", f"/api/0/relocations/{uuid}/upload/")
    return uuid


def relocated(target: Target, uuid: str, number: int) -> State:
    """What a relocation that succeeded has added."""
    record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    return Tables.of(target).relocated(uuid, acme(slug(number)), names(number))


def content(target: Target, uuid: str) -> dict[str, Any]:
    """The record as it is stored, with its version."""
    return target.relocations.get_item(Key={"pk": f"R#{uuid}", "sk": "REC"}, ConsistentRead=True)["Item"]


def message(uuid: str, task: str, generation: int, turn: int) -> str:
    """A message that asks for a task, with a token that nobody waits for."""
    asked = {"uuid": uuid, "generation": generation, "task": task, "turn": turn, "token": f"nobody-{uuid}"}
    return json.dumps(asked)


@contextmanager
def off(target: Target, function: str) -> Iterator[None]:
    """Hands a function nothing from its source within the block."""
    functions = target.cell.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=target.cell.function(function))[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def sweep(target: Target) -> None:
    """Has the outbox swept; what cannot be sent now, the next sweep sends."""
    relay = target.cell.function("outbox-relay")
    target.cell.client("lambda").invoke(FunctionName=relay, Payload=b'{"sweep": true}')


def send(queue: Source, body: str) -> None:
    """Puts a message into a queue."""
    queue.cell.client("sqs").send_message(QueueUrl=queue.url, MessageBody=body)


def take(queue: Source) -> str:
    """Takes the one message that is in a queue, or comes into it."""
    sqs = queue.cell.client("sqs")
    (found,) = eventually(lambda: sqs.receive_message(QueueUrl=queue.url).get("Messages"), what="a message")
    sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=found["ReceiptHandle"])
    return found["Body"]


def settled(target: Target, queues: dict[str, Source], but: str | None = None) -> None:
    """Waits until every message in these queues was handled and forgotten."""
    sqs = target.cell.client("sqs")
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty(queue: Source) -> bool:
        found = sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=counts)["Attributes"]
        return {found[name] for name in counts} == {"0"}

    eventually(lambda: all(is_empty(queues[task]) for task in queues if task != but), what="the queues are empty")


def uploaded(target: Target, uuid: str) -> None:
    """Hands the event of a relocation's upload to its function, as the bus does."""
    file = inspection.items(target.relocations, f"R#{uuid}", "FILE#RAW")[0]["fields"]
    event = {"detail": {"object": {"key": f"uploads/{uuid}/raw-relocation-data.tar", "size": int(file["bytes"])}}}
    functions = target.cell.client("lambda")
    answer = functions.invoke(FunctionName=target.cell.function("upload-trigger"), Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()


def runs(target: Target, uuid: str) -> dict[str, str]:
    """The runs of a relocation, and how they are."""
    states = target.cell.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=target.cell.outputs["StateMachine"])
    found = (run for page in pages for run in page["executions"])
    return {run["name"]: run["status"] for run in found if run["name"].startswith(uuid)}


def mails(target: Target, uuid: str) -> Counter[str]:
    """How many mails about a relocation each address has got."""
    return Counter(mail["To"][0] for mail in target.mails() if uuid in mail["BodyText"])
