"""Each step, given to each call that takes one, wherever a relocation is (SPEC, "HTTP API")."""

from collections.abc import Iterator

import pytest
from support.exports import Exports, account
from support.target import Target
from test_steering import STEPS, Relocation

# All that a step can be.
ALL = ["UNKNOWN", "UPLOADING", *STEPS, "COMPLETED"]
# What takes a step, and how it calls it.
CALLS = {"pause": "atStep", "unpause": "untilStep", "cancel": "atStep"}
OWNERS = range(10, 20)


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(number, f"owner-{number}") for number in OWNERS]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    """Those of owners, because an owner has one relocation at a time."""
    return iter(OWNERS)


def test_only_a_pausable_step_that_is_still_to_come_can_be_named(
    target: Target, exports: Exports, numbers: Iterator[int]
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    relocation.steer("pause", atStep="preprocessing")
    relocation.upload()
    for current in STEPS:
        assert relocation.paused()["step"] == current
        ahead = ALL[ALL.index(current) + 1 : -1]
        for call, field in CALLS.items():
            for step in ALL:
                if step not in ahead:
                    assert refused(relocation, call, **{field: step}) == "step-not-schedulable", (current, call, step)
            for nonsense in ("nowhere", "", " importing"):
                assert refused(relocation, call, **{field: nonsense}) == "unknown-step"
        for step in ahead:
            for spelt in (step, step.lower(), step.title()):
                assert relocation.steer("pause", atStep=spelt)["scheduledPauseAtStep"] == step
        record = relocation.record()
        assert (record["status"], record["step"]) == ("PAUSE", current), "refusals change nothing"
        if ahead:
            relocation.steer("unpause", untilStep=ahead[0])
    assert refused(relocation, "pause") == "no-step-left"
    assert refused(relocation, "cancel") == "no-step-left"
    relocation.steer("unpause")
    assert relocation.ended()["status"] == "SUCCESS"
    assert [refused(relocation, call) for call in CALLS] == ["not-pausable", "not-unpausable", "not-cancellable"]


def test_a_cancellation_can_be_moved_to_any_step_to_come(
    target: Target, exports: Exports, numbers: Iterator[int]
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    for step in reversed(STEPS):
        assert relocation.steer("cancel", atStep=step.lower())["scheduledCancelAtStep"] == step
    relocation.upload()
    record = relocation.ended()
    assert (record["status"], record["step"]) == ("FAILURE", next(iter(STEPS)))
    assert relocation.steer("cancel")["status"] == "FAILURE", "what has failed already is answered as it is"


def test_recovering_takes_the_steps_that_unpausing_takes(
    target: Target, exports: Exports, numbers: Iterator[int]
) -> None:
    relocation = Relocation(target, exports, next(numbers))
    relocation.steer("pause", atStep="importing")
    relocation.upload()
    relocation.paused()
    relocation.steer("abort")
    for step in ALL:
        if step not in ("POSTPROCESSING", "NOTIFYING"):
            assert refused(relocation, "recover", untilStep=step) == "step-not-schedulable", step
    relocation.steer("recover", untilStep="Notifying")
    assert relocation.paused()["step"] == "NOTIFYING"
    relocation.steer("unpause")
    assert relocation.ended()["status"] == "SUCCESS"


def refused(relocation: Relocation, call: str, **body: str) -> str:
    """The code that a call is refused with."""
    answer = relocation.ask("PUT", call, **body)
    assert answer.status == 400, f"{call} {body}: {answer}"
    return answer.body["code"]
