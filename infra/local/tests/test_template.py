"""The template says what the code and the specification say."""

import json
import re
import unittest

from local_stack import template
from local_stack.paths import MACHINE, ROOT

TASKS = (ROOT / "shared/pipeline/src/task.rs").read_text()
CONFIG = (ROOT / "shared/runtime/src/config.rs").read_text()

# A row of the table of tasks: name, function, step, attempts, limit in minutes.
ROW = re.compile(r'"(\w+)", "([\w-]+)", \w+,\s+(\d+), (\d+),')


class TaskTable(unittest.TestCase):
    """The sixteen tasks, in the template and in the machine, are those of `pipeline`."""

    def setUp(self) -> None:
        self.template = template.read()
        self.parameters = {name: one.get("Default") for name, one in self.template["Parameters"].items()}
        self.states = json.loads(MACHINE.read_text())["States"]
        self.tasks = [(name, function, int(n), int(limit) * 60) for name, function, n, limit in ROW.findall(TASKS)]

    def test_there_are_sixteen(self) -> None:
        self.assertEqual(len(self.tasks), 16)

    def test_the_machine_visits_them_in_order(self) -> None:
        names = [name for name, *_ in self.tasks]
        following = dict(zip(names, [*names[1:], "Succeeded"], strict=True))
        for name, successor in following.items():
            after = self.states[self.states[name]["Next"]]
            self.assertIn({"Condition": "{% $states.input.outcome = 'next' %}", "Next": successor}, after["Choices"])
        starts = [choice["Next"] for choice in self.states["StartAt"]["Choices"]]
        self.assertEqual(starts, names)

    def test_each_task_is_asked_for_through_its_own_queue(self) -> None:
        for name, *_ in self.tasks:
            arguments = self.states[name]["Arguments"]
            self.assertEqual(arguments["QueueUrl"], f"${{{_logical(name)}Queue}}")
            self.assertEqual(arguments["MessageBody"]["task"], name)

    def test_the_machine_waits_for_all_attempts_and_their_backoff(self) -> None:
        for name, _, attempts, limit in self.tasks:
            parameter = re.fullmatch(r"\{% \$\{(\w+)\} %\}", self.states[name]["TimeoutSeconds"])[1]
            wanted = attempts * (limit + self.parameters["BackoffCapSeconds"]) + 60
            self.assertEqual(self.parameters[parameter], wanted, name)

    def test_every_state_that_waits_ends_in_a_reported_failure(self) -> None:
        waiting = {name for name, state in self.states.items() if state["Type"] == "Task"} - {"ReportFailure"}
        self.assertEqual(waiting, {name for name, *_ in self.tasks})
        for name in waiting:
            (catch,) = self.states[name]["Catch"]
            self.assertIn("TimeoutSeconds", self.states[name], name)
            self.assertEqual((catch["ErrorEquals"], catch["Next"]), (["States.ALL"], "ReportFailure"), name)
        # What reports a failure waits for nobody's answer, and ends the run whatever becomes of the report.
        report = self.states["ReportFailure"]
        self.assertTrue(report["Resource"].endswith(":sqs:sendMessage"))
        self.assertEqual((report["Next"], self.states["Failed"]["Type"]), ("Failed", "Fail"))

    def test_a_queue_outlasts_its_function_and_its_attempts(self) -> None:
        facts = self.template["Mappings"]["Function"]
        default = self.template["Globals"]["Function"]["Timeout"]
        for name, function, attempts, limit in self.tasks:
            of_task = facts[_logical(name)]
            declared = self.template["Resources"][f"{_logical(name)}Function"]["Properties"]
            timeout = declared.get("Timeout", default)
            self.assertEqual(timeout, min(limit, 300), name)
            self.assertEqual(of_task, {"Name": function, "Receives": attempts + 3, "Visibility": timeout + 10}, name)

    def test_the_loops_leave_no_function_out(self) -> None:
        loops = {key: value[1] for key, value in self.template["Resources"].items() if key.startswith("Fn::ForEach")}
        ordered = [_logical(name) for name, *_ in self.tasks]
        self.assertEqual(loops["Fn::ForEach::OrderedTasks"], ordered)
        others = loops["Fn::ForEach::OtherFunctions"]
        self.assertEqual(loops["Fn::ForEach::Functions"], ordered + others)
        names = [self.template["Mappings"]["Function"][one]["Name"] for one in ordered + others]
        self.assertEqual(template.function_names(), names)


class Environment(unittest.TestCase):
    """The functions' environment has the names that `runtime` reads, and no others."""

    def test_names(self) -> None:
        body = re.search(r"variables! \{\n(.*?)\n\}", CONFIG, re.DOTALL)[1]
        read = set(re.findall(r"^ +([A-Z_]+);$", body, re.MULTILINE))
        declared = template.read()
        given = set(declared["Globals"]["Function"]["Environment"]["Variables"])
        for name, resource in declared["Resources"].items():
            if name.endswith("Function") and isinstance(resource, dict):
                given |= set(resource["Properties"].get("Environment", {}).get("Variables", {}))
        queues = {name for name in given if name.startswith("QUEUE_")}
        self.assertEqual(given - queues - {"RUST_LOG"}, read)

    def test_each_task_knows_its_queue(self) -> None:
        resources = template.read()["Resources"]
        for name, *_ in ROW.findall(TASKS):
            variables = resources[f"{_logical(name)}Function"]["Properties"]["Environment"]["Variables"]
            queues = {f"QUEUE_{name.upper()}": {"Ref": f"{_logical(name)}Queue"}}
            if name == "notifying_users":  # The one task that asks for mails.
                queues["QUEUE_MAIL"] = {"Ref": "MailQueue"}
            self.assertEqual(variables, queues)


def _logical(task: str) -> str:
    """`uploading_start` is `UploadingStart` in the template."""
    return "".join(word.capitalize() for word in task.split("_"))
