"""The API on the local stack: who may ask what, what is answered, and what is refused.

What each call refuses in detail, the tests beside it say (`functions/api/tests`); here it goes through the gateway, the
authorizer, the roles of IAM and the real stores."""

import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest
from support.api import RELOCATIONS, Api
from support.exports import Exports, account, acme
from support.target import Target

UNKNOWN = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90"
NEWCOMER, BUSY = 20, 21
SLUG = "acme-api"
OPTIONS = "/api/0/relocation-options/"
# What a caller is: nobody, somebody else, the owner, staff, and staff who may read artifacts and set options.
ROLES = ("nobody", "other", "owner", "staff", "admin")


@dataclass(frozen=True)
class Case:
    """A call, and the status that each role is answered with."""

    method: str
    path: str
    statuses: tuple[int, int, int, int, int]
    body: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


STAFF_READ, ADMIN_READ = (401, 403, 403, 200, 200), (401, 403, 403, 403, 200)
CASES = [
    Case("GET", RELOCATIONS, (401, 200, 200, 200, 200)),
    Case("GET", f"{RELOCATIONS}?status=nonsense", (401, 400, 400, 400, 400)),
    Case("POST", RELOCATIONS, (401, 400, 400, 400, 400), {}),
    Case("GET", "{relocation}", STAFF_READ),
    Case("GET", "{unknown}", (401, 403, 403, 404, 404)),
    Case("GET", "{relocation}upload/", (401, 403, 409, 409, 409)),
    Case("POST", "{relocation}upload/complete/", (401, 403, 409, 409, 409), {"parts": []}),
    Case("DELETE", "{relocation}upload/", (401, 403, 409, 409, 409)),
    Case("PUT", "{relocation}pause/", (401, 403, 403, 400, 400)),
    Case("PUT", "{relocation}unpause/", (401, 403, 403, 400, 400)),
    Case("PUT", "{relocation}cancel/", (401, 403, 403, 400, 400)),
    Case("PUT", "{relocation}abort/", (401, 403, 403, 400, 400)),
    Case("PUT", "{relocation}recover/", (401, 403, 403, 400, 400)),
    Case("POST", "{relocation}retry/", (401, 403, 403, 400, 400)),
    Case("GET", "{relocation}artifacts/", ADMIN_READ),
    Case("GET", "{relocation}artifacts/out/import-report.json", ADMIN_READ),
    Case("GET", "{relocation}artifacts/in/raw-relocation-data.tar", ADMIN_READ),
    Case("GET", "{relocation}artifacts/out/nothing.json", (401, 403, 403, 403, 404)),
    Case("GET", "{unknown}artifacts/", (401, 403, 403, 403, 404)),
    Case("GET", "{relocation}audit/", STAFF_READ),
    Case("GET", OPTIONS, STAFF_READ),
    Case("GET", f"{OPTIONS}relocation.autopause/", STAFF_READ),
    Case("PUT", f"{OPTIONS}relocation.autopause/", ADMIN_READ, {"value": ""}),
    Case("PUT", f"{OPTIONS}relocation.autopause/", (401, 403, 403, 403, 400), {"value": "NOWHERE"}),
    Case("GET", f"{OPTIONS}unknown/", (401, 403, 403, 404, 404)),
    Case("GET", "/api/0/publickeys/relocations/", (401, 403, 403, 200, 200)),
    Case("GET", "/api/0/nothing/", (401, 404, 404, 404, 404)),
    Case("PATCH", RELOCATIONS, (401, 405, 405, 405, 405)),
]


@pytest.fixture(scope="module")
def uuid(target: Target, exports: Exports) -> str:
    """A relocation that succeeded."""
    people = [account(1, "admin", is_staff=True), account(NEWCOMER, "newcomer"), account(BUSY, "busy")]
    target.seed(sum(people, []))
    uuid = target.submit("newcomer", [SLUG], exports.seal(acme(SLUG)))
    assert target.ended(uuid)["status"] == "SUCCESS"
    return uuid


@pytest.fixture(scope="module")
def callers(target: Target) -> dict[str, Api]:
    staff = target.cell.issuer.token(1, "admin", staff=True)
    return {
        "nobody": Api(target.cell.api, target.cell.api_query, None),
        "other": target.user(BUSY, "busy"),
        "owner": target.user(NEWCOMER, "newcomer"),
        "staff": Api(target.cell.api, target.cell.api_query, staff),
        "admin": target.staff,
    }


@pytest.mark.parametrize("slash", ["with", "without"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_role_is_answered_as_it_may_be(case: Case, slash: str, uuid: str, callers: dict[str, Api]) -> None:
    path = case.path.format(relocation=f"{RELOCATIONS}{uuid}/", unknown=f"{RELOCATIONS}{UNKNOWN}/")
    if slash == "without":
        path = path.rstrip("/").replace("/?", "?")
    answers = {role: callers[role].call(case.method, path, case.body) for role in ROLES}
    assert {role: answer.status for role, answer in answers.items()} == dict(zip(ROLES, case.statuses, strict=True))
    # The gateway itself answers those who are nobody.
    refusals = [answer for role, answer in answers.items() if role != "nobody" and answer.status >= 400]
    assert all(answer.body.get("code") and answer.body.get("detail") for answer in refusals)


def test_the_list_shows_customers_their_own_page_by_page(target: Target, uuid: str, callers: dict[str, Api]) -> None:
    busy = target.staff.create("busy", ["other-org"], 10)["uuid"]
    assert listed(callers["staff"]) == [busy, uuid]
    assert listed(callers["owner"]) == [uuid]
    assert listed(callers["other"]) == [busy]
    assert listed(callers["staff"], "?query=OTHER-org") == [busy]
    by_status = {"IN_PROGRESS": [busy], "FAILURE": [], "SUCCESS": [uuid], "PAUSE": []}
    for status, expected in by_status.items():
        for spelt in (status, status.lower(), status.title()):
            assert listed(callers["staff"], f"?status={spelt}") == expected
    first = page(callers["staff"], "?per_page=1")
    assert [view["uuid"] for view in first[0]] == [busy]
    assert first[1], "there is more"
    assert [view["uuid"] for view in page(callers["staff"], first[1])[0]] == [uuid]
    target.staff.expect(200, "DELETE", f"{RELOCATIONS}{busy}/upload/")


def listed(api: Api, query: str = "") -> list[str]:
    return [view["uuid"] for view in page(api, query)[0]]


def page(api: Api, query: str) -> tuple[list[dict[str, Any]], str]:
    """What is listed, and the query of the next page."""
    answer = api.call("GET", f"{RELOCATIONS}{query}")
    assert answer.status == 200, answer
    link = answer.headers.get("Link", "")
    return answer.body, f"?{link.partition('?')[2].partition('>')[0]}" if link else ""


def test_artifacts_are_read_opened_and_each_reading_is_on_record(target: Target, uuid: str) -> None:
    root = f"{RELOCATIONS}{uuid}/"
    files = target.staff.expect(200, "GET", f"{root}artifacts/")["files"]
    paths = [file["path"] for file in files]
    assert paths == sorted(paths)
    assert {path.split("/")[0] for path in paths} == {"conf", "in", "out", "findings"}
    raw = target.staff.expect(200, "GET", f"{root}artifacts/in/raw-relocation-data.tar")["contents"]
    assert f'"{SLUG}"' in raw, "a sealed file is opened"
    audit = target.staff.expect(200, "GET", f"{root}audit/")["lines"]
    assert (audit[0]["action"], audit[0]["user"]["username"]) == ("create", "admin")
    read = [line["detail"] for line in audit if line["action"] == "read-artifact"]
    assert "in/raw-relocation-data.tar" in read


def test_an_artifact_that_is_too_large_for_an_answer_is_downloaded(target: Target, uuid: str) -> None:
    content = b"x" * (4 * 1024 * 1024 + 1)
    bucket = target.cell.outputs["ArtifactsBucket"]
    target.cell.client("s3").put_object(Bucket=bucket, Key=f"runs/{uuid}/out/large.json", Body=content)
    found = target.staff.expect(200, "GET", f"{RELOCATIONS}{uuid}/artifacts/out/large.json")
    assert (found["size"], found["sealed"], found["dataKey"]) == (len(content), False, None)
    with urllib.request.urlopen(found["url"], timeout=30) as answer:
        assert answer.read() == content


def test_a_customer_is_let_in_by_an_option(target: Target, uuid: str, callers: dict[str, Api]) -> None:
    key = "/api/0/publickeys/relocations/"
    option = f"{OPTIONS}relocation.enabled/"
    assert callers["owner"].call("GET", key).body["code"] == "feature-disabled"
    target.staff.expect(200, "PUT", option, {"value": "true"})
    assert "BEGIN PUBLIC KEY" in callers["owner"].public_key()
    limited = callers["owner"].call("POST", RELOCATIONS, {
        "owner": "newcomer", "orgs": "acme", "fileName": "export.tar", "fileSize": 10
    })
    assert (limited.status, limited.body["code"]) == (429, "daily-limit-reached")
    target.staff.expect(200, "PUT", option, {"value": "false"})
