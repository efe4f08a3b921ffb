"""What happens at once does not get into each other's way, and what happens twice at once happens once."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from support.api import RELOCATIONS, Answer
from support.exports import Exports, account, acme
from support.faults import Faults
from support.state import State, Tables
from support.target import Target
from support.waiting import eventually
from test_success import TASKS

CROWD = 20
RACES = 5
RACERS = 4
# The first number of an owner that is not one of the crowd.
OTHERS = 50
# Tasks whose bodies write: artifacts, rows, a row in somebody's organisation, messages.
TWICE = ["preprocessing_transfer", "importing", "postprocessing", "notifying_users"]


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(n, owner(n)) for n in [*range(2, 2 + CROWD), *range(OTHERS, OTHERS + 10)]]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


@pytest.fixture(scope="module")
def alone(target: Target, exports: Exports) -> State:
    """What a relocation leaves that nothing happens at once with."""
    return relocated(target, submit(target, exports, OTHERS), OTHERS)


def test_twenty_relocations_at_once_each_have_their_own_rows(
    target: Target, exports: Exports, alone: State
) -> None:
    before = Tables.of(target)
    crowd = range(2, 2 + CROWD)
    with ThreadPoolExecutor(CROWD) as pool:
        uuids = list(pool.map(lambda number: submit(target, exports, number), crowd))
    ended = {uuid: target.ended(uuid, deadline=180) for uuid in uuids}
    assert Counter(record["status"] for record in ended.values()) == {"SUCCESS": CROWD}

    tables = Tables.of(target)
    for uuid, number in zip(uuids, crowd, strict=True):
        assert tables.relocated(uuid, acme(slug(number)), names(number)) == alone
        assert ended[uuid]["latestTaskAttempts"] == 1
        assert runs(target, uuid) == [f"{uuid}-1"]
    assert tables.strays(before, *uuids) == set()
    assert len({pk for record in ended.values() for pk in record["importedOrgIds"]}) == CROWD


def test_of_an_owners_relocations_at_once_one_wins(target: Target) -> None:
    for race in range(1, RACES + 1):
        answers = at_once(RACERS, lambda: create(target, OTHERS + 1))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: RACERS - 1}
        assert {answer.body["code"] for answer in answers if answer.status == 409} == {"owner-busy"}
        (won,) = (answer.body["uuid"] for answer in answers if answer.status == 201)
        owned = Key("owner").eq(f"{OTHERS + 1:020}")
        found = target.relocations.query(IndexName="by-owner", KeyConditionExpression=owned)["Items"]
        assert len(found) == race, "those that lost left nothing"
        target.staff.expect(200, "DELETE", f"{RELOCATIONS}{won}/upload/")


def test_the_event_of_an_upload_thrice_at_once_starts_one_run(
    target: Target, exports: Exports, alone: State
) -> None:
    number = OTHERS + 2
    trigger = target.cell.function("upload-trigger")
    file = exports.seal(acme(slug(number)))
    uuid = create(target, number, file.stat().st_size).body["uuid"]
    upload = target.staff.expect(200, "GET", f"{RELOCATIONS}{uuid}/upload/")
    parts = [{"PartNumber": part["partNumber"], "ETag": part["etag"]} for part in target.staff.send_parts(uuid, file)]
    key, bucket = f"uploads/{uuid}/raw-relocation-data.tar", target.cell.outputs["UploadsBucket"]
    event = json.dumps({"detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": file.stat().st_size}}})
    # Each of them has read the record before any of them has changed it.
    with Faults().broken(
        trigger, "delay", seconds=4, every=True, service="dynamodb", operation="TransactWriteItems"
    ) as commits:
        target.cell.client("s3").complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload["uploadId"], MultipartUpload={"Parts": parts}
        )
        at_once(3, lambda: invoke(target, "upload-trigger", event))
        assert commits.seen > 1, "they met"
    assert relocated(target, uuid, number) == alone
    assert runs(target, uuid) == [f"{uuid}-1"]


def test_a_run_that_is_started_twice_runs_once(target: Target, exports: Exports, alone: State) -> None:
    number = OTHERS + 3
    with Faults().broken(
        target.cell.function("outbox-relay"), "repeat", every=True, service="states", operation="StartExecution"
    ) as starts:
        uuid = submit(target, exports, number)
        assert relocated(target, uuid, number) == alone
        assert starts.broken
    assert runs(target, uuid) == [f"{uuid}-1"]
    assert {one["attempts"] for one in target.tasks(uuid)} == {1}


def test_two_runs_of_a_generation_do_as_one(target: Target, exports: Exports, alone: State) -> None:
    """The machine cannot have two runs of one name; two of different names stand for whatever may send twice."""
    number = OTHERS + 4
    queue = target.source("uploading-start")
    with queue.held():
        uuid = submit(target, exports, number)
        eventually(lambda: queue.waiting() == 1, what="the first run has come to its first task")
        start_run(target, uuid, "again")
        eventually(lambda: queue.waiting() == 2, what="so has the second")

    assert relocated(target, uuid, number) == alone
    eventually(lambda: set(statuses(target, uuid).values()) == {"SUCCEEDED"}, what="both runs end")
    assert len(statuses(target, uuid)) == 2
    visits = [one["task"] for one in target.tasks(uuid)]
    assert list(dict.fromkeys(visits)) == TASKS


@pytest.mark.parametrize(("number", "task"), list(enumerate(TWICE, OTHERS + 5)), ids=TWICE)
def test_a_message_that_is_handled_twice_at_once_has_one_outcome(
    target: Target, exports: Exports, alone: State, number: int, task: str
) -> None:
    function = task.replace("_", "-")
    queue = target.source(function)
    with queue.held():
        uuid = submit(target, exports, number)
        sqs = target.cell.client("sqs")
        eventually(lambda: queue.waiting() == 1, what=f"the relocation is before {task}")
        (message,) = sqs.receive_message(QueueUrl=queue.url, VisibilityTimeout=600)["Messages"]
        event = json.dumps({"Records": [{"messageId": "1", "receiptHandle": "1", "body": message["Body"]}]})
        # So that the second begins before the first has ended.
        with Faults().broken(target.cell.function(function), "delay", seconds=0.3, every=True, service="dynamodb"):
            answers = at_once(2, lambda: invoke(target, function, event))
        assert answers == [{"batchItemFailures": []}] * 2
        sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])

    assert relocated(target, uuid, number) == alone
    # The count says how often it was begun: that it was twice shows that they met.
    assert [one["attempts"] for one in target.tasks(uuid) if one["task"] == task] == [2]
    assert {one["attempts"] for one in target.tasks(uuid) if one["task"] != task} == {1}


def owner(number: int) -> str:
    """A name that no other name begins with."""
    return f"owner-{number:02}"


def slug(number: int) -> str:
    """Likewise."""
    return f"slug-{number:02}"


def create(target: Target, number: int, size: int = 100) -> Answer:
    """Asks for a relocation, whatever comes of it."""
    asked = {"owner": owner(number), "orgs": slug(number), "fileName": "export.tar", "fileSize": size}
    return target.staff.call("POST", RELOCATIONS, asked)


def submit(target: Target, exports: Exports, number: int) -> str:
    """Starts the relocation of an owner's organisation."""
    return target.submit(owner(number), [slug(number)], exports.seal(acme(slug(number))))


def names(number: int) -> dict[str, str]:
    """What the relocations of different owners differ in."""
    return {slug(number): "<slug>", slug(number).title(): "<Slug>", owner(number): "<owner>"}


def relocated(target: Target, uuid: str, number: int) -> State:
    """What a relocation that succeeded has added."""
    record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    return Tables.of(target).relocated(uuid, acme(slug(number)), names(number))


def at_once(count: int, act: Callable[[], Any]) -> list[Any]:
    """What comes of doing something several times, all beginning at the same moment."""
    barrier = threading.Barrier(count)

    def one(_: int) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def invoke(target: Target, function: str, event: str) -> Any:
    """What a function answers to an event that it is handed directly."""
    answer = target.cell.client("lambda").invoke(FunctionName=target.cell.function(function), Payload=event)
    content = answer["Payload"].read()
    assert "FunctionError" not in answer, content
    return json.loads(content)


def start_run(target: Target, uuid: str, suffix: str) -> None:
    """Starts another run of the first generation."""
    content = json.dumps({"uuid": uuid, "generation": 1, "startAt": TASKS[0]})
    machine = target.cell.outputs["StateMachine"]
    states = target.cell.client("stepfunctions")
    states.start_execution(stateMachineArn=machine, name=f"{uuid}-1-{suffix}", input=content)


def statuses(target: Target, uuid: str) -> dict[str, str]:
    """The runs of a relocation, and how they are."""
    states = target.cell.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=target.cell.outputs["StateMachine"])
    found = (run for page in pages for run in page["executions"])
    return {run["name"]: run["status"] for run in found if run["name"].startswith(uuid)}


def runs(target: Target, uuid: str) -> list[str]:
    """The names of a relocation's runs."""
    return sorted(statuses(target, uuid))
