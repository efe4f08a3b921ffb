"""What all ordered tasks do alike, tried with each of them: what cannot be done now is put off, and what comes at the
wrong time ends the relocation."""

import json
from contextlib import ExitStack

import pytest
from support.exports import account
from support.faults import Faults
from support.target import Target
from support.waiting import eventually
from test_success import TASKS


@pytest.fixture(scope="module")
def relocations(target: Target) -> dict[str, str]:
    """A relocation for each task, before its first: its file never comes."""
    owners = {task: f"owner-{n}" for n, task in enumerate(TASKS, 2)}
    people = [account(n, owner) for n, owner in enumerate(owners.values(), 2)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))
    return {task: target.staff.create(owner, ["acme"], 1000)["uuid"] for task, owner in owners.items()}


@pytest.fixture(scope="module", autouse=True)
def untimely(target: Target, relocations: dict[str, str]) -> None:
    """Asks for every task at once, while none can read the record."""
    # Only the first task cannot come too early, so that it has to come too often.
    spent = {":task": TASKS[0], ":attempts": 4}
    target.relocations.update_item(
        Key={"pk": f"R#{relocations[TASKS[0]]}", "sk": "REC"},
        UpdateExpression="SET #fields.latestTask = :task, #fields.latestTaskAttempts = :attempts",
        ExpressionAttributeNames={"#fields": "fields"},
        ExpressionAttributeValues=spent,
    )
    sqs = target.cell.client("sqs")
    with ExitStack() as broken:
        for task in TASKS:
            function = target.cell.function(task.replace("_", "-"))
            broken.enter_context(Faults().broken(function, "fail", service="dynamodb", every=True))
        for task, uuid in relocations.items():
            message = {"uuid": uuid, "generation": 0, "task": task, "turn": 0, "token": "nobody-waits"}
            sqs.send_message(QueueUrl=target.source(task.replace("_", "-")).url, MessageBody=json.dumps(message))
        eventually(lambda: all(has_put_off(target, task) for task in TASKS), what="every task puts its message off")
    # They fail their relocations now, and the mails that say so cannot be sent.
    with Faults().broken(target.cell.function("send-mail"), "fail", service="ses", every=True):
        eventually(lambda: has_put_off(target, "send_mail"), what="a mail is put off")


@pytest.mark.parametrize("task", TASKS)
def test_a_task_that_comes_at_the_wrong_time_fails_its_relocation(
    target: Target, relocations: dict[str, str], task: str
) -> None:
    record = target.ended(relocations[task])
    code = "uploading-start-failed" if task == TASKS[0] else "task-out-of-order"
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", code)


def has_put_off(target: Target, function: str) -> bool:
    """Whether a function has put a message off."""
    calls = Faults().calls(target.cell.function(function.replace("_", "-")))
    return any(one["operation"] == "ChangeMessageVisibility" for one in calls)
