"""Whatever dies, and at whichever call: a relocation ends in success with the tables that an undisturbed one leaves, or
in failure with its mail when something dies every time.

Each function is killed before and after each of its calls, as an undisturbed relocation counts them. That takes about
800 kills and a quarter of an hour, so a run tries those around commits and answers, and others that a seed chooses:

    RELOCATE_TEST_FULL=1 tests/run --python -k test_killed    every kill
    RELOCATE_TEST_SEED=7 tests/run --python -k test_killed    the ones that seed 7 chooses
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from local_stack import inspection
from support.api import RELOCATIONS
from support.cells import deployed, running
from support.exports import Exports, Row, account, member, organization, user
from support.faults import Faults, Rule
from support.kills import ACTIONS, LAST, Kill, Killer, Plan, Proof, counted, every, sample
from support.state import State, Tables
from support.target import ENDED, Target
from support.waiting import eventually
from test_success import TASKS

FULL = os.environ.get("RELOCATE_TEST_FULL") == "1"
SEED = int(os.environ.get("RELOCATE_TEST_SEED") or random.randrange(10**6))

# Relocations wait far more than they compute, so that several side by side use two cores better than one.
CELLS = 5
# How long a message stays unseen when its function dies.
VISIBILITY_SECONDS = "1"
# How often the test looks who died; a function's next process comes later than that.
LOOK_SECONDS = 0.3
DEADLINE_SECONDS = 400

# Names each relocation.
NUMBERS = count(1)

ORDERED = [task.replace("_", "-") for task in TASKS]
# These work off many messages, none of which the relocation's progress hangs on alone.
AT_ONCE = ("outbox-relay", "send-mail")
ALL = [*ORDERED, "validation-run", *AT_ONCE, "upload-trigger"]
COMMIT = "TransactWriteItems"
SOMETIME = {"expireUpload", "expireArtifacts"}


@dataclass(frozen=True)
class Undisturbed:
    """What a relocation comes to when nothing is broken."""

    state: State
    mails: Counter[tuple[str, str]]
    # How many calls, and how many transactions, each function makes.
    calls: dict[str, int]
    commits: dict[str, int]


@dataclass(frozen=True)
class Cell:
    """A cell, and how relocations through it are told from each other."""

    target: Target
    exports: Exports

    @classmethod
    def prepared(cls, target: Target, folder: Path) -> "Cell":
        """A cell whose queues deliver soon again what a dead function had, and whose mails have a short lease."""
        target.seed([*account(1, "admin", is_staff=True), *account(2, "owner")])
        for url in target.cell.client("sqs").list_queues()["QueueUrls"]:
            configure(target, url, VisibilityTimeout=VISIBILITY_SECONDS)
        functions = target.cell.client("lambda")
        # Nobody else gets the message of a function that only takes longer than that.
        for function in [*ORDERED, "validation-run", "send-mail", "dead-letter"]:
            name = target.cell.function(function)
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        functions.update_function_configuration(FunctionName=target.cell.function("send-mail"), Timeout=15)
        return cls(target, Exports.into(folder, target.binaries, target.public_key))

    def begin(self, number: int) -> "Run":
        """Uploads an export with names of its own. One of its users has a name that is taken."""
        slug = f"killed-{number:04}"
        # Users who are imported take the primary keys that follow.
        self.target.seed(account(20 * number, f"{slug}-bo"))
        people = [user(1, f"{slug}-ada"), user(2, f"{slug}-bo")]
        rows = [organization(1, slug), *people, member(1, 1, 1, "owner"), member(2, 1, 2)]
        file = self.exports.seal(rows)
        uuid = self.target.submit("owner", [slug], file)
        return Run(self.target, uuid, number, slug, rows, file.stat().st_size)


@dataclass(frozen=True)
class Run:
    """A relocation that is under way."""

    target: Target
    uuid: str
    number: int
    slug: str
    rows: list[Row]
    size: int

    def record(self) -> dict[str, Any]:
        """The record, read past the API, which has enough to do."""
        return self.target.relocations.get_item(Key={"pk": f"R#{self.uuid}", "sk": "REC"})["Item"]["fields"]

    def end(self, killer: Killer | None = None) -> dict[str, Any]:
        """The record when the relocation has ended. Meanwhile, functions are killed."""
        uploads = 0

        def ended() -> dict[str, Any] | None:
            nonlocal uploads
            if killer:
                killer.look()
                if killer.killed("upload-trigger") > uploads == 0:
                    uploads = 1
                    self.tell_of_upload_again()
            record = self.record()
            return record if record["status"] in ENDED else None

        return eventually(ended, DEADLINE_SECONDS, f"{self.slug}, relocation {self.uuid}, ends", LOOK_SECONDS)

    def tell_of_upload_again(self) -> None:
        """Does what Lambda does when a function dies of an event. The emulator does it, too, but for EventBridge."""
        key = f"uploads/{self.uuid}/raw-relocation-data.tar"
        bucket = self.target.cell.outputs["UploadsBucket"]
        detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": self.size}}
        event = {"detail-type": "Object Created", "source": "aws.s3", "detail": detail}
        name = self.target.cell.function("upload-trigger")
        functions = self.target.cell.client("lambda")
        functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))

    def state(self) -> State:
        """What the relocation added to the tables."""
        names = {self.slug: "<slug>", self.slug.title(): "<Slug>"}
        return Tables.of(self.target).relocated(self.uuid, self.rows, names)

    def mails(self) -> Counter[tuple[str, str]]:
        """The mails about this relocation: to whom, and what about."""
        mails = [(mail["To"][0], mail["Subject"]) for mail in self.target.mails() if self.slug in mail["Subject"]]
        return Counter((to.replace(self.slug, "<slug>"), about.replace(self.slug, "<slug>")) for to, about in mails)

    def settle(self, killer: Killer | None = None) -> None:
        """Waits until every event of the relocation is relayed, and every mail that was asked for is dealt with."""

        def settled() -> bool:
            if killer:
                killer.look()
            return not self.unrelayed() and not messages(self.target, self.target.source("send-mail").url)

        eventually(settled, DEADLINE_SECONDS, f"{self.slug} has nothing more to tell", LOOK_SECONDS)

    def unrelayed(self) -> list[str]:
        """What is left of the outbox, but for what waits for its time."""
        entries = inspection.items(self.target.relocations, f"R#{self.uuid}", "OUT#")
        return [one["entry"] for one in entries if not any(word in one["entry"] for word in SOMETIME)]


@pytest.fixture(scope="module")
def cells(endpoint: str, binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cell]]:
    print(f"\nRELOCATE_TEST_SEED={SEED}")
    with ExitStack() as stack:

        def cell(number: int) -> Cell:
            target = stack.enter_context(deployed(f"{__name__}-{number}", endpoint, binaries, {}))
            return Cell.prepared(target, tmp_path_factory.mktemp("exports"))

        with ThreadPoolExecutor(CELLS) as pool:
            found = list(pool.map(cell, range(CELLS)))
        yield found


@pytest.fixture(scope="module")
def undisturbed(cells: list[Cell]) -> Undisturbed:
    """Two relocations, because the second finds functions that run already: it makes fewer calls."""
    def once() -> Undisturbed:
        target = cells[0].target
        with counted(target, ALL) as calls, counted(target, ALL, COMMIT) as commits:
            run = cells[0].begin(next(NUMBERS))
            record = run.end()
            assert record["status"] == "SUCCESS", record["failureReason"]
            run.settle()
        return Undisturbed(run.state(), run.mails(), calls, commits)

    first, second = once(), once()
    assert first.state == second.state
    assert first.mails == second.mails
    assert set(first.mails.values()) == {1}
    fewest = {function: min(first.calls[function], second.calls[function]) for function in ALL}
    return Undisturbed(first.state, first.mails, fewest, second.commits)


def test_a_relocation_succeeds_whoever_is_killed_and_when(cells: list[Cell], undisturbed: Undisturbed) -> None:
    kills = every(undisturbed.calls)
    print(f"{len(kills)} kills: {undisturbed.calls}")
    if not FULL:
        kills = [*around_outcomes(undisturbed.commits), *sample(kills, SAMPLES, SEED)]
    random.Random(SEED).shuffle(kills)
    plan = Plan(kills, stands=STANDS, stands_else=2, stands_together=32 if FULL else 8, at_once=AT_ONCE)

    def stand(cell: Cell) -> None:
        while some := plan.take():
            plan.give_back(some, stood(cell, some, undisturbed))

    began, wanted = time.monotonic(), len(kills)
    with ThreadPoolExecutor(CELLS) as pool:
        list(pool.map(stand, cells))
    died = Counter(proof.kill.function for proof in plan.proofs)
    print(f"{len(plan.proofs)} of {wanted} kills in {time.monotonic() - began:.0f} s: {dict(died)}")
    assert not plan.unproven()


# How many kills of the functions that are not ordered tasks one relocation stands: a validation run is
# delivered twice, the event of an upload three times.
STANDS = {"validation-run": 1, "upload-trigger": 2, "outbox-relay": 2, "send-mail": 2}
SAMPLES = dict.fromkeys(ORDERED, 2) | {"validation-run": 8, "outbox-relay": 12, "send-mail": 12, "upload-trigger": 6}


def around_outcomes(commits: dict[str, int]) -> list[Kill]:
    """The kills before and after the commit of an outcome, and before and after the token's answer."""
    outcomes = [(function, COMMIT, commits[function]) for function in ORDERED]
    answers = [(function, LAST, 1) for function in ORDERED]
    return [Kill(function, action, nth, what) for function, what, nth in outcomes + answers for action in ACTIONS]


def stood(cell: Cell, kills: list[Kill], undisturbed: Undisturbed) -> list[Proof]:
    """Has functions killed in a relocation, which comes to the same as if they had not been."""
    began = time.monotonic()
    with Killer(cell.target, kills, AT_ONCE) as killer:
        run = cell.begin(next(NUMBERS))
        record = run.end(killer)
        run.settle(killer)
        proofs = killer.proofs
    killed = ", ".join(str(proof.kill) for proof in proofs)
    print(f"{run.slug} {record['status']} {record['failureReason']} after {time.monotonic() - began:.0f} s; {killed}")
    assert record["status"] == "SUCCESS", (run.slug, record["failureReason"], killed)
    assert run.state() == undisturbed.state, killed
    mails = run.mails()
    assert mails.keys() == undisturbed.mails.keys(), killed
    assert (mails - undisturbed.mails).total() <= sum(map(may_double_a_mail, proofs)), (mails, killed)
    return proofs


def may_double_a_mail(proof: Proof) -> bool:
    """Whether SES may have sent a mail that is not marked as sent: nobody can know, so it is sent again."""
    if proof.kill.function != "send-mail":
        return False
    at = (proof.call["operation"], proof.kill.action)
    return at in {("SendEmail", "kill-after"), ("PutItem", "kill-before")}


def configure(target: Target, url: str, **attributes: str) -> None:
    """Changes a queue from outside."""
    target.cell.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)


def messages(target: Target, url: str) -> int:
    """How many messages are in a queue, those that were received included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = target.cell.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


# --- What dies every time ---


def test_what_dies_every_time_fails_its_relocation(cells: list[Cell]) -> None:
    side_by_side(cells, [*ORDERED, "validation-run"], dies_at_its_first_call)


def test_a_task_that_dies_whenever_it_has_begun_spends_its_attempts(cells: list[Cell]) -> None:
    # Polls have 61 attempts, which take minutes.
    tasks = [task for task in ORDERED if FULL or task != "validating-poll"]
    chosen = tasks if FULL else random.Random(SEED).sample(tasks, CELLS)
    side_by_side(cells, chosen, dies_after_each_commit)


def side_by_side(cells: list[Cell], functions: list[str], check: Callable[[Cell, str], None]) -> None:
    """Has each function checked in one of the cells."""
    left: SimpleQueue[str | None] = SimpleQueue()
    for one in [*functions, *[None] * len(cells)]:
        left.put(one)

    def work(cell: Cell) -> None:
        while function := left.get():
            check(cell, function)

    with ThreadPoolExecutor(len(cells)) as pool:
        list(pool.map(work, cells))


def dies_at_its_first_call(cell: Cell, function: str) -> None:
    """A function that never gets to the record is noticed by its queue alone, whose dead letter ends the relocation."""
    before = Tables.of(cell.target)
    with deliveries(cell.target, function) as most, broken(cell.target, function, "kill-before") as rule:
        run = cell.begin(next(NUMBERS))
        record = run.end()
        died = len(rule.broken)
    # Three validation runs are tried.
    wanted = ("validation-runs-exhausted", 3 * most) if function == "validation-run" else ("task-died", most)
    failed(run, record, wanted[0])
    assert died == wanted[1], function
    if function in ["validation-run", *ORDERED[: ORDERED.index("importing") + 1]]:
        # Only the user is new whom the test put there, to be in the way.
        strays = Tables.of(cell.target).strays(before)
        assert {stray.split()[1] for stray in strays} == {f"{20 * run.number:020}"}, function
    recovers(run, record)


def dies_after_each_commit(cell: Cell, function: str) -> None:
    """A function that dies in its body has counted the attempt, and the last one is the task's failure."""
    with broken(cell.target, function, "kill-after", operation=COMMIT):
        run = cell.begin(next(NUMBERS))
        record = run.end()
    failed(run, record, f"{function}-failed")
    assert record["latestTask"] == function.replace("-", "_")
    assert record["latestTaskAttempts"] == {"importing": 5, "validating-poll": 61}.get(function, 4)
    recovers(run, record)


def failed(run: Run, record: dict[str, Any], code: str) -> None:
    """The relocation has failed with this code, owner and creator have been told, and its run has ended."""
    reason = record["failureReason"]
    assert (record["status"], reason and reason["code"]) == ("FAILURE", code), run.slug
    run.settle()
    told = [mail["To"][0] for mail in run.target.mails() if run.uuid in mail["BodyText"] and code in mail["BodyText"]]
    assert sorted(told) == ["admin@example.com", "owner@example.com"], run.slug
    eventually(lambda: not running(run.target), what=f"the run of {run.slug} ends")


def broken(target: Target, function: str, action: str, **which: Any) -> AbstractContextManager[Rule]:
    """Breaks every such call of a function."""
    return Faults().broken(target.cell.function(function), action, every=True, **which)


def recovers(run: Run, failed: dict[str, Any]) -> None:
    """Now that nothing dies any more, one more attempt at the latest task leads to success, where there is one."""
    answer = run.target.staff.call("PUT", f"{RELOCATIONS}{run.uuid}/recover/")
    if failed["latestTask"] in (None, "validating_poll", "validating_complete"):
        assert (answer.status, answer.body["code"]) == (400, "not-recoverable"), run.slug
        return
    assert answer.status == 200, (run.slug, answer)
    record = run.end()
    # There are three validation runs, however often a fourth is asked for.
    is_spent = failed["failureReason"]["code"] == "validation-runs-exhausted"
    assert record["failureReason"] == (failed["failureReason"] if is_spent else None), run.slug
    assert record["status"] == ("FAILURE" if is_spent else "SUCCESS"), run.slug


@contextmanager
def deliveries(target: Target, function: str) -> Iterator[int]:
    """How often a function's queue delivers a message: as often as the template says in the full run, and for one task
    in a normal run, which leaves the others four times to save its own."""
    url = target.source(function).url
    sqs = target.cell.client("sqs")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
    policy = json.loads(found["RedrivePolicy"])
    if not FULL and function != "uploading-complete":
        policy["maxReceiveCount"] = min(int(policy["maxReceiveCount"]), 4)
        configure(target, url, RedrivePolicy=json.dumps(policy))
    yield int(policy["maxReceiveCount"])
    configure(target, url, **found)


# --- What buries the dead ---


@pytest.mark.parametrize("kind", ["visit", "run", "validation"])
def test_dead_letter_may_die_itself(cells: list[Cell], undisturbed: Undisturbed, kind: str) -> None:
    """Whether it is told of a visit, of a run that timed out, or of a validation run."""
    def undisturbed_calls() -> int:
        with counted(cells[0].target, ["dead-letter"]) as calls:
            buried(cells[0], kind, [], undisturbed)
        return calls["dead-letter"]

    # Should it meet the run itself at the record, it reads that again: what it does in any case is less.
    kills = every({"dead-letter": min(undisturbed_calls() for _ in range(2))})
    assert kills
    plan = Plan(kills, stands={}, stands_else=3, stands_together=3, at_once=())

    def stand(cell: Cell) -> None:
        while some := plan.take():
            plan.give_back(some, buried(cell, kind, some, undisturbed))

    with ThreadPoolExecutor(CELLS) as pool:
        list(pool.map(stand, cells))
    print(f"{kind}: {len(plan.proofs)} of {len(kills)} kills")
    assert not plan.unproven()


def buried(cell: Cell, kind: str, kills: list[Kill], undisturbed: Undisturbed) -> list[Proof]:
    """Buries something that belongs to a relocation, and sees what becomes of that."""
    target = cell.target
    source = target.source("validation-run" if kind == "validation" else "uploading-start")
    source.enable(False)
    with Killer(target, kills) as killer:
        run = cell.begin(next(NUMBERS))
        if kind == "run":
            eventually(source.waiting, what="the run waits")
            sqs = target.cell.client("sqs")
            letters = next(url for url in sqs.list_queues()["QueueUrls"] if "FailuresQueue" in url)
            report = {"uuid": run.uuid, "generation": 1, "task": "uploading_start", "turn": 0, "error": "late"}
            sqs.send_message(QueueUrl=letters, MessageBody=json.dumps(report))
        else:
            letters = source.letters()
            source.bury()
            source.enable(True)
        record = run.end(killer)

        def is_read() -> bool:
            killer.look()
            return not messages(target, letters)

        eventually(is_read, DEADLINE_SECONDS, f"{run.slug}'s letter is read", LOOK_SECONDS)
    source.enable(True)
    if kind == "validation":
        run.settle()
        assert record["status"] == "SUCCESS", (run.slug, record["failureReason"])
        assert run.state() == undisturbed.state
        assert run.mails() == undisturbed.mails
    else:
        failed(run, record, "task-died")
    return killer.proofs
