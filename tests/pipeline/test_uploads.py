"""What can happen to an upload: its event comes again, somebody else is in the way, it is given up."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from local_stack import inspection
from support.api import RELOCATIONS
from support.exports import Exports, account, acme
from support.target import Target
from support.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(n, f"owner-{n}") for n in range(2, 9)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))


def test_an_event_that_comes_three_times_starts_one_run(target: Target, exports: Exports) -> None:
    file = exports.seal(acme("thrice"))
    uuid = target.submit("owner-2", ["thrice"], file)
    bucket = target.cell.outputs["UploadsBucket"]
    key = f"uploads/{uuid}/raw-relocation-data.tar"
    event = {"detail-type": "Object Created", "source": "aws.s3"}
    event["detail"] = {"bucket": {"name": bucket}, "object": {"key": key, "size": file.stat().st_size}}
    functions = target.cell.client("lambda")
    for _ in range(3):
        answer = functions.invoke(FunctionName=target.cell.function("upload-trigger"), Payload=json.dumps(event))
        assert "FunctionError" not in answer, answer["Payload"].read()

    assert target.ended(uuid)["status"] == "SUCCESS"
    states = target.cell.client("stepfunctions")
    runs = states.list_executions(stateMachineArn=target.cell.outputs["StateMachine"])["executions"]
    assert [run["name"] for run in runs if run["name"].startswith(uuid)] == [f"{uuid}-1"]


def test_an_upload_starts_by_its_event_alone(target: Target, exports: Exports) -> None:
    """The caller who sent all parts may vanish before the answer: the bucket's event goes on without it."""
    file = exports.seal(acme("event"))
    uuid = target.staff.create("owner-3", ["event"], file.stat().st_size)["uuid"]
    upload = target.staff.expect(200, "GET", f"{RELOCATIONS}{uuid}/upload/")
    parts = [{"PartNumber": part["partNumber"], "ETag": part["etag"]} for part in target.staff.send_parts(uuid, file)]
    target.cell.client("s3").complete_multipart_upload(
        Bucket=target.cell.outputs["UploadsBucket"],
        Key=f"uploads/{uuid}/raw-relocation-data.tar",
        UploadId=upload["uploadId"],
        MultipartUpload={"Parts": parts},
    )
    assert target.ended(uuid)["status"] == "SUCCESS"


def test_an_owner_has_one_active_relocation(target: Target) -> None:
    uuid = target.staff.create("owner-4", ["acme"], 100)["uuid"]
    assert target.staff.create("owner-4", ["other"], 100, status=409)["code"] == "owner-busy"
    assert target.staff.relocation(uuid)["status"] == "IN_PROGRESS"


def test_an_upload_that_is_given_up_sets_its_owner_free(target: Target) -> None:
    uuid = target.staff.create("owner-5", ["acme"], 100)["uuid"]
    record = target.staff.expect(200, "DELETE", f"{RELOCATIONS}{uuid}/upload/")
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "upload-abandoned")
    again = target.staff.create("owner-5", ["acme"], 100)["uuid"]
    assert again != uuid
    assert target.staff.call("GET", f"{RELOCATIONS}{uuid}/upload/").status == 409


def test_an_upload_that_never_comes_expires(target: Target) -> None:
    uuid = target.staff.create("owner-7", ["acme"], 100)["uuid"]
    let_a_day_pass(target, uuid)
    target.cell.client("lambda").invoke(FunctionName=target.cell.function("outbox-relay"), Payload=b'{"sweep": true}')
    record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "upload-expired")
    assert target.staff.create("owner-7", ["acme"], 100)["uuid"] != uuid, "the owner is free"
    eventually(lambda: any("upload-expired" in mail["BodyText"] for mail in target.mails()), what="the mail")


def test_a_file_of_another_size_than_declared_is_refused(target: Target, exports: Exports) -> None:
    file = exports.seal(acme())
    uuid = target.staff.create("owner-6", ["acme"], file.stat().st_size + 1)["uuid"]
    parts = target.staff.send_parts(uuid, file)
    path = f"{RELOCATIONS}{uuid}/upload/complete/"
    for _ in range(2):
        assert target.staff.expect(409, "POST", path, {"parts": parts})["code"] == "size-differs"


def test_a_file_that_is_not_the_declared_one_ends_the_relocation(target: Target, exports: Exports) -> None:
    """The API refuses to put such a file together; the event of one that arrives all the same says its size."""
    file = exports.seal(acme("larger"))
    uuid = target.staff.create("owner-8", ["larger"], file.stat().st_size - 1)["uuid"]
    key = f"uploads/{uuid}/raw-relocation-data.tar"
    target.cell.client("s3").upload_file(str(file), target.cell.outputs["UploadsBucket"], key)
    record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", "upload-incomplete")
    target.staff.create("owner-8", ["larger"], 100)


def test_callers_are_told_apart(target: Target) -> None:
    nobody = type(target.staff)(target.staff.root, target.staff.query, None)
    assert nobody.call("GET", RELOCATIONS).status == 401
    stranger = target.user(3, "owner-3")
    uuid = target.staff.create("owner-2", ["thrice"], 100)["uuid"]
    assert stranger.call("GET", f"{RELOCATIONS}{uuid}/").status == 403
    assert stranger.call("DELETE", f"{RELOCATIONS}{uuid}/upload/").status == 403
    eventually(lambda: target.staff.relocation(uuid)["status"] == "IN_PROGRESS", deadline=1)


def let_a_day_pass(target: Target, uuid: str) -> None:
    """Makes a relocation, and what waits in its outbox, two days older."""
    ago = (datetime.now(timezone.utc) - timedelta(days=2)).isoformat().replace("+00:00", "Z")
    for item in inspection.items(target.relocations, f"R#{uuid}", "OUT#"):
        entry = json.loads(item["entry"]) | {"time": ago}
        due = f"{ago}#{item['dueAt'].partition('#')[2]}"
        target.relocations.put_item(Item=item | {"entry": json.dumps(entry), "dueAt": due})
    target.relocations.update_item(
        Key={"pk": f"R#{uuid}", "sk": "REC"},
        UpdateExpression="SET #fields.#added = :ago",
        ExpressionAttributeNames={"#fields": "fields", "#added": "dateAdded"},
        ExpressionAttributeValues={":ago": ago},
    )
