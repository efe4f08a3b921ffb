"""The state machine, on the emulator, with functions that only answer."""

import json
import time
import unittest
import uuid
from dataclasses import dataclass

from local_stack.paths import MACHINE

from . import world

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """How a run of the machine went: its last state, the tasks it entered, the visits that functions noted."""

    uuid: str
    ended: str
    tasks: list[str]
    visits: set[str]


class Machine(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.cell = world.cell()
        cls.states = cls.cell.client("stepfunctions")
        cls.dynamodb = cls.cell.client("dynamodb")

    def test_a_run_visits_the_sixteen_in_order(self) -> None:
        run = self.run_machine("next")
        self.assertEqual(run.ended, "SUCCEEDED Succeeded")
        self.assertEqual(run.tasks, self.starts())
        polled = {"validating_poll": "validating_poll/0/build-0"}
        self.assertEqual(run.visits, {polled.get(task, f"{task}/0") for task in run.tasks})

    def test_a_run_begins_anywhere(self) -> None:
        run = self.run_machine("next", "notifying_users")
        self.assertEqual(run.tasks, ["notifying_users", "notifying_owner", "completed"])

    def test_a_run_that_begins_nowhere_fails(self) -> None:
        self.assertEqual(self.run_machine("next", "nowhere").ended, "FAILED UnknownStart")

    def test_again_visits_the_task_on_further_turns(self) -> None:
        run = self.run_machine("again:importing", "importing")
        self.assertEqual(run.tasks[:5], ["importing"] * 4 + ["postprocessing"])
        self.assertLessEqual({f"importing/{turn}" for turn in range(4)}, run.visits)

    def test_polls_of_one_build_go_on(self) -> None:
        run = self.run_machine("again:validating_poll", "validating_start")
        self.assertEqual(run.tasks[:6], ["validating_start"] + ["validating_poll"] * 4 + ["validating_complete"])
        self.assertLessEqual({f"validating_poll/{turn}/build-0" for turn in range(4)}, run.visits)

    def test_a_poll_may_go_back_for_another_build(self) -> None:
        run = self.run_machine("back:validating_poll", "validating_start")
        self.assertEqual(run.tasks[:9], ["validating_start", "validating_poll"] * 4 + ["validating_complete"])
        self.assertLessEqual({f"validating_poll/{turn}/build-{turn}" for turn in range(4)}, run.visits)

    def test_a_task_may_end_the_run(self) -> None:
        for outcome, ended in {
            "paused": "SUCCEEDED Paused",
            "stopped": "SUCCEEDED Stopped",
            "failed": "FAILED Failed",
        }.items():
            with self.subTest(outcome):
                run = self.run_machine(f"{outcome}:preprocessing_scan")
                self.assertEqual(run.ended, ended)
                self.assertEqual(run.tasks[-1], "preprocessing_scan")

    def test_silence_is_told_to_dead_letter(self) -> None:
        run = self.run_machine("silence:preprocessing_scan", "preprocessing_scan")
        self.assertEqual(run.ended, "FAILED Failed")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "failed/States.Timeout" not in self.visits(run.uuid):
            self.assertLess(time.monotonic(), deadline, "nobody told dead-letter")
            time.sleep(0.05)

    def starts(self) -> list[str]:
        definition = json.loads(MACHINE.read_text())
        return [choice["Next"] for choice in definition["States"]["StartAt"]["Choices"]]

    def run_machine(self, answers: str, start_at: str = "uploading_start") -> Run:
        """Runs the machine to its end."""
        relocation = f"{answers}/{uuid.uuid4()}"
        arn = self.states.start_execution(
            stateMachineArn=self.cell.outputs["StateMachine"],
            input=json.dumps({"uuid": relocation, "generation": 1, "startAt": start_at}),
        )["executionArn"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (status := self.states.describe_execution(executionArn=arn)["status"]) == "RUNNING":
            self.assertLess(time.monotonic(), deadline, f"{relocation} does not end")
            time.sleep(0.05)
        events = self.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        tasks = [name for name in entered if name in self.starts()]
        return Run(relocation, f"{status} {entered[-1]}", tasks, self.visits(relocation))

    def visits(self, relocation: str) -> set[str]:
        """What the functions noted."""
        found = self.dynamodb.query(
            TableName=self.cell.outputs["RelocationsTable"],
            KeyConditionExpression="pk = :relocation",
            ExpressionAttributeValues={":relocation": {"S": relocation}},
        )
        return {item["sk"]["S"] for item in found["Items"]}
