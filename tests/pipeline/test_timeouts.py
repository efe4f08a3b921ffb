"""A task that nobody answers for times out, and its relocation fails and says so."""

from collections.abc import Iterator

import pytest
from local_stack import inspection
from support.cells import running
from support.exports import Exports, account, acme
from support.target import Source, Target
from support.waiting import eventually
from test_success import TASKS

# One task for each of the machine's timeouts; the last first, so that relocations pass the queues that are still read.
SILENT = ["importing", "validating_poll", "preprocessing_scan", "uploading_complete"]
SECONDS = "10"
PARAMETERS = {
    name: SECONDS
    for name in ("ShortTaskTimeoutSeconds", "LongTaskTimeoutSeconds", "PollTimeoutSeconds", "ImportTimeoutSeconds")
}


@pytest.fixture(scope="module")
def queues(target: Target) -> dict[str, Source]:
    return {task: target.source(task.replace("_", "-")) for task in SILENT}


@pytest.fixture(scope="module")
def waiting(target: Target, exports: Exports, queues: dict[str, Source]) -> Iterator[dict[str, str]]:
    """For each of the tasks a relocation that waits for it."""
    people = [account(n, f"owner-{n}") for n, _ in enumerate(SILENT, start=2)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))
    uuids: dict[str, str] = {}
    for n, task in enumerate(SILENT, start=2):
        queues[task].enable(False)
        file = exports.seal(acme(f"silent-{n}"))
        uuids[task] = target.submit(f"owner-{n}", [f"silent-{n}"], file)
        eventually(lambda task=task: queues[task].waiting() == 1, what=f"a message for {task}")
    yield uuids
    for queue in queues.values():
        queue.enable(True)


@pytest.mark.parametrize("task", SILENT)
def test_a_task_that_nobody_answers_for_fails_its_relocation(
    target: Target, waiting: dict[str, str], task: str
) -> None:
    uuid = waiting[task]
    record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "task-died")
    before = TASKS.index(task) - 1
    assert record["latestTask"] == TASKS[before]

    def told() -> list[str]:
        return sorted(mail["To"][0] for mail in target.mails() if uuid in mail["BodyText"] and code in mail["BodyText"])

    code = "task-died"
    owner = f"owner-{SILENT.index(task) + 2}@example.com"
    eventually(lambda: told() == ["admin@example.com", owner], what="owner and creator are told")
    eventually(lambda: not any(run.startswith(uuid) for run in running(target)), what="the run ends")


def test_the_message_that_comes_later_changes_nothing(
    target: Target, waiting: dict[str, str], queues: dict[str, Source]
) -> None:
    for queue in queues.values():
        queue.enable(True)
    eventually(lambda: not any(queue.waiting() for queue in queues.values()), what="the messages are received")
    for uuid in waiting.values():
        record = target.staff.relocation(uuid)
        assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "task-died")
        assert inspection.items(target.relocations, f"R#{uuid}", "OUT#00")
