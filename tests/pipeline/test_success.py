"""A relocation that succeeds, from the upload to the last mail, and everything that it leaves behind."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from local_stack import inspection
from support.exports import Exports, Row, account, organization, read
from support.target import Target
from support.waiting import eventually

ORGANIZATIONS = 5
TASKS = [
    "uploading_start",
    "uploading_complete",
    "preprocessing_scan",
    "preprocessing_transfer",
    "preprocessing_baseline_config",
    "preprocessing_colliding_users",
    "preprocessing_complete",
    "validating_start",
    "validating_poll",
    "validating_complete",
    "importing",
    "postprocessing",
    "notifying_unhide",
    "notifying_users",
    "notifying_owner",
    "completed",
]
INPUTS = ["raw-relocation-data.tar", "kms-config.json", "filter-usernames.txt", "baseline-config.tar"]


@dataclass(frozen=True)
class Relocated:
    """A relocation that has ended, and what went in."""

    target: Target
    record: dict[str, Any]
    rows: list[Row]

    @property
    def uuid(self) -> str:
        return self.record["uuid"]

    def rows_of(self, model: str) -> list[dict[str, Any]]:
        return [row["fields"] for row in self.rows if row["model"] == f"sentry.{model}"]

    def imported_organizations(self) -> list[dict[str, Any]]:
        table = self.target.table("CellTable")
        keys = (
            {"pk": f"sentry.organization#{pk // 256:020}", "sk": f"{pk:020}"} for pk in self.record["importedOrgIds"]
        )
        return [table.get_item(Key=key, ConsistentRead=True)["Item"]["fields"] for key in keys]

    def mails(self) -> dict[str, list[str]]:
        """The subjects of the mails that each address got."""
        found: dict[str, list[str]] = {}
        for mail in self.target.mails():
            for address in mail["To"]:
                found.setdefault(address, []).append(mail["Subject"])
        return found


@pytest.fixture(scope="module")
def relocated(target: Target, exports: Exports) -> Relocated:
    export = exports.generate(orgs=ORGANIZATIONS)
    rows = read(export)
    slugs = [row["fields"]["slug"] for row in rows if row["model"] == "sentry.organization"]
    taken = next(row["fields"]["username"] for row in rows if row["model"] == "sentry.user")
    people = [*account(1, "admin", is_staff=True), *account(2, "owner"), *account(3, taken)]
    target.seed([*people, organization(1, slugs[0])])
    uuid = target.submit("owner", slugs, exports.seal(export))
    return Relocated(target, target.ended(uuid), rows)


def test_an_export_of_a_thousand_rows_succeeds(relocated: Relocated) -> None:
    assert len(relocated.rows) >= 1000
    assert relocated.record["status"] == "SUCCESS", relocated.record["failureReason"]
    assert relocated.record["step"] == "COMPLETED"
    assert relocated.record["latestNotified"] == "SUCCEEDED"


def test_each_task_ran_once_in_order(relocated: Relocated) -> None:
    ran = relocated.target.tasks(relocated.uuid)
    once = [name for n, name in enumerate(one["task"] for one in ran) if n == 0 or ran[n - 1]["task"] != name]
    assert once == TASKS
    assert {one["attempts"] for one in ran} == {1}


def test_owner_and_creator_are_told(relocated: Relocated) -> None:
    def all_told() -> bool:
        mails = relocated.mails()
        return all(len(mails.get(who, [])) >= 2 for who in ("owner@example.com", "admin@example.com"))

    eventually(all_told, what="owner and creator have two mails each")
    subjects = relocated.mails()
    assert subjects["owner@example.com"] == subjects["admin@example.com"]
    assert len(subjects["owner@example.com"]) == 2


def test_every_imported_user_is_asked_to_claim_the_account(relocated: Relocated) -> None:
    wanted = {fields["email"] for fields in relocated.rows_of("user")}
    eventually(lambda: wanted <= relocated.mails().keys(), what="everyone has a mail")
    mails = relocated.mails()
    assert {len(mails[address]) for address in wanted} == {1}
    assert mails.keys() == wanted | {"owner@example.com", "admin@example.com"}


def test_organizations_are_active_and_the_owners(relocated: Relocated) -> None:
    organizations = relocated.imported_organizations()
    assert len(organizations) == ORGANIZATIONS
    assert {fields["status"] for fields in organizations} == {0}
    cell = relocated.target.table("CellTable")
    for pk in relocated.record["importedOrgIds"]:
        members = members_of(cell, pk)
        assert [one["role"] for one in members if one["user_id"] == 2] == ["owner"]


def test_a_taken_slug_gets_a_suffix(relocated: Relocated) -> None:
    wanted = sorted(fields["slug"] for fields in relocated.rows_of("organization"))
    slugs = sorted(fields["slug"] for fields in relocated.imported_organizations())
    changed = [(old, new) for old, new in zip(wanted, slugs, strict=True) if old != new]
    assert len(changed) == 1
    assert changed[0][1].startswith(f"{changed[0][0]}-")


def test_artifacts_are_there_under_our_key(relocated: Relocated) -> None:
    outputs = relocated.target.cell.outputs
    s3 = relocated.target.cell.client("s3")
    paths = [one["path"] for one in inspection.artifacts(s3, outputs["ArtifactsBucket"], relocated.uuid)]
    assert {f"in/{name}" for name in [*INPUTS, "colliding-users.tar"]} | {"conf/validation-plan.json"} <= set(paths)
    assert any(path.startswith("findings/compare-") for path in paths)
    assert {f"out/rehearsal-report-1.{form}" for form in ("json", "html")} | {inspection.REPORT} <= set(paths)
    for path in paths:
        head = s3.head_object(Bucket=outputs["ArtifactsBucket"], Key=f"runs/{relocated.uuid}/{path}")
        stored = (head.get("ServerSideEncryption"), head.get("SSEKMSKeyId"))
        assert stored == ("aws:kms", outputs["DataKey"]), path


def test_what_the_import_did_is_reported(relocated: Relocated) -> None:
    cell = relocated.target.cell
    found = inspection.inspect(cell.endpoint, cell.account, cell.outputs, relocated.uuid)
    report = found["report"]
    assert report["models"]["sentry.organization"]["inserted"] == ORGANIZATIONS
    assert sum(model["in_file"] for model in report["models"].values()) == len(relocated.rows)
    renamed = {row["model"] for row in report["renamed"]}
    assert renamed == {"sentry.organization", "sentry.user"}


def test_nothing_personal_is_logged(relocated: Relocated) -> None:
    logs = relocated.target.logs()
    assert relocated.uuid in logs, "there are logs to look at"
    secrets = [fields[name] for fields in relocated.rows_of("user") for name in ("email", "password")]
    secrets += [fields["token"] for fields in relocated.rows_of("organizationmember") if fields.get("token")]
    secrets += ["owner@example.com", "BEGIN PUBLIC KEY"]
    assert [secret for secret in secrets if secret and secret in logs] == []


def test_the_history_of_the_run_holds_no_customer_data(relocated: Relocated) -> None:
    states = relocated.target.cell.client("stepfunctions")
    machine = relocated.target.cell.outputs["StateMachine"]
    runs = states.list_executions(stateMachineArn=machine)["executions"]
    assert [run["name"] for run in runs] == [f"{relocated.uuid}-1"]
    events = states.get_execution_history(executionArn=runs[0]["executionArn"], maxResults=1000)["events"]
    history = json.dumps(events, default=str)
    for fields in relocated.rows_of("user") + relocated.rows_of("organization"):
        assert fields.get("email", fields.get("slug")) not in history


def members_of(table: Any, organization: int) -> list[dict[str, Any]]:
    """The memberships of an organisation, found through the index over their first key."""
    reference = f"sentry.organizationmember.organization#{organization:020}"
    found = table.query(IndexName="fk0", KeyConditionExpression=Key("fk0").eq(reference))["Items"]
    return [table.get_item(Key={"pk": item["pk"], "sk": item["sk"]})["Item"]["fields"] for item in found]


# Who says something of a run of which every task succeeds.
SPEAKERS = {"api", "upload-trigger", "validation-run", "send-mail", *TASKS}


def test_one_trace_finds_a_run_from_the_call_that_began_it_to_the_last_mail(relocated: Relocated) -> None:
    trace = f"{relocated.uuid}-1"

    def lines() -> list[dict[str, Any]]:
        parsed = (json.loads(line) for line in relocated.target.logs().splitlines() if line.startswith("{"))
        return [line for line in parsed if line.get("trace") == trace]

    # The log of an invocation may be there a moment after its effects.
    eventually(lambda: {line["task"] for line in lines()} >= SPEAKERS, what="everyone's lines are there")
    created, *_, last = sorted(lines(), key=lambda line: line["timestamp"])
    assert (created["task"], created["method"]) == ("api", "POST")
    assert (last["task"], last["message"]) == ("send-mail", "a mail was sent")
    for line in lines():
        assert (line["relocation"], line["cell"]) == (relocated.uuid, "us"), line
        assert line["task"] not in TASKS or line["attempt"] == 1, line


def test_figures_count_each_thing_once(relocated: Relocated) -> None:
    def figures() -> Counter[tuple[str, str]]:
        parsed = (json.loads(line) for line in relocated.target.logs().splitlines() if '"_aws"' in line)
        mine = [line for line in parsed if line.get("relocation") == relocated.uuid]
        names = ((line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], line["task"]) for line in mine)
        return Counter(names)

    wanted = {("TasksStarted", task): 1 for task in [*TASKS, "validation-run"]}
    wanted |= {("RelocationsSucceeded", "completed"): 1}
    eventually(lambda: all(figures()[figure] for figure in wanted), what="all figures are there")
    found = figures()
    assert {figure: found[figure] for figure in wanted} == wanted
    assert {name for name, _ in found} == {"TasksStarted", "TaskDuration", "RowsPerSecond", "RelocationsSucceeded"}
    assert {task for name, task in found if name == "RowsPerSecond"} == {"importing", "validation-run"}
