"""A relocation is undone: both silos are as they were, row for row and unique value for unique value."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.api import RELOCATIONS, Api
from support.client import relocate
from support.events import consumer
from support.exports import Exports, acme, read, row
from support.faults import Faults
from support.kills import Kill, Killer
from support.state import State, Tables
from support.target import Target
from support.waiting import eventually

ORGANIZATIONS = 5
# After how long a message comes again whose function was killed.
REDELIVERED_SECONDS = 5
# Who asks for relocations as staff, and whose they are; both are in the generated instance.
ADMIN, OWNER = "admin", "owner"


@dataclass(frozen=True)
class Instance:
    """The cell before anything is relocated into it."""

    target: Target
    exports: Exports
    # The owner's primary key.
    owner: int

    def held(self) -> State:
        """What both silos hold now."""
        return Tables.of(self.target).held()

    def customer(self) -> Api:
        """The API for the owner."""
        return self.target.user(self.owner, OWNER)

    def relocated(self, slug: str) -> str:
        """Relocates an organisation of its own; answers with the relocation."""
        uuid = self.target.submit(OWNER, [slug], self.exports.seal(acme(slug)))
        assert self.target.ended(uuid)["status"] == "SUCCESS"
        return uuid

    def undoing(self, uuid: str) -> dict[str, Any]:
        """How undoing a relocation came out, once it did."""

        def found() -> dict[str, Any] | None:
            view = self.target.staff.expect(200, "GET", undo(uuid))
            return None if view["undo"]["status"] == "IN_PROGRESS" else view

        return eventually(found, 90, f"undoing {uuid} ends")

    def is_told(self, uuid: str, words: str) -> bool:
        """Whether there is a mail about a relocation that says so in its subject."""
        return any(words in mail["Subject"] for mail in self.target.mails() if uuid in mail["BodyText"])


def undo(uuid: str) -> str:
    """Where undoing a relocation is asked for."""
    return f"{RELOCATIONS}{uuid}/undo/"


@pytest.fixture(scope="module")
def export(exports: Exports) -> Path:
    """That of the demo."""
    return exports.generate(orgs=ORGANIZATIONS)


@pytest.fixture(scope="module")
def instance(target: Target, exports: Exports, export: Path) -> Instance:
    """That of the demo: a live instance, which has a slug and two usernames of the export already."""
    rows = read(export)
    taken = [one["fields"]["username"] for one in rows if one["model"] == "sentry.user"][:2]
    slug = next(one["fields"]["slug"] for one in rows if one["model"] == "sentry.organization")
    usernames = ",".join([ADMIN, OWNER, *taken])
    live = exports.generate(orgs=1, instance=True, seed=2, usernames=usernames, slugs=slug)
    target.seed(live)
    users = {one["fields"]["username"]: one["pk"] for one in read(live) if one["model"] == "sentry.user"}
    return Instance(target, exports, users[OWNER])


@pytest.fixture
def before(instance: Instance) -> State:
    """What both silos hold before a test relocates anything."""
    return instance.held()


def assert_as_before(instance: Instance, before: State) -> None:
    """Compares, and names only what differs."""
    now = instance.held()
    different = {name for name in before.keys() | now.keys() if before.get(name) != now.get(name)}
    assert different == set()


def test_the_demos_relocation_leaves_nothing(instance: Instance, export: Path, before: State) -> None:
    rows = read(export)
    slugs = [one["fields"]["slug"] for one in rows if one["model"] == "sentry.organization"]
    uuid = instance.target.submit(OWNER, slugs, instance.exports.seal(export))
    assert instance.target.ended(uuid)["status"] == "SUCCESS"
    relocated = instance.held()
    assert len(relocated) > len(before) + len(rows) * 0.9, "a row and what it holds each"

    foreseen = json.loads(relocate(instance.target, "undo", uuid, "--dry-run", "--json").splitlines()[-1])
    assert (foreseen["undo"]["status"], foreseen["undo"]["dryRun"]) == ("SUCCESS", True)
    assert instance.held() == relocated, "a rehearsal changes nothing"

    with consumer(instance.target) as events:
        asked = instance.customer().expect(202, "POST", undo(uuid))
        assert asked["undo"]["number"] == 2
        undone = instance.undoing(uuid)
        eventually(lambda: "relocation.undone" in {event["type"] for event in events.receive()}, what="others are told")
    assert undone["undo"]["status"] == "SUCCESS", undone
    assert undone["report"] == foreseen["report"]
    assert undone["report"]["models"]["sentry.organization"]["deleted"] == ORGANIZATIONS
    assert_as_before(instance, before)
    eventually(lambda: instance.is_told(uuid, "was undone"), what="a mail")
    assert "attempt 2: done" in relocate(instance.target, "show", uuid)


def test_the_same_export_can_be_relocated_and_undone_again(instance: Instance, before: State) -> None:
    for _ in range(2):
        uuid = instance.relocated("again")
        assert "organization" in relocate(instance.target, "undo", uuid)
        assert_as_before(instance, before)


def test_what_others_have_built_on_it_stands_in_the_way(instance: Instance, before: State) -> None:
    uuid = instance.relocated("built")
    (brought,) = instance.target.staff.relocation(uuid)["importedOrgIds"]
    later = row("team", 999_000, organization=brought, slug="later", name="Later")
    instance.target.seed([later])
    built = instance.held()
    said = relocate(instance.target, "undo", uuid, code=1)
    assert f"sentry.team {later['pk']} depends on sentry.organization {brought}" in said
    assert instance.held() == built, "nothing is changed"
    assert instance.customer().call("POST", undo(uuid), {"cascade": True}).body["code"] == "forbidden"
    said = relocate(instance.target, "undo", uuid, "--cascade")
    assert "1 of others deleted" in said
    assert_as_before(instance, before)


def test_a_failed_relocation_is_cleaned_up(instance: Instance, before: State) -> None:
    target = instance.target
    uuid = target.staff.create(OWNER, ["fails"], (file := instance.exports.seal(acme("fails"))).stat().st_size)["uuid"]
    target.staff.expect(200, "PUT", f"{RELOCATIONS}{uuid}/pause/", {"atStep": "POSTPROCESSING"})
    assert instance.customer().call("POST", undo(uuid)).body["code"] == "not-undoable"
    target.staff.upload(uuid, file)
    eventually(lambda: target.staff.relocation(uuid)["status"] == "PAUSE", 90, "it is imported")
    assert instance.held() != before
    target.staff.expect(200, "PUT", f"{RELOCATIONS}{uuid}/abort/")
    relocate(target, "undo", uuid)
    assert_as_before(instance, before)
    refused = target.staff.call("PUT", f"{RELOCATIONS}{uuid}/recover/")
    assert refused.body["code"] == "not-recoverable"


def test_what_was_accepted_only_staff_undo(instance: Instance, before: State) -> None:
    uuid = instance.relocated("accepted")
    accepted = instance.customer().expect(200, "POST", f"{RELOCATIONS}{uuid}/accept/")
    assert accepted["dateAccepted"] >= accepted["dateEnded"]
    assert instance.customer().call("POST", undo(uuid)).body["code"] == "already-accepted"
    relocate(instance.target, "undo", uuid)
    assert_as_before(instance, before)
    assert instance.customer().call("POST", undo(uuid)).status == 403
    assert instance.target.staff.call("POST", undo(uuid)).body["code"] == "already-undone"


def test_killed_it_goes_on(instance: Instance, before: State) -> None:
    uuid = instance.relocated("killed")
    # Each but the first counts from the one before it: of a try that goes on with what is left.
    kills = [Kill("undo-relocation", "kill-before", 8), Kill("undo-relocation", "kill-after", 30)]
    kills += [Kill("undo-relocation", "kill-after", 2, "TransactWriteItems")]
    queue = instance.target.source("undo-relocation")
    with queue.redelivering(REDELIVERED_SECONDS), Killer(instance.target, kills) as killer:
        instance.target.staff.expect(202, "POST", undo(uuid))

        def ended() -> bool:
            killer.look()
            view = instance.target.staff.expect(200, "GET", undo(uuid))
            return view["undo"]["status"] != "IN_PROGRESS"

        eventually(ended, 90, "it ends")
        killer.look()
        assert killer.killed("undo-relocation") == len(kills)
    assert instance.undoing(uuid)["undo"]["status"] == "SUCCESS"
    assert_as_before(instance, before)


def test_a_store_that_does_not_answer_is_asked_again_later(instance: Instance, before: State) -> None:
    uuid = instance.relocated("later")
    function = instance.target.cell.function("undo-relocation")
    postponing = {"service": "sqs", "operation": "ChangeMessageVisibility"}
    with Faults().broken(function, "delay", seconds=0, every=True, **postponing) as postponed:
        with Faults().broken(function, "fail", every=True, operation="TransactWriteItems"):
            instance.target.staff.expect(202, "POST", undo(uuid))
            eventually(lambda: postponed.broken, 60, "it is put off")
        assert instance.undoing(uuid)["undo"]["status"] == "SUCCESS"
    assert_as_before(instance, before)


def test_what_dies_again_and_again_breaks_off_and_is_asked_for_again(instance: Instance, before: State) -> None:
    uuid = instance.relocated("dies")
    queue = instance.target.source("undo-relocation")
    with queue.held():
        instance.target.staff.expect(202, "POST", undo(uuid))
        queue.bury()
        broken = instance.undoing(uuid)["undo"]
    assert (broken["status"], broken["failureReason"]["code"]) == ("FAILURE", "undo-broke-off")
    eventually(lambda: instance.is_told(uuid, "could not be undone"), what="a mail")
    relocate(instance.target, "undo", uuid)
    assert_as_before(instance, before)


def test_an_upload_that_never_came_leaves_nothing_to_undo(instance: Instance, before: State) -> None:
    uuid = instance.target.staff.create(OWNER, ["never"], 10)["uuid"]
    instance.target.staff.expect(200, "PUT", f"{RELOCATIONS}{uuid}/abort/")
    view = json.loads(relocate(instance.target, "undo", uuid, "--json").splitlines()[-1])
    assert (view["undo"]["status"], view["report"]["models"]) == ("SUCCESS", {})
    assert_as_before(instance, before)
