"""What POST, uploads and retry take and refuse, in the order of the specification, on the local stack ("HTTP API").

Beside `test_api` (each role at each call) and `test_steps` (each step at each call that takes one)."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from support.api import RELOCATIONS, Answer, Api
from support.exports import Exports, account, acme
from support.target import Target
from test_tables import row_key

OPTIONS = "/api/0/relocation-options/"
MIB, GIB = 1024**2, 1024**3
STAFF, ADA, BO, GONE = 1, 2, 3, 4
GOOD = {"owner": "ada", "orgs": "acme", "fileName": "export.tar", "fileSize": 10}


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    people = [account(ADA, "ada"), account(BO, "bo"), account(GONE, "gone")]
    target.seed(sum(people, account(STAFF, "admin", is_staff=True)))


@pytest.fixture
def ada(target: Target) -> Api:
    return target.user(ADA, "ada")


def options(target: Target, **values: str) -> None:
    for name, value in values.items():
        dotted = name.replace("__", ".").replace("_", "-")
        target.staff.expect(200, "PUT", f"{OPTIONS}relocation.{dotted}/", {"value": value})


def outcome(answer: Answer) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status, answer.body.get("code", "")


FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"owner": None}, "owner"),
    ({"owner": ""}, "owner"),
    ({"owner": "x" * 129}, "owner"),
    ({"orgs": None}, "orgs"),
    ({"promo_code": "x" * 41}, "promo_code"),
    ({"fileName": None}, "fileName"),
    ({"fileSize": None}, "file"),
    ({"fileSize": 0}, "fileSize"),
]


@pytest.mark.parametrize(("change", "field"), FIELDS, ids=str)
def test_a_field_that_is_missing_or_wrong_is_named(ada: Api, change: dict[str, Any], field: str) -> None:
    """Although the feature is off: fields come first."""
    answer = ada.call("POST", RELOCATIONS, GOOD | change)
    assert outcome(answer) == (400, "invalid-field")
    assert answer.body["field"] == field


def test_each_check_has_its_turn(target: Target, ada: Api) -> None:
    def ask(api: Api, **change: Any) -> tuple[int, str]:
        return outcome(api.call("POST", RELOCATIONS, GOOD | change))

    assert ask(ada, fileSize=5 * GIB + 1) == (400, "file-too-large")
    assert ask(ada, owner="bo", orgs="-") == (403, "feature-disabled")
    options(target, enabled="true")
    assert ask(ada, owner="bo", orgs="-") == (400, "owner-not-self")
    for slug in ("-", "acme,", "a,,b", "a b", "123", "x" * 51):
        assert ask(ada, orgs=slug) == (400, "malformed-slug"), slug
    assert ask(ada) == (429, "daily-limit-reached"), "none may, until somebody says how many"
    assert ask(target.staff, owner="nobody") == (400, "unknown-owner")
    # Each size class has a limit of its own; their bounds belong to the smaller one.
    options(target, daily_limit__small="1", daily_limit__large="1")
    for size, expected in ((10, 201), (10 * MIB, 429), (10 * MIB + 1, 429), (100 * MIB + 1, 201), (5 * GIB, 429)):
        answer = ada.call("POST", RELOCATIONS, GOOD | {"fileSize": size})
        assert answer.status == expected, (size, answer)
        if answer.status == 201:
            assert ask(target.staff) == (409, "owner-busy")
            target.staff.expect(200, "DELETE", f"{RELOCATIONS}{answer.body['uuid']}/upload/")


def test_an_upload_is_completed_with_all_its_parts_and_given_up_once(target: Target) -> None:
    uuid = target.staff.create("bo", ["acme"], 20 * MIB)["uuid"]
    root = f"{RELOCATIONS}{uuid}/upload/"
    whole = target.staff.expect(200, "GET", root)
    assert whole["partCount"] == len(whole["missing"]) > 1
    tags = [{"partNumber": part["partNumber"], "etag": "none"} for part in whole["missing"]]
    for parts in ([], tags[:-1], [*tags[:-1], tags[0]], tags):
        answer = target.staff.call("POST", f"{root}complete/", {"parts": parts})
        assert outcome(answer) == (400, "parts-missing"), parts
    for nonsense in ({}, {"parts": "all"}, {"parts": [{"partNumber": -1}]}):
        assert outcome(target.staff.call("POST", f"{root}complete/", nonsense)) == (400, "invalid-field")
    assert target.staff.expect(200, "DELETE", root)["failureReason"]["code"] == "upload-abandoned"
    for method, path in (("GET", root), ("DELETE", root), ("POST", f"{root}complete/")):
        assert outcome(target.staff.call(method, path, {"parts": tags})) == (409, "not-uploading")


def test_a_small_file_comes_with_its_request(target: Target, exports: Exports) -> None:
    content = exports.seal(acme("in-the-body")).read_bytes()
    answer = posted(target.staff, {"owner": "bo", "orgs": "in-the-body"}, content)
    assert answer.status == 201, answer
    assert target.ended(answer.body["uuid"])["status"] == "SUCCESS"
    assert outcome(posted(target.staff, {"owner": "bo", "orgs": "a"}, b"x" * (4 * MIB + 1))) == (400, "file-too-large")
    assert outcome(posted(target.staff, {"owner": "bo"}, content)) == (400, "invalid-field")


def test_a_failed_relocation_is_retried_while_its_file_and_its_owner_are_there(
    target: Target, exports: Exports
) -> None:
    uuid = target.submit("gone", ["wanted"], exports.seal(acme("other")))
    assert target.ended(uuid)["status"] == "FAILURE", "the file has no such organisation"

    def retry(uuid: str) -> Answer:
        return target.staff.call("POST", f"{RELOCATIONS}{uuid}/retry/")

    again = retry(uuid)
    assert (again.status, again.body["wantOrgSlugs"], again.body["owner"]["username"]) == (201, ["wanted"], "gone")
    assert target.ended(again.body["uuid"])["status"] == "FAILURE", "as before"
    waiting = target.staff.create("gone", ["acme"], 10)["uuid"]
    assert outcome(retry(uuid)) == (409, "owner-busy")
    target.staff.expect(200, "DELETE", f"{RELOCATIONS}{waiting}/upload/")
    succeeded = target.submit("bo", ["fine"], exports.seal(acme("fine")))
    assert target.ended(succeeded)["status"] == "SUCCESS"
    assert outcome(retry(succeeded)) == (400, "not-failed")
    forget(target, again.body["uuid"])
    assert outcome(retry(again.body["uuid"])) == (400, "file-gone")
    target.table("ControlTable").delete_item(Key=row_key("sentry.user", GONE))
    assert outcome(retry(uuid)) == (400, "owner-gone")


def forget(target: Target, uuid: str) -> None:
    """Removes every version of a relocation's files."""
    for output in ("UploadsBucket", "ArtifactsBucket"):
        bucket = target.cell.resource("s3").Bucket(target.cell.outputs[output])
        for version in bucket.object_versions.all():
            if uuid in version.object_key:
                version.delete()


def posted(api: Api, fields: dict[str, str], file: bytes) -> Answer:
    """POST with a file in a form."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="export.tar"\r\n\r\n'
    body = b"".join([*parts, head, file, b"\r\n--b--\r\n"])
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": f"Bearer {api.token}"}
    request = urllib.request.Request(f"{api.root}{RELOCATIONS}?{api.query}", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, json.loads(error.read() or b"{}"))
