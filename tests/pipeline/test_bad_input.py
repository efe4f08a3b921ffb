"""What is wrong with an export ends the relocation with a code of its own, and a mail that says so."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.exports import Exports, Row, account, acme, member, members, organization, user
from support.target import Target
from support.waiting import eventually

# The slugs that are wanted, and the file.
Submission = tuple[list[str], Path]


@dataclass(frozen=True)
class Case:
    """A file that is refused, and the code that it is refused with."""

    code: str
    make: Callable[[Exports], Submission]


CASES: dict[str, Case] = {}


def refused_as(code: str) -> Callable[[Callable[[Exports], Submission]], Callable[[Exports], Submission]]:
    """Adds a case under the name of the function that makes its file."""

    def add(make: Callable[[Exports], Submission]) -> Callable[[Exports], Submission]:
        CASES[make.__name__] = Case(code, make)
        return make

    return add


@refused_as("invalid-tarball")
def not_a_tar(exports: Exports) -> Submission:
    return ["acme"], exports.file(b"PK\x03\x04 this is something else entirely " * 100)


@refused_as("invalid-tarball")
def cut_off(exports: Exports) -> Submission:
    return ["acme"], exports.file(exports.seal(acme()).read_bytes()[:1500])


@refused_as("missing-member")
def without_its_key(exports: Exports) -> Submission:
    content = members(exports.seal(acme()))
    del content["data.key"]
    return ["acme"], exports.tarball(list(content.items()))


@refused_as("unknown-member")
def with_a_member_more(exports: Exports) -> Submission:
    content = members(exports.seal(acme()))
    return ["acme"], exports.tarball([*content.items(), ("notes.txt", b"hello")])


@refused_as("duplicate-member")
def with_a_member_twice(exports: Exports) -> Submission:
    content = members(exports.seal(acme()))
    return ["acme"], exports.tarball([*content.items(), ("data.key", content["data.key"])])


@refused_as("foreign-public-key")
def sealed_for_somebody_else(exports: Exports) -> Submission:
    return ["acme"], exports.seal(acme(), public_key=another_key())


@refused_as("wrong-key")
def sealed_for_somebody_else_with_our_name_on_it(exports: Exports) -> Submission:
    content = members(exports.seal(acme(), public_key=another_key()))
    content["key.pub"] = members(exports.seal(acme()))["key.pub"]
    return ["acme"], exports.tarball(list(content.items()))


@refused_as("bad-token")
def altered_on_the_way(exports: Exports) -> Submission:
    content = members(exports.seal(acme()))
    token = content["export.json"]
    middle = len(token) // 2
    content["export.json"] = token[:middle] + (b"A" if token[middle] != ord("A") else b"B") + token[middle + 1 :]
    return ["acme"], exports.tarball(list(content.items()))


@refused_as("invalid-json")
def an_object(exports: Exports) -> Submission:
    return ["acme"], exports.seal(b'{"model": "sentry.user", "pk": 1, "fields": {}}')


@refused_as("invalid-json")
def truncated_json(exports: Exports) -> Submission:
    return ["acme"], exports.seal(b'[{"model": "sentry.user", "pk": 1, "fields": {"username": "a')


@refused_as("no-users")
def without_users(exports: Exports) -> Submission:
    return ["acme"], exports.seal([organization(1, "acme")])


@refused_as("missing-organizations")
def without_an_organization(exports: Exports) -> Submission:
    return ["zebra", "acme", "giraffe"], exports.seal(acme())


@refused_as("ambiguous-organizations")
def with_two_organizations_of_one_name(exports: Exports) -> Submission:
    return ["acme"], exports.seal([organization(2, "acme"), *acme()])


@refused_as("too-many-organizations")
def twenty_one_organizations(exports: Exports) -> Submission:
    slugs = [f"many-{n}" for n in range(21)]
    rows: list[Row] = [organization(n, slug) for n, slug in enumerate(slugs, 1)]
    return slugs, exports.seal([*rows, user(1, "ada"), *(member(n, n, 1, "owner") for n in range(1, 22))])


@refused_as("too-many-users")
def two_thousand_and_one_users(exports: Exports) -> Submission:
    crowd = range(1, 2002)
    users = [user(n, f"user-{n}") for n in crowd]
    return ["acme"], exports.seal([organization(1, "acme"), *users, *(member(n, 1, n) for n in crowd)])


def another_key() -> str:
    """The public key of a cell that is not this one, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


@pytest.fixture(scope="module")
def owners(target: Target) -> list[str]:
    """One for each case, because an owner has one relocation at a time."""
    names = [f"owner-{n}" for n in range(len(CASES))]
    people = [account(pk, name) for pk, name in enumerate(names, 2)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))
    return names


@pytest.fixture(scope="module")
def submitted(target: Target, exports: Exports, owners: list[str]) -> dict[str, str]:
    """The relocations of all cases, which run side by side."""
    uuids = {}
    for (name, case), owner in zip(CASES.items(), owners, strict=True):
        slugs, file = case.make(exports)
        uuids[name] = target.submit(owner, slugs, file)
    return uuids


@pytest.mark.parametrize("name", CASES)
def test_bad_input_fails_with_its_own_code_and_mail(
    target: Target, submitted: dict[str, str], owners: list[str], name: str
) -> None:
    code, uuid = CASES[name].code, submitted[name]
    record = target.ended(uuid)
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", code), record["failureReason"]
    assert record["latestTask"] == "preprocessing_scan"

    owner = owners[list(CASES).index(name)]
    mails = eventually(lambda: mails_about(target, uuid, 2), what=f"the mails about {uuid}")
    assert {mail["To"][0] for mail in mails} == {f"{owner}@example.com", "admin@example.com"}
    assert all(code in mail["BodyText"] for mail in mails)


def test_every_missing_organization_is_named_in_order(target: Target, submitted: dict[str, str]) -> None:
    detail = target.ended(submitted["without_an_organization"])["failureReason"]["detail"]
    assert 0 < detail.find("giraffe") < detail.find("zebra")


def test_a_failed_relocation_leaves_its_owner_free(
    target: Target, exports: Exports, submitted: dict[str, str], owners: list[str]
) -> None:
    target.ended(next(iter(submitted.values())))
    uuid = target.staff.create(owners[0], ["acme"], 100)["uuid"]
    target.staff.expect(200, "DELETE", f"/api/0/relocations/{uuid}/upload/")


@pytest.mark.parametrize("slug", ["-acme", "acme-", "12345", "ac me", "a" * 51, "acme,", "ünder"])
def test_the_api_refuses_a_malformed_slug(target: Target, owners: list[str], slug: str) -> None:
    answer = target.staff.create(owners[0], [slug], 100, status=400)
    assert answer["code"] == "malformed-slug"


def test_a_malformed_slug_that_got_past_the_api_is_refused_by_the_scan(
    target: Target, exports: Exports, submitted: dict[str, str], owners: list[str]
) -> None:
    target.ended(next(iter(submitted.values())))
    file = exports.seal(acme())
    uuid = target.staff.create(owners[0], ["acme"], file.stat().st_size)["uuid"]
    target.relocations.update_item(
        Key={"pk": f"R#{uuid}", "sk": "REC"},
        UpdateExpression="SET #fields.#wanted = :slugs",
        ExpressionAttributeNames={"#fields": "fields", "#wanted": "wantOrgSlugs"},
        ExpressionAttributeValues={":slugs": ["-acme"]},
    )
    target.staff.upload(uuid, file)
    assert target.ended(uuid)["failureReason"]["code"] == "malformed-slug"


def mails_about(target: Target, uuid: str, count: int) -> list[dict[str, Any]] | None:
    """The mails that name a relocation, as soon as there are so many."""
    found = [mail for mail in target.mails() if uuid in mail["BodyText"]]
    return found if len(found) >= count else None
