"""Staff steer relocations through the real pipeline: pause and unpause, cancel, abort, recover, retry."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.api import RELOCATIONS, Answer
from support.cells import running
from support.exports import Exports, Row, account, acme
from support.faults import Faults
from support.state import State, Tables
from support.target import Target
from support.waiting import eventually
from test_success import TASKS

# The steps at which something can be scheduled, each with its first task.
STEPS = {
    "PREPROCESSING": "preprocessing_scan",
    "VALIDATING": "validating_start",
    "IMPORTING": "importing",
    "POSTPROCESSING": "postprocessing",
    "NOTIFYING": "notifying_unhide",
}
# A verdict about a validation run that is over cannot be given anew.
FINAL = ("validating_poll", "validating_complete")
OWNERS = range(10, 50)
AT_ONCE = 20
# How long a task is held up before it ends, so that it is aborted in flight.
HELD_SECONDS = 4


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(number, f"owner-{number}") for number in OWNERS]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """Those of owners, because an owner has one relocation at a time."""
    return iter(OWNERS)


@pytest.fixture(scope="module")
def undisturbed(target: Target, exports: Exports, numbers: Iterator[int]) -> State:
    """What a relocation adds to the tables that nobody steers."""
    relocation = Relocation(target, exports, next(numbers))
    relocation.upload()
    assert relocation.ended()["status"] == "SUCCESS"
    return relocation.state()


class Relocation:
    """A relocation of an organisation with names of its own; its file is uploaded later."""

    def __init__(self, target: Target, exports: Exports, number: int) -> None:
        self.target, self.slug = target, f"acme-{number}"
        self.rows: list[Row] = acme(self.slug)
        self.file = exports.seal(self.rows)
        self.number = number
        self.uuid = target.staff.create(f"owner-{number}", [self.slug], self.file.stat().st_size)["uuid"]

    def upload(self) -> None:
        self.target.staff.upload(self.uuid, self.file)

    def ask(self, method: str, call: str, **body: str) -> Answer:
        return self.target.staff.call(method, f"{RELOCATIONS}{self.uuid}/{call}/", body or None)

    def steer(self, call: str, **body: str) -> dict[str, Any]:
        answer = self.ask("PUT", call, **body)
        assert answer.status == 200, f"{call} {body}: {answer}"
        return answer.body

    def record(self) -> dict[str, Any]:
        return self.target.staff.relocation(self.uuid)

    def ended(self) -> dict[str, Any]:
        return self.target.ended(self.uuid)

    def paused(self) -> dict[str, Any]:
        def record() -> dict[str, Any] | None:
            found = self.record()
            return found if found["status"] == "PAUSE" else None

        return eventually(record, 60, f"relocation {self.uuid} pauses")

    def visited(self) -> list[str]:
        """The tasks that it came to, each once, in order."""
        return list(dict.fromkeys(one["task"] for one in self.target.tasks(self.uuid)))

    def is_running(self) -> bool:
        return any(run.startswith(self.uuid) for run in running(self.target))

    def state(self) -> State:
        names = {self.slug: "<slug>", self.slug.title(): "<Slug>", f"owner-{self.number}": "<owner>"}
        return Tables.of(self.target).relocated(self.uuid, self.rows, names)


def test_paused_before_each_step_it_comes_to_the_same(
    target: Target, exports: Exports, numbers: Iterator[int], undisturbed: State
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    first, *others = STEPS
    assert relocation.steer("pause")["scheduledPauseAtStep"] == first, "the next step, when none is named"
    relocation.upload()
    for step, until in zip(STEPS, [*others, None], strict=True):
        record = relocation.paused()
        assert record["scheduledPauseAtStep"] is None
        # A paused relocation has no run, so that it keeps its place for as long as anybody likes.
        eventually(lambda: not relocation.is_running(), what="its run has ended")
        # The visit to the step's first task is the one that found that it is to pause.
        assert relocation.visited() == TASKS[: TASKS.index(STEPS[step]) + 1]
        relocation.steer("unpause", **({"untilStep": until} if until else {}))
    assert relocation.ended()["status"] == "SUCCESS"
    for part, content in undisturbed.items():
        assert relocation.state()[part] == content, part


def test_a_scheduled_pause_is_moved_and_removed(target: Target, exports: Exports, numbers: Iterator[int]) -> None:
    relocation = Relocation(target, exports, next(numbers))
    relocation.steer("pause", atStep="importing")
    assert relocation.steer("unpause", untilStep="Notifying")["scheduledPauseAtStep"] == "NOTIFYING"
    assert relocation.steer("unpause")["scheduledPauseAtStep"] is None
    relocation.upload()
    assert relocation.ended()["status"] == "SUCCESS"


def test_cancelled_before_each_step(target: Target, exports: Exports, numbers: Iterator[int]) -> None:
    cancelled = {step: Relocation(target, exports, next(numbers)) for step in STEPS}
    for step, relocation in cancelled.items():
        assert relocation.steer("cancel", atStep=step)["scheduledCancelAtStep"] == step
        relocation.upload()
    for step, relocation in cancelled.items():
        record = relocation.ended()
        assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "cancelled-by-administrator")
        assert relocation.visited() == TASKS[: TASKS.index(STEPS[step]) + 1]
        is_imported = TASKS.index(STEPS[step]) > TASKS.index("importing")
        assert bool(record["importedOrgIds"]) == is_imported, step
        assert relocation.steer("cancel")["status"] == "FAILURE", "it has what a cancel wants"
    mails = [mail for mail in target.mails() if "could not" in mail["Subject"].lower()]
    assert mails == [], "administrators' decisions are not mailed"


def test_aborted_in_each_task_and_recovered_it_comes_to_the_same(
    target: Target, exports: Exports, numbers: Iterator[int], undisturbed: State
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    tasks = [task for task in TASKS if task not in FINAL]
    begin, *others = [Abort(relocation, task) for task in tasks]
    with begin:
        relocation.upload()
        begin.strike()
    for abort in others:
        with abort:
            relocation.steer("recover")
            abort.strike()
    relocation.steer("recover")
    assert relocation.ended()["status"] == "SUCCESS"
    audit = target.staff.expect(200, "GET", f"{RELOCATIONS}{relocation.uuid}/audit/")["lines"]
    assert [line["action"] for line in audit] == ["create", *["abort", "recover"] * len(tasks)]
    assert [line["detail"] for line in audit if line["action"] == "recover"] == tasks
    for part, content in undisturbed.items():
        assert relocation.state()[part] == content, part


class Abort:
    """An abort while a task is in flight."""

    def __init__(self, relocation: Relocation, task: str) -> None:
        self.relocation, self.task = relocation, task
        self.function = relocation.target.cell.function(task.replace("_", "-"))

    def __enter__(self) -> "Abort":
        # The first transaction on the table of relocations begins the task, a later one ends it.
        self.rule = Faults().broken(
            self.function, "delay", nth=2, seconds=HELD_SECONDS, service="dynamodb", operation="TransactWriteItems"
        )
        self.held = self.rule.__enter__()
        return self

    def strike(self) -> None:
        """Aborts once the task is held up."""
        eventually(lambda: self.held.broken, 60, f"{self.task} is in flight")
        record = self.relocation.steer("abort")
        assert (record["latestTask"], record["status"]) == (self.task, "FAILURE")
        assert record["failureReason"]["code"] == "aborted-by-administrator"
        # Its run is stopped, and what was in flight ends without a word.
        eventually(lambda: not self.relocation.is_running(), what="its run has ended")

    def __exit__(self, *error: object) -> None:
        self.rule.__exit__(*error)


@pytest.mark.parametrize("task", FINAL)
def test_what_judges_a_validation_run_that_is_over_is_not_recovered(
    target: Target, exports: Exports, numbers: Iterator[int], task: str
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    with Abort(relocation, task) as abort:
        relocation.upload()
        abort.strike()
    answer = relocation.ask("PUT", "recover")
    assert (answer.status, answer.body["code"]) == (400, "not-recoverable")


def test_a_failed_one_is_retried_with_its_file(target: Target, exports: Exports, numbers: Iterator[int]) -> None:
    relocation = Relocation(target, exports, next(numbers))
    relocation.steer("cancel", atStep="IMPORTING")
    relocation.upload()
    assert relocation.ended()["status"] == "FAILURE"
    answer = relocation.ask("POST", "retry")
    assert answer.status == 201, answer
    assert answer.body["uuid"] != relocation.uuid
    assert target.ended(answer.body["uuid"])["status"] == "SUCCESS"
    assert relocation.ask("POST", "retry").status == 201, "as often as one likes, when the owner is free"


def ask_for(relocation: Relocation, call: str, step: str) -> Answer:
    return relocation.ask("PUT", call, atStep=step)


def at_once(call: Callable[[], Answer]) -> list[Answer]:
    """The answers to a call that is made many times at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(AT_ONCE)]]


def test_of_twenty_at_once_exactly_one_wins(target: Target, exports: Exports, numbers: Iterator[int]) -> None:
    number = next(numbers)
    size = exports.seal(acme("many")).stat().st_size
    asked = {"owner": f"owner-{number}", "orgs": "many", "fileName": "export.tar", "fileSize": size}
    won(at_once(lambda: target.staff.call("POST", RELOCATIONS, asked)), 201, "owner-busy")

    relocation = Relocation(target, exports, next(numbers))
    both = iter([("pause", "NOTIFYING"), ("cancel", "IMPORTING")] * (AT_ONCE // 2))
    assert {answer.status for answer in at_once(lambda: ask_for(relocation, *next(both)))} == {200}
    record = relocation.record()
    kept = (record["scheduledPauseAtStep"], record["scheduledCancelAtStep"])
    assert kept == ("NOTIFYING", "IMPORTING"), "nobody's change is lost"
    relocation.target.staff.expect(200, "DELETE", f"{RELOCATIONS}{relocation.uuid}/upload/")

    relocation = Relocation(target, exports, next(numbers))
    relocation.steer("pause")
    relocation.upload()
    relocation.paused()
    won(at_once(lambda: relocation.ask("PUT", "unpause", untilStep="IMPORTING")), 200, "not-unpausable", others=200)
    relocation.paused()
    won(at_once(lambda: relocation.ask("PUT", "abort")), 200, "not-abortable")
    won(at_once(lambda: relocation.ask("PUT", "recover")), 200, "not-failed")
    assert relocation.ended()["status"] == "SUCCESS"
    # The upload, the unpausing and the recovery began a run each, however many asked for them.
    states = target.cell.client("stepfunctions")
    machine = target.cell.outputs["StateMachine"]
    runs = states.get_paginator("list_executions").paginate(stateMachineArn=machine).search("executions[].name")
    assert sorted(run for run in runs if run.startswith(relocation.uuid)) == [
        f"{relocation.uuid}-{generation}" for generation in (1, 2, 3)
    ]


def test_of_twenty_at_once_one_upload_arrives_is_given_up_or_retried(
    target: Target, exports: Exports, numbers: Iterator[int]
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    parts = target.staff.send_parts(relocation.uuid, relocation.file)
    complete = f"{RELOCATIONS}{relocation.uuid}/upload/complete/"
    answers = at_once(lambda: target.staff.call("POST", complete, {"parts": parts}))
    assert {answer.status for answer in answers} == {200}, "each is answered as the first one is"
    assert relocation.ended()["status"] == "SUCCESS"

    given_up = Relocation(target, exports, next(numbers))
    answers = at_once(lambda: given_up.ask("DELETE", "upload"))
    assert sorted(answer.status for answer in answers) == [200, *[409] * (AT_ONCE - 1)], answers
    assert {answer.body["code"] for answer in answers if answer.status == 409} <= {"not-uploading", "changed-meanwhile"}

    failed = Relocation(target, exports, next(numbers))
    failed.steer("pause")
    failed.upload()
    failed.paused()
    failed.steer("abort")
    won(at_once(lambda: failed.ask("POST", "retry")), 201, "owner-busy")


def won(answers: list[Answer], status: int, code: str, others: int | None = None) -> None:
    """One got what it asked for; the others were told why not, or, if that is possible, changed what is scheduled."""
    winners = [answer for answer in answers if answer.status == status]
    losers = {answer.body["code"] for answer in answers if answer.status != status}
    if others is None:
        assert len(winners) == 1, answers
    assert losers <= {code}, answers


def test_autopause_holds_new_relocations(target: Target, exports: Exports, numbers: Iterator[int]) -> None:
    staff = target.staff
    options = "/api/0/relocation-options/"
    staff.expect(200, "PUT", f"{options}relocation.autopause/", {"value": "NOTIFYING"})
    staff.expect(200, "PUT", f"{options}relocation.autopause.self-hosted/", {"value": "VALIDATING"})
    relocation = Relocation(target, exports, next(numbers))
    assert relocation.record()["scheduledPauseAtStep"] == "VALIDATING", "the option of its provenance goes first"
    staff.expect(200, "PUT", f"{options}relocation.autopause.self-hosted/", {"value": ""})
    other = Relocation(target, exports, next(numbers))
    assert other.record()["scheduledPauseAtStep"] == "NOTIFYING"
    staff.expect(200, "PUT", f"{options}relocation.autopause/", {"value": ""})
    for paused in (relocation, other):
        paused.upload()
    relocation.paused()
    relocation.steer("unpause")
    other.paused()
    other.steer("unpause")
    assert {relocation.ended()["status"], other.ended()["status"]} == {"SUCCESS"}

