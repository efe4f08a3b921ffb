"""Deleting in one silo reaches every row in the others that referred to what is gone: all keys across silos, with the real
binaries, from the deletion to the last job."""

import pytest
from support import cascades
from support.cascades import GOING, STAYING, Case
from support.exports import account
from support.target import Target
from support.waiting import eventually

# The tables of those that keys across silos lead to, where they are not the model's name.
TABLES = {"sentry.user": "auth_user"}

CASES = cascades.cases()


@pytest.fixture(scope="module")
def cell(target: Target) -> Target:
    """A cell with two rows for each key across silos."""
    target.seed([*account(1, "admin", is_staff=True), *cascades.rows()])
    return target


def delete(target: Target, model: str, pk: int) -> None:
    """Has an object deleted now, as an operator does."""
    target.staff.expect(201, "POST", "/api/0/deletions/", {"model": model, "id": pk, "days": 0})


def as_it_should_be(target: Target, case: Case) -> bool:
    """Whether a row is as its key says, now that some of those are gone who are to go."""
    fields = cascades.found(target, case.model, case.pk)
    if not case.goes:
        return fields is not None and fields[case.field] == STAYING
    if case.on_delete == "cascade":
        return fields is None
    return fields is not None and fields[case.field] is None


def wrong(target: Target, model: str) -> list[str]:
    """The keys to a model whose rows are not as they should be."""
    cases = [case for case in CASES if case.target == model]
    return [f"{case.model.name}.{case.field} {case.pk}" for case in cases if not as_it_should_be(target, case)]


def test_all_keys_across_silos_are_exercised() -> None:
    assert len({(case.model.name, case.field) for case in CASES}) == 81


def test_a_user_goes_with_every_row_that_refers_to_it(cell: Target) -> None:
    before = [case for case in CASES if case.target == "sentry.user" and cascades.found(cell, case.model, case.pk) is None]
    assert not before, "rows are missing before anybody is gone"
    delete(cell, "sentry.user", GOING)
    gone = ("auth_user", GOING)
    eventually(lambda: gone in cascades.tombstones(cell, "CellTable"), 60, "the user's tombstone in the cell")
    cascades.settled(cell, lambda: not wrong(cell, "sentry.user"), "rows that refer to the user are gone or have lost the key")


def test_an_organisation_goes_with_what_refers_to_it(cell: Target) -> None:
    delete(cell, "sentry.organization", GOING)
    gone = ("sentry_organization", GOING)
    for table in ("CellTable", "ControlTable"):
        eventually(lambda table=table: gone in cascades.tombstones(cell, table), 60, f"its tombstone in {table}")
    cascades.settled(cell, lambda: not wrong(cell, "sentry.organization"), "rows that refer to it are gone or have lost the key")


def test_all_others_go_with_what_refers_to_them(cell: Target) -> None:
    others = [name for name in cascades.targets() if name not in ("sentry.user", "sentry.organization")]
    for name in others:
        delete(cell, name, GOING)
    cascades.settled(cell, lambda: not [bad for name in others for bad in wrong(cell, name)], "everything is as it should be")


def test_every_key_is_as_it_should_be_and_says_so(cell: Target) -> None:
    """After the tests above: nothing else was touched, and operators see that nothing is left to do."""
    bad = [case for case in CASES if not as_it_should_be(cell, case)]
    assert not bad, bad

    def rests() -> bool:
        keys = cell.staff.expect(200, "GET", "/api/0/cascades/")["keys"]
        return len(keys) == 81 and all(not key["hasMore"] and key["pending"] == 0 for key in keys)

    cascades.settled(cell, rests, "no key has anything left to do")
