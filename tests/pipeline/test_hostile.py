"""Uploads made by people who mean harm: each ends at once, under a name, in bounded memory and time."""

import gzip
import json
import os
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from support.exports import Exports, Row, account, acme, member, members, row, user
from support.faults import Faults
from support.target import Target
from support.waiting import eventually

# With the least that a sandbox may have, less is needed to make the scan look closely at whether a file fits.
PARAMETERS = {"ValidationMemory": "1024"}

MIB = 1024 * 1024
# What functions may take of the smallest 512 MiB that one has; a harmless file takes them to some 40.
PEAK_MIB = 128
# As many members as one can have to say that it has very many; half a gigabyte, if it is a million.
MEMBERS = 1_000_000 if os.environ.get("RELOCATE_TEST_FULL") == "1" else 100_000
# All of these run side by side, on a machine that may have other things to do.
SECONDS = 90

# Every function that sees the file before it is refused.
READERS = ["api", "upload-trigger", "uploading-start", "uploading-complete", "preprocessing-scan"]


@dataclass(frozen=True)
class Case:
    """A file that is refused, and the code that it is refused with."""

    code: str
    make: Callable[[Exports], Path]


CASES: dict[str, Case] = {}


def refused_as(code: str) -> Callable[[Callable[[Exports], Path]], Callable[[Exports], Path]]:
    """Adds a case under the name of the function that makes its file."""

    def add(make: Callable[[Exports], Path]) -> Callable[[Exports], Path]:
        CASES[make.__name__] = Case(code, make)
        return make

    return add


# --- The tarball ---------------------------------------------------------------------------------------


@refused_as("invalid-tarball")
def ten_gibibytes_declared(exports: Exports) -> Path:
    return exports.file(header("export.json", size=10 << 30) + bytes(4096))


@refused_as("invalid-tarball")
def more_declared_than_numbers_hold(exports: Exports) -> Path:
    return exports.file(header("export.json", size=2**64 - 1) + bytes(4096))


@refused_as("invalid-tarball")
def compressed_to_nothing(exports: Exports) -> Path:
    return exports.file(gzip.compress(bytes(100 * MIB), 6))


@refused_as("invalid-tarball")
def ten_megabytes_of_padding(exports: Exports) -> Path:
    return exports.file(exports.seal(acme()).read_bytes() + bytes(10 * MIB))


@refused_as("unknown-member")
def very_many_members(exports: Exports) -> Path:
    path = exports.file(b"")
    with path.open("wb") as out:
        out.writelines(repeat(header("a") * 1000, MEMBERS // 1000))
    return path


@refused_as("duplicate-member")
def many_members_of_our_names(exports: Exports) -> Path:
    return exports.file(header("data.key") + header("key.pub") + header("export.json") * 10_000)


@refused_as("invalid-tarball")
def a_sparse_member(exports: Exports) -> Path:
    """By its header, it is a terabyte of holes."""
    sparse = bytearray(header("export.json", type=tarfile.GNUTYPE_SPARSE))
    sparse[386:410] = b"%011o\0%011o\0" % (0, 0)
    sparse[483:495] = b"\x80" + (1 << 40).to_bytes(11, "big")
    return exports.file(signed(sparse) + exports.seal(acme()).read_bytes())


@refused_as("invalid-tarball")
def a_sparse_member_by_pax_headers(exports: Exports) -> Path:
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}
    return exports.file(pax(sparse) + exports.seal(acme()).read_bytes())


@refused_as("invalid-tarball")
def another_size_by_pax_headers(exports: Exports) -> Path:
    return exports.file(pax({"size": str(10 << 30)}) + exports.seal(acme()).read_bytes())


@refused_as("invalid-tarball")
def another_name_by_pax_headers(exports: Exports) -> Path:
    return exports.file(pax({"path": "../../etc/passwd"}) + exports.seal(acme()).read_bytes())


@refused_as("invalid-tarball")
def a_name_of_a_megabyte(exports: Exports) -> Path:
    name = header("././@LongLink", type=tarfile.GNUTYPE_LONGNAME, size=MIB) + b"a" * MIB
    return exports.file(name + exports.seal(acme()).read_bytes())


@refused_as("invalid-tarball")
def a_target_of_a_gibibyte(exports: Exports) -> Path:
    return exports.file(header("././@LongLink", type=tarfile.GNUTYPE_LONGLINK, size=1 << 30) + bytes(MIB))


@refused_as("invalid-tarball")
def a_hard_link(exports: Exports) -> Path:
    return linked(exports, tarfile.LNKTYPE, "data.key")


@refused_as("invalid-tarball")
def a_symbolic_link(exports: Exports) -> Path:
    return linked(exports, tarfile.SYMTYPE, "/proc/self/environ")


@refused_as("invalid-tarball")
def an_absolute_path(exports: Exports) -> Path:
    return renamed(exports, "/export.json")


@refused_as("invalid-tarball")
def a_path_that_climbs_out(exports: Exports) -> Path:
    return renamed(exports, "runs/../../export.json")


# --- The keys ------------------------------------------------------------------------------------------


@refused_as("wrong-key")
def no_data_key(exports: Exports) -> Path:
    return altered(exports, "data.key", lambda _: b"")


@refused_as("wrong-key")
def a_short_data_key(exports: Exports) -> Path:
    return altered(exports, "data.key", lambda key: key[:-1])


@refused_as("wrong-key")
def a_long_data_key(exports: Exports) -> Path:
    return altered(exports, "data.key", lambda key: key + key)


@refused_as("wrong-key")
def a_data_key_of_64_kibibytes(exports: Exports) -> Path:
    return altered(exports, "data.key", lambda _: bytes(64 * 1024))


@refused_as("invalid-tarball")
def a_data_key_of_10_megabytes(exports: Exports) -> Path:
    return altered(exports, "data.key", lambda _: bytes(10 * MIB))


@refused_as("invalid-tarball")
def a_public_key_of_10_megabytes(exports: Exports) -> Path:
    return altered(exports, "key.pub", lambda key: key * (10 * MIB // len(key)))


@refused_as("foreign-public-key")
def a_public_key_of_64_kibibytes(exports: Exports) -> Path:
    return altered(exports, "key.pub", lambda _: b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 65_000)


# --- The token -----------------------------------------------------------------------------------------


@refused_as("bad-token")
def no_token(exports: Exports) -> Path:
    return altered(exports, "export.json", lambda _: b"")


@refused_as("bad-token")
def json_for_a_token(exports: Exports) -> Path:
    return altered(exports, "export.json", lambda _: json.dumps(acme()).encode())


@refused_as("bad-token")
def zeros_for_a_token(exports: Exports) -> Path:
    return altered(exports, "export.json", lambda _: bytes(1000))


@refused_as("bad-token")
def a_token_cut_in_its_head(exports: Exports) -> Path:
    return altered(exports, "export.json", lambda token: token[:20])


@refused_as("bad-token")
def a_token_cut_to_whole_blocks(exports: Exports) -> Path:
    """64 characters are 48 bytes, three blocks of the cipher."""
    return altered(exports, "export.json", lambda token: token[: -(64 + len(token) % 64)])


@refused_as("bad-token")
def a_token_cut_by_one_character(exports: Exports) -> Path:
    return altered(exports, "export.json", lambda token: token[:-1])


@refused_as("bad-token")
def a_token_cut_to_no_content(exports: Exports) -> Path:
    """Version, time, IV and signature of a token are 57 bytes, 76 characters."""
    return altered(exports, "export.json", lambda token: token[:76])


# --- The export ----------------------------------------------------------------------------------------


@refused_as("invalid-json")
def lists_nested_deeply(exports: Exports) -> Path:
    return exports.seal(b"[" * 100_000 + b"]" * 100_000)


@refused_as("invalid-json")
def a_field_nested_deeply(exports: Exports) -> Path:
    depth = 100_000
    return exports.seal(with_field(b'{"a":' * depth + b"1" + b"}" * depth))


@refused_as("invalid-json")
def a_string_of_100_megabytes(exports: Exports) -> Path:
    return exports.seal(with_field(b'"' + b"x" * (100 * MIB) + b'"'))


@refused_as("invalid-json")
def a_number_of_10_megabytes(exports: Exports) -> Path:
    return exports.seal(with_field(b"9" * (10 * MIB)))


@refused_as("invalid-json")
def a_field_twice(exports: Exports) -> Path:
    return exports.seal(with_field(b'1, "hostile": 2'))


@refused_as("invalid-json")
def a_model_twice(exports: Exports) -> Path:
    return exports.seal(b'[{"model": "sentry.email", "model": "sentry.user", "pk": 1, "fields": {}}]')


@refused_as("invalid-json")
def a_huge_primary_key(exports: Exports) -> Path:
    return exports.seal(json.dumps([*acme(), row("email", 10**400, email="ada@example.com")]).encode())


@refused_as("invalid-json")
def an_endless_primary_key(exports: Exports) -> Path:
    return exports.seal(b'[{"model": "sentry.user", "pk": 1e999999999, "fields": {}}]')


@refused_as("invalid-json")
def invalid_utf8(exports: Exports) -> Path:
    return exports.seal(with_field(b'"\xc3\x28\xff"'))


@refused_as("invalid-json")
def a_field_whose_name_is_no_text(exports: Exports) -> Path:
    return exports.seal(with_field(b'1, "\xf0\x28\x8c\xbc": 2'))


@refused_as("too-large-to-validate")
def many_long_names(exports: Exports) -> Path:
    """Users that are wanted and models that nobody knows, with the longest names that are read: more than the scan
    may remember of a file."""
    crowd = range(10, 140)
    users = (user(n, f"{n}{'x' * 500_000}") for n in crowd)
    unknown = (row(f"{n}{'x' * 1_000_000}", n) for n in range(30))
    return exports.seal(rows(chain(acme(), users, (member(n, 1, n) for n in crowd), unknown)))


def header(name: str, **fields: Any) -> bytes:
    """The header of a tarball's member."""
    entry = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry.tobuf(tarfile.GNU_FORMAT)[:512]


def signed(changed: bytearray) -> bytes:
    """A header with the checksum that it has to have."""
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def pax(fields: dict[str, str]) -> bytes:
    """The extended header that comes before a member's own."""
    entry = tarfile.TarInfo("export.json")
    entry.pax_headers = fields
    return entry.tobuf(tarfile.PAX_FORMAT)[:-512]


def linked(exports: Exports, kind: bytes, target: str) -> Path:
    """A good export but for a link in place of the content."""
    content = members(exports.seal(acme()))
    del content["export.json"]
    link = header("export.json", type=kind, linkname=target)
    return exports.file(link + exports.tarball(list(content.items())).read_bytes())


def renamed(exports: Exports, name: str) -> Path:
    """A good export whose content has another name."""
    content = members(exports.seal(acme()))
    return exports.tarball([(name, content.pop("export.json")), *content.items()])


def altered(exports: Exports, name: str, change: Callable[[bytes], bytes]) -> Path:
    """A good export but for one of its members."""
    content = members(exports.seal(acme()))
    return exports.tarball(list((content | {name: change(content[name])}).items()))


def with_field(value: bytes) -> bytes:
    """A good export but for a field."""
    good = json.dumps([*acme(), row("email", 9, hostile="hostile value")]).encode()
    return good.replace(b'"hostile value"', value)


def rows(content: Iterable[Row]) -> bytes:
    """An export of rows."""
    return b"[" + b",".join(json.dumps(one).encode() for one in content) + b"]"


# --- What becomes of them ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def owners(target: Target) -> dict[str, str]:
    """One for each case, because an owner has one relocation at a time; and one who means no harm."""
    names = {case: f"owner-{number}" for number, case in enumerate([*CASES, "good"])}
    people = [account(pk, name) for pk, name in enumerate(names.values(), 2)]
    target.seed(sum(people, account(1, "admin", is_staff=True)))
    return names


@pytest.fixture(scope="module")
def submitted(target: Target, exports: Exports, owners: dict[str, str]) -> dict[str, str]:
    """The relocations of all cases, which run side by side."""
    uuids = {}
    for name, case in CASES.items():
        file = case.make(exports)
        uuids[name] = target.submit(owners[name], ["acme"], file)
        file.unlink()
    return uuids


@pytest.fixture(scope="module")
def ended(target: Target, submitted: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What has become of them."""
    return {name: target.ended(uuid) for name, uuid in submitted.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_upload_fails_at_once_by_name_and_mail(
    target: Target, ended: dict[str, dict[str, Any]], owners: dict[str, str], name: str
) -> None:
    code, record = CASES[name].code, ended[name]
    assert (record["status"], record["failureReason"]["code"]) == ("FAILURE", code), record["failureReason"]
    assert (record["latestTask"], record["latestTaskAttempts"]) == ("preprocessing_scan", 1)
    assert sum(visit["seconds"] for visit in target.tasks(record["uuid"])) < SECONDS
    mails = eventually(lambda: mails_about(target, record["uuid"], 2), what=f"the mails about {name}")
    assert {mail["To"][0] for mail in mails} == {f"{owners[name]}@example.com", "admin@example.com"}
    assert all(code in mail["BodyText"] for mail in mails)


@pytest.mark.parametrize("function", READERS)
def test_hostile_uploads_cost_little_memory(target: Target, ended: dict[str, dict[str, Any]], function: str) -> None:
    assert 0 < Faults().peak_kib(target.cell.function(function)) < PEAK_MIB * 1024


def test_a_good_export_succeeds_after_all_of_them(
    target: Target, exports: Exports, ended: dict[str, dict[str, Any]], owners: dict[str, str]
) -> None:
    record = target.ended(target.submit(owners["good"], ["acme"], exports.seal(acme())))
    assert record["status"] == "SUCCESS", record["failureReason"]


def mails_about(target: Target, uuid: str, count: int) -> list[dict[str, Any]] | None:
    """The mails that name a relocation, as soon as there are so many."""
    found = [mail for mail in target.mails() if uuid in mail["BodyText"]]
    return found if len(found) >= count else None
