"""What dies without a word ends all the same: the relocation goes on, or fails and says so."""

import functools

import pytest
from support.exports import Exports, account, acme
from support.target import Target
from support.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(n, f"owner-{n}") for n in range(2, 5)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


def test_a_task_that_dies_fails_its_relocation(target: Target, exports: Exports) -> None:
    queue = target.source("preprocessing-transfer")
    queue.enable(False)
    uuid = target.submit("owner-2", ["dies"], exports.seal(acme("dies")))
    queue.bury()

    record = target.ended(uuid)
    queue.enable(True)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "task-died")
    eventually(lambda: "task-died" in " ".join(mail["BodyText"] for mail in target.mails() if uuid in mail["BodyText"]))
    assert run(target, uuid) == "FAILED"


def test_a_validation_run_that_dies_is_followed_by_another(target: Target, exports: Exports) -> None:
    queue = target.source("validation-run")
    queue.enable(False)
    uuid = target.submit("owner-3", ["rerun"], exports.seal(acme("rerun")))
    queue.bury()
    queue.enable(True)
    assert target.ended(uuid)["status"] == "SUCCESS"
    tasks = [visit["task"] for visit in target.tasks(uuid)]
    assert tasks.count("validating_start") == 2


def test_a_third_validation_run_that_dies_is_the_last(target: Target, exports: Exports) -> None:
    queue = target.source("validation-run")
    queue.enable(False)
    uuid = target.submit("owner-4", ["exhausted"], exports.seal(acme("exhausted")))
    for _ in range(3):
        queue.bury()
    record = target.ended(uuid)
    queue.enable(True)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "validation-runs-exhausted")


def run(target: Target, uuid: str) -> str:
    """How the state machine's run of a relocation ended."""
    states = target.cell.client("stepfunctions")
    machine = target.cell.outputs["StateMachine"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{uuid}-1"
    describe = functools.partial(states.describe_execution, executionArn=arn)
    eventually(lambda: describe()["status"] != "RUNNING", what="the run ends")
    return describe()["status"]
