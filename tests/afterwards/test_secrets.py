"""No secret of the test data stands where it does not belong, after all tests have run."""

import os
from pathlib import Path

import places
import pytest
import sensitive
from local_stack.deployment import Cell
from search import search
from sensitive import LOOKS, Secrets
from test_customer import MARKS

EVERYWHERE = [*places.PLACES, "events", "sealed"]


@pytest.fixture(scope="module")
def secrets(cells: list[Cell], state: Path) -> Secrets:
    """Everything secret, and where it stands."""
    found: Secrets = {}
    for cell in cells:
        folder = state / cell.account
        found |= sensitive.of_exports(folder / "exports") | sensitive.of_issuer(folder) | sensitive.of_silos(cell)
        for name, content in places.sealed(cell):
            found |= sensitive.of_sealed(cell, content, name)
    print(f"{len(found)} secrets of {len(set(found.values()))} kinds")
    return found


@pytest.fixture(scope="module")
def folder(cells: list[Cell], state: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that was left, as text."""
    made = tmp_path_factory.mktemp("left") / "places"
    places.write(made, cells, state)
    return made


@pytest.mark.parametrize("place", EVERYWHERE)
def test_no_secret_is_left(folder: Path, secrets: Secrets, tmp_path: Path, place: str) -> None:
    files = sorted(folder.glob(f"{place}*.txt"))
    found = search(files, secrets, tmp_path)
    if place == "sealed":  # A sealed text is what is in there.
        found = [line for line in found if "a sealed text" not in line]
    assert found == []


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("place", EVERYWHERE)
def test_there_is_something_to_search(folder: Path, place: str) -> None:
    assert sum(path.stat().st_size for path in folder.glob(f"{place}*.txt")) > 0


def test_secrets_are_found_where_they_belong(cells: list[Cell], secrets: Secrets, tmp_path: Path) -> None:
    """The same search, of the silos: what it does not find there, it would not find elsewhere."""
    path = tmp_path / "silos.txt"
    path.write_text("\n".join(line for cell in cells for line in places.silos(cell)))
    found = search([path], secrets, tmp_path)
    kept = {kind for secret, kind in secrets.items() if secret in path.read_text()}
    assert kept, "the silos have secrets"
    assert {kind for kind in kept if not any(kind in line for line in found)} == set()
    assert any("an e-mail address" in line for line in found)


@pytest.mark.usefixtures("whole")
def test_what_was_planted_is_among_the_secrets(cells: list[Cell], secrets: Secrets) -> None:
    silos = "\n".join(line for cell in cells for line in places.silos(cell))
    for mark in MARKS.kept:
        assert mark in silos, mark
    for mark in MARKS.secret:
        assert mark in secrets, mark


@pytest.mark.parametrize("what", LOOKS)
def test_what_looks_like_a_secret_is_found(tmp_path: Path, what: str) -> None:
    examples = {
        "an e-mail address": '{"to":"ada.l+x@mail.example.org"}',
        "a token of an issuer": "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "a private key": "-----BEGIN RSA PRIVATE KEY-----",
        "a password's hash": "pbkdf2_sha256$720000$abc$def=",
        "a sealed text": "gAAAAABmZmZmZmZmZmZmZmZmZmZmZmZm",
        "a signed address": f"{os.environ['RELOCATE_TEST_ENDPOINT']}/b/k?X-Amz-Signature=0123",
    }
    log = tmp_path / "log.txt"
    log.write_text(f'a line\n{{"message":"{examples[what]}"}}\n')
    assert [line for line in search([log], {}, tmp_path) if what in line]


def test_a_secret_in_the_midst_of_a_line_is_found(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text('{"message":"user=9xKq2mTzfor-a-while"}\n')
    assert search([log], {"9xKq2mTz": "sentry.user.session_nonce"}, tmp_path) == [
        "log.txt: sentry.user.session_nonce: 9xKq2m…"
    ]
