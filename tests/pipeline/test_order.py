"""Each ordered task matters: while nobody reads its queue, the relocation stays exactly before it."""

import pytest
from local_stack import inspection
from support.exports import Exports, account, acme
from support.target import Source, Target
from support.waiting import eventually
from test_success import TASKS


@pytest.fixture(scope="module")
def queues(target: Target) -> dict[str, Source]:
    queues = {task: target.source(task.replace("_", "-")) for task in TASKS}
    for queue in queues.values():
        queue.enable(False)
    return queues


@pytest.fixture(scope="module")
def uuid(target: Target, exports: Exports, queues: dict[str, Source]) -> str:
    target.seed(account(1, "admin", is_staff=True))
    return target.submit("admin", ["acme"], exports.seal(acme()))


@pytest.mark.parametrize("task", TASKS)
def test_a_relocation_stays_before_a_task_whose_queue_nobody_reads(
    target: Target, queues: dict[str, Source], uuid: str, task: str
) -> None:
    # Polls of a run that has not ended are no end of the task, so that its message comes again and again.
    before = TASKS[: TASKS.index(task)]
    eventually(lambda: queues[task].waiting() == 1, what=f"the message for {task} is there")

    record = target.staff.relocation(uuid)
    assert record["status"] == "IN_PROGRESS"
    assert record["latestTask"] == (before[-1] if before else None)
    assert entered(target, uuid) == [*before, task]
    assert outcomes(target, uuid) == set(before)

    queues[task].enable(True)


def test_with_all_of_them_it_succeeds(target: Target, uuid: str) -> None:
    assert target.ended(uuid)["status"] == "SUCCESS"


def entered(target: Target, uuid: str) -> list[str]:
    """The tasks that the state machine has come to, each once."""
    states = target.cell.client("stepfunctions")
    machine = target.cell.outputs["StateMachine"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{uuid}-1"
    events = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    names = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return list(dict.fromkeys(name for name in names if name in TASKS))


def outcomes(target: Target, uuid: str) -> set[str]:
    """The tasks that have an outcome."""
    return {item["sk"].split("#")[2] for item in inspection.items(target.relocations, f"R#{uuid}", "DONE#")}
