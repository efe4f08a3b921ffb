"""What staff delete goes with all that depends on it, in both silos; until then it can be taken back."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from local_stack import inspection
from support import cascades
from support.client import relocate
from support.events import consumer
from support.exports import Row, account, member, organization, row
from support.target import Target
from support.waiting import eventually

DATE = "2024-01-01T00:00:00.000Z"
PATH = "/api/0/deletions/"
# The users of the cell.
ADMIN, ADA, BOB = 1, 2, 3
# Its organisations: one for each test that deletes or marks one.
GOES, STAYS, WAITS, GUARDED = 11, 12, 13, 14


@pytest.fixture(scope="module", autouse=True)
def seeded(target: Target) -> None:
    """Organisations with members, teams, and what control keeps of them."""
    rows = [*account(ADMIN, "admin", is_staff=True), *account(ADA, "ada"), *account(BOB, "bob")]
    rows += [organization(pk, f"org-{pk}") for pk in (GOES, STAYS, WAITS, GUARDED)]
    for one in rows:
        if one["model"] == "sentry.organization":
            one["fields"] |= {"status": 0, "date_added": DATE}
    rows += [member(100 + pk, pk, ADA) for pk in (GOES, STAYS)] + [member(200 + STAYS, STAYS, BOB)]
    rows += [row("team", 300 + number, organization=GOES, slug=f"team-{number}", name="Team") for number in range(120)]
    rows += [row("integration", 1, provider="github", external_id="1", name="Git", metadata={}, status=0)]
    rows += [
        row("organizationintegration", 400 + pk, organization_id=pk, integration=1, config={}, status=0)
        for pk in (GOES, STAYS)
    ]
    rows += guarded()
    target.seed(rows)


def guarded() -> list[Row]:
    """An alert rule that an incident does not let go."""
    rule = row("alertrule", 500, organization=GUARDED, name="rule", status=0)
    incident = row("incident", 600, organization=GUARDED, alert_rule=500, identifier=1, type=2, title="Down")
    return [rule, incident]


def is_there(target: Target, table: str, model: str, pk: int) -> bool:
    """Whether a row is in a silo."""
    key = {"pk": f"sentry.{model}#{pk // 256:020}", "sk": f"{pk:020}"}
    return "Item" in target.table(table).get_item(Key=key, ConsistentRead=True)


def status(target: Target, pk: int) -> int:
    """What an organisation says of itself."""
    key = {"pk": f"sentry.organization#{pk // 256:020}", "sk": f"{pk:020}"}
    return int(target.table("CellTable").get_item(Key=key, ConsistentRead=True)["Item"]["fields"]["status"])


def tombstones(target: Target, table: str) -> set[tuple[str, int]]:
    """Who is known to be gone elsewhere."""
    found = inspection.items(target.table(table), "TOMBSTONES", "0")
    return {(item["table"], int(item["object"])) for item in found}


def invoke(target: Target, function: str, event: dict[str, Any]) -> Any:
    """Calls a function, as its schedule does."""
    answer = target.cell.client("lambda").invoke(
        FunctionName=target.cell.function(function), Payload=json.dumps(event)
    )
    text = answer["Payload"].read()
    assert "FunctionError" not in answer, text
    return json.loads(text)


def cascade(target: Target, silo: str, model: str, field: str) -> dict[str, Any]:
    """How far a key is, as operators see it."""
    keys = json.loads(relocate(target, "cascade-status", "--json"))["keys"]
    (found,) = (key for key in keys if (key["silo"], key["model"], key["field"]) == (silo, f"sentry.{model}", field))
    return found


def follows(target: Target, model: str, pk: int, table: str) -> None:
    """Runs jobs until a row is gone that refers to somebody who is."""
    cascades.settled(target, lambda: not is_there(target, table, model, pk), f"{model} {pk} goes")


def test_an_organisation_goes_in_both_silos(target: Target) -> None:
    with consumer(target) as events:
        said = relocate(target, "delete", "sentry.organization", str(GOES), "--now", "--watch")
        assert said.splitlines()[-1] == f"sentry.organization {GOES}: gone"
        for model, pk in [("organization", GOES), ("organizationmember", 100 + GOES), ("team", 300), ("team", 419)]:
            assert not is_there(target, "CellTable", model, pk), model
        assert target.staff.call("GET", f"{PATH}sentry.organization/{GOES}/").body["code"] == "not-found"
        subject = f"sentry_organization/{GOES}"

        def told() -> list[str]:
            arrived = [event for event in events.receive() if event["subject"] == subject]
            kinds = sorted({event["type"] for event in arrived})
            return kinds if kinds == ["row.deleted", "row.deletion_started"] else []

        eventually(told, what="others are told that it begins, and that it is gone")

    eventually(lambda: ("sentry_organization", GOES) in tombstones(target, "ControlTable"), what="a tombstone")
    follows(target, "organizationintegration", 400 + GOES, "ControlTable")
    assert is_there(target, "ControlTable", "organizationintegration", 400 + STAYS), "that of the other stays"
    assert is_there(target, "CellTable", "organizationmember", 100 + STAYS)

    def reached() -> bool:
        key = cascade(target, "control", "organizationintegration", "organization_id")
        return key["tombstonesWatermark"] >= 1 and not key["hasMore"] and key["error"] is None

    cascades.settled(target, reached, "cascade-status shows that the key has followed")
    table = relocate(target, "cascade-status")
    assert any("sentry.organizationintegration.organization_id" in line for line in table.splitlines())


def test_a_user_goes_in_both_silos(target: Target) -> None:
    assert target.staff.expect(201, "POST", PATH, {"model": "sentry.user", "id": BOB, "days": 0})["silo"] == "control"
    eventually(lambda: not is_there(target, "ControlTable", "user", BOB), what="the user goes")
    assert not is_there(target, "ControlTable", "useremail", BOB)
    eventually(lambda: ("auth_user", BOB) in tombstones(target, "CellTable"), what="a tombstone")
    follows(target, "organizationmember", 200 + STAYS, "CellTable")
    assert is_there(target, "CellTable", "organizationmember", 100 + STAYS), "another user's membership stays"
    assert is_there(target, "ControlTable", "user", ADA)


def test_a_deletion_waits_can_be_moved_and_taken_back(target: Target) -> None:
    one = f"{PATH}sentry.organization/{WAITS}/"
    words = ("delete", "sentry.organization", str(WAITS))
    first = json.loads(relocate(target, *words, "--json"))
    added, due = (datetime.fromisoformat(first[name][:19]) for name in ("dateAdded", "dateDue"))
    assert (first["state"], due - added) == ("WAITING", timedelta(days=30))
    assert status(target, WAITS) == 1, "pending"
    moved = json.loads(relocate(target, *words, "--days", "7", "--json"))
    assert moved["dateAdded"] == first["dateAdded"] and moved["dateDue"] < first["dateDue"]
    listed = json.loads(relocate(target, "deletions", "--json"))["deletions"]
    assert [item["id"] for item in listed if item["model"] == "sentry.organization"] == [WAITS]

    assert invoke(target, "schedule-deletions", {})["called"] == 0, "its time has not come"
    for _ in range(2):
        relocate(target, *words, "--cancel")
        assert status(target, WAITS) == 0, "active"
        assert target.staff.call("GET", one).status == 404


def test_a_deletion_in_control_is_taken_back_too(target: Target) -> None:
    assert target.staff.expect(201, "POST", PATH, {"model": "sentry.user", "id": ADA})["state"] == "WAITING"
    relocate(target, "delete", "sentry.user", str(ADA), "--cancel")
    assert target.staff.call("GET", f"{PATH}sentry.user/{ADA}/").status == 404
    assert is_there(target, "ControlTable", "user", ADA)


def test_what_is_due_runs_by_schedule_unless_the_object_stays(target: Target) -> None:
    words = ("delete", "sentry.organization", str(WAITS))
    relocate(target, *words)
    let_it_be_due(target, WAITS)
    # Somebody else says that it stays.
    key = {"pk": f"sentry.organization#{0:020}", "sk": f"{WAITS:020}"}
    cell = target.table("CellTable")
    cell.update_item(
        Key=key,
        UpdateExpression="SET #fields.#status = :active",
        ExpressionAttributeNames={"#fields": "fields", "#status": "status"},
        ExpressionAttributeValues={":active": 0},
    )
    assert invoke(target, "schedule-deletions", {})["called"] == 1
    gone = f"{PATH}sentry.organization/{WAITS}/"
    eventually(lambda: target.staff.call("GET", gone).status == 404, what="the schedule goes")
    assert status(target, WAITS) == 0 and is_there(target, "CellTable", "organization", WAITS)

    relocate(target, *words)
    let_it_be_due(target, WAITS)
    assert invoke(target, "schedule-deletions", {})["called"] == 1
    eventually(lambda: not is_there(target, "CellTable", "organization", WAITS), what="the organisation goes")


def let_it_be_due(target: Target, pk: int) -> None:
    """Moves the date of an organisation's deletion to the past."""
    key = {"pk": "DELETIONS", "sk": f"sentry.organization#{pk:020}"}
    target.table("CellTable").update_item(
        Key=key,
        UpdateExpression="SET #fields.due = :past",
        ExpressionAttributeNames={"#fields": "fields"},
        ExpressionAttributeValues={":past": "2024-01-01T00:00:00Z"},
    )


def test_what_stands_in_the_way_is_named(target: Target) -> None:
    said = relocate(target, "delete", "sentry.alertrule", "500", "--now", "--watch", code=1)
    assert "given up" in said and "in the way: sentry.incident 600" in said
    assert is_there(target, "CellTable", "alertrule", 500) and is_there(target, "CellTable", "incident", 600)
    found = target.staff.expect(200, "GET", f"{PATH}sentry.alertrule/500/")
    assert (found["state"], found["inTheWay"]) == ("GIVEN_UP", [{"model": "sentry.incident", "id": 600}])

    relocate(target, "delete", "sentry.incident", "600", "--now", "--watch")
    relocate(target, "delete", "sentry.alertrule", "500", "--now", "--watch")
    assert not is_there(target, "CellTable", "alertrule", 500)


def test_what_is_not_there_is_refused(target: Target) -> None:
    for body, code in [
        ({"model": "sentry.ghost", "id": 1}, (400, "unknown-model")),
        ({"model": "sentry.organization", "id": 999}, (404, "unknown-object")),
        ({"model": "sentry.organization"}, (400, "invalid-field")),
    ]:
        answer = target.staff.call("POST", PATH, body)
        assert (answer.status, answer.body["code"]) == code
    customer = target.user(ADA, "ada")
    for method, path in [("GET", PATH), ("POST", PATH), ("GET", "/api/0/cascades/")]:
        assert customer.call(method, path, None if method == "GET" else {}).status == 403
