"""What fails in passing is tried again with a backoff, as often as its task may be; then it fails with a code."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from support.api import RELOCATIONS
from support.exports import Exports, account, acme
from support.faults import Faults, Rule
from support.target import Target
from support.waiting import eventually

# The product's own values. Nobody waits for them: a wait is noted, and then cut short.
BASE_SECONDS, CAP_SECONDS = 60, 900
PARAMETERS = {"BackoffBaseSeconds": str(BASE_SECONDS), "BackoffCapSeconds": str(CAP_SECONDS)}
FIRST, LAST = 10, 30


@dataclass(frozen=True)
class Case:
    """A task, what its body cannot do without, and how often it may be begun."""

    task: str
    service: str
    attempts: int

    @property
    def function(self) -> str:
        return self.task.replace("_", "-")

    @property
    def needs(self) -> dict[str, str]:
        return {"service": self.service}


SCAN = Case("preprocessing_scan", "kms", 4)
TRANSFER = Case("preprocessing_transfer", "s3", 4)
JUDGE = Case("validating_complete", "s3", 4)
IMPORT = Case("importing", "s3", 5)


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(n, f"owner-{n}") for n in range(FIRST, LAST)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """Those of owners, because an owner has one relocation at a time."""
    return iter(range(FIRST, LAST))


@pytest.fixture(scope="module")
def waits() -> list[tuple[int, int]]:
    """The waits in seconds that were noted, each behind the number of the failure."""
    return []


def test_a_transient_error_heals_on_the_second_the_third_and_the_last_attempt(
    target: Target, exports: Exports, numbers: Iterator[int], waits: list[tuple[int, int]]
) -> None:
    heals_on = {SCAN: 2, TRANSFER: 3, JUDGE: JUDGE.attempts, IMPORT: IMPORT.attempts}
    with ExitStack() as stack:
        broken = {case: stack.enter_context(ExitStack()) for case in heals_on}
        for case, until in broken.items():
            until.enter_context(Faults().broken(target.cell.function(case.function), "fail", every=True, **case.needs))
        postponed = {case: stack.enter_context(noting(target, case)) for case in heals_on}
        uuid = submit(target, exports, next(numbers))
        for case, attempt in heals_on.items():
            for failed in range(1, attempt):
                message = noted(postponed[case], failed)
                waits.append((failed, message.wait))
                if failed == attempt - 1:
                    broken[case].close()
                message.cut_short(target)
        record = target.ended(uuid)
    assert record["status"] == "SUCCESS", record["failureReason"]
    begun = {one["task"]: one["attempts"] for one in target.tasks(uuid)}
    assert begun == dict.fromkeys(begun, 1) | {case.task: attempt for case, attempt in heals_on.items()}


@pytest.mark.parametrize("case", [TRANSFER, IMPORT], ids=lambda case: case.task)
def test_one_more_fails_the_relocation_with_the_tasks_code(
    target: Target, exports: Exports, numbers: Iterator[int], waits: list[tuple[int, int]], case: Case
) -> None:
    function = target.cell.function(case.function)
    with Faults().broken(function, "fail", every=True, **case.needs), noting(target, case) as postponed:
        uuid = submit(target, exports, next(numbers))
        for failed in range(1, case.attempts):
            message = noted(postponed, failed)
            waits.append((failed, message.wait))
            message.cut_short(target)
        record = target.ended(uuid)
        assert postponed.seen == case.attempts - 1, "the last failure is an outcome"
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", f"{case.function}-failed")
    assert (record["latestTask"], record["latestTaskAttempts"]) == (case.task, case.attempts)
    # What was in its way is gone: one more attempt is given, and taken.
    recovered = target.staff.expect(200, "PUT", f"{RELOCATIONS}{uuid}/recover/")
    assert (recovered["failureReason"], recovered["latestTaskAttempts"]) == (None, case.attempts - 1)
    assert target.ended(uuid)["status"] == "SUCCESS"
    assert [one["attempts"] for one in target.tasks(uuid) if one["task"] == case.task][-1] == case.attempts


def test_waits_double_and_are_spread(waits: list[tuple[int, int]]) -> None:
    """Any of them may be short by chance; all together are not."""
    if not waits:
        pytest.skip("the other tests of this file note the waits")
    longest = {failed: min(BASE_SECONDS * 2 ** (failed - 1), CAP_SECONDS) for failed, _ in waits}
    assert all(1 <= wait <= longest[failed] for failed, wait in waits), waits
    assert any(wait > BASE_SECONDS for _, wait in waits), waits
    assert any(wait < longest[failed] * 3 / 4 for failed, wait in waits), waits


def test_a_delivery_that_fails_before_the_protocol_is_no_attempt(
    target: Target, exports: Exports, numbers: Iterator[int]
) -> None:
    reads = {"service": "dynamodb", "operation": "GetItem"}
    function = target.cell.function(TRANSFER.function)
    with ExitStack() as stack:
        throttled = stack.enter_context(ExitStack())
        throttled.enter_context(Faults().broken(function, "throttle", every=True, **reads))
        postponed = stack.enter_context(noting(target, TRANSFER))
        uuid = submit(target, exports, next(numbers))
        # More often than the task may be begun, and not as often as the queue gives up.
        for failed in range(1, TRANSFER.attempts + 2):
            message = noted(postponed, failed)
            assert target.staff.relocation(uuid)["latestTask"] == SCAN.task, "the task was not begun"
            if failed == TRANSFER.attempts + 1:
                throttled.close()
            message.cut_short(target)
        assert target.ended(uuid)["status"] == "SUCCESS"
    assert {one["attempts"] for one in target.tasks(uuid)} == {1}


def test_a_receive_that_comes_to_no_function_is_no_attempt(
    target: Target, exports: Exports, numbers: Iterator[int]
) -> None:
    """As when Lambda has no room: it takes the message, cannot hand it on, and lets it return."""
    queue, sqs = target.source(TRANSFER.function), target.cell.client("sqs")
    ask = {"QueueUrl": queue.url, "VisibilityTimeout": 0, "AttributeNames": ["ApproximateReceiveCount"]}
    with queue.held():
        uuid = submit(target, exports, next(numbers))
        for time in range(1, TRANSFER.attempts + 2):
            (message,) = eventually(lambda: sqs.receive_message(**ask).get("Messages"), what="the message")
            assert message["Attributes"]["ApproximateReceiveCount"] == str(time)
    assert target.ended(uuid)["status"] == "SUCCESS"
    assert {one["attempts"] for one in target.tasks(uuid)} == {1}


@dataclass(frozen=True)
class Postponed:
    """A message that is to be seen again after a while."""

    url: str
    receipt: str
    wait: int

    def cut_short(self, target: Target) -> None:
        """Lets it be seen now."""
        sqs = target.cell.client("sqs")
        sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=self.receipt, VisibilityTimeout=0)


def noting(target: Target, case: Case) -> AbstractContextManager[Rule]:
    """Notes how a task postpones messages, which is not changed by it."""
    postponing = {"service": "sqs", "operation": "ChangeMessageVisibility"}
    return Faults().broken(target.cell.function(case.function), "delay", seconds=0, every=True, **postponing)


def noted(rule: Rule, number: int) -> Postponed:
    """The `number`-th postponement, once it is in force."""

    def there() -> list[dict[str, Any]]:
        return [call for call in rule.broken[number - 1 :] if call.get("answered")]

    asked = json.loads(eventually(there, what=f"failure {number}")[0]["body"])
    return Postponed(asked["QueueUrl"], asked["ReceiptHandle"], asked["VisibilityTimeout"])


def submit(target: Target, exports: Exports, number: int) -> str:
    """Starts the relocation of an owner's organisation."""
    return target.submit(f"owner-{number}", [f"slug-{number}"], exports.seal(acme(f"slug-{number}")))
