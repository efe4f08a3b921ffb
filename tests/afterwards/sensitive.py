"""What must not be found where it does not belong: secrets, of which the test data has many, and how they look.

**Secret** is, in a row of an export or of a silo, any text of eight characters or more in a field whose name says so
(`SECRET`): passwords and their hashes, tokens and their hashes, keys, nonces, hashes that prove an address or let claim
an account. So are the data keys of sealed files and the private key of the tests' issuer. And so is, wherever it comes
from, what looks like an e-mail address or like a credential (`LOOKS`).

A username is none, even one that looks like an address: SPEC has them in `in/filter-usernames.txt` and in the record's
`wantUsernames` (§3), and among the names that the reports of imports tell: `out/import-report.json` and
`out/rehearsal-report-<run>.json` and `.html` (§14). Nowhere else may one stand that looks like an address.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from local_stack.deployment import Cell

SECRET = re.compile(r"password$|token$|token_hashed$|hashed_token$|secret|nonce|_hash$|^hash$|^key$|_key$", re.I)
# Names that a secret's field might have, of what is none.
NAMES = re.compile(r"option$")
SHORTEST = 8

# Regular expressions as `grep -E` takes them.
LOOKS = {
    "an e-mail address": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    "a token of an issuer": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a password's hash": r"pbkdf2_sha256\$",
    "a sealed text": r"gAAAA[A-Za-z0-9_-]{20,}",
    "a signed address": r"X-Amz-Signature=|X-Amz-Security-Token=",
}

# As much of an export is read, and as many items of a silo's table: some tests have very many rows alike.
EXPORT_CHARACTERS = 2_000_000
TABLE_ITEMS = 3_000
SEALED_BYTES = 8 * 1024 * 1024

Secrets = dict[str, str]


def of_exports(folder: Path) -> Secrets:
    """The secrets of exports in a folder, with where they stand."""
    found: Secrets = {}
    for path in folder.glob("*.json"):
        for row in _rows(path):
            found |= of_row(str(row.get("model")), row.get("fields"))
    return found


def of_row(model: str, fields: Any) -> Secrets:
    """The secrets in the fields of a row."""
    if not isinstance(fields, dict) or NAMES.search(model):
        return {}
    return {
        value: f"{model}.{name}"
        for name, value in fields.items()
        if SECRET.search(name) and isinstance(value, str) and len(value) >= SHORTEST and value.isprintable()
    }


def of_silos(cell: Cell) -> Secrets:
    """The secrets in a cell's silos, those among them that the import made."""
    found: Secrets = {}
    for item in silo_items(cell):
        found |= of_row(item["pk"].split("#")[0], item.get("fields"))
    return found


def silo_items(cell: Cell) -> Iterator[dict[str, Any]]:
    """The first items of a cell's silos."""
    for table in ("CellTable", "ControlTable"):
        yield from islice(items(cell, table), TABLE_ITEMS)


def items(cell: Cell, table: str) -> Iterator[dict[str, Any]]:
    """The items of a table, by the name of the template's output."""
    pages = cell.client("dynamodb").get_paginator("scan").paginate(TableName=cell.outputs[table])
    deserializer = TypeDeserializer()
    for item in pages.search("Items[]"):
        yield {name: deserializer.deserialize(value) for name, value in item.items()}


def of_sealed(cell: Cell, sealed: bytes, name: str) -> Secrets:
    """The data key of a sealed file, which only the cell's key opens."""
    kms = cell.client("kms")
    try:
        with tarfile.open(fileobj=io.BytesIO(sealed)) as tar:
            wrapped = tar.extractfile("data.key").read()
        opened = kms.decrypt(
            KeyId=cell.outputs["SealKey"], CiphertextBlob=wrapped, EncryptionAlgorithm="RSAES_OAEP_SHA_256"
        )
    except (tarfile.TarError, KeyError, kms.exceptions.ClientError):
        return {}  # Some tests make files that nobody can open.
    return {opened["Plaintext"].decode(): f"the data key of {name}"}


def of_issuer(folder: Path) -> Secrets:
    """The issuer's private key: a line of it, as it stands in every form of PEM."""
    lines = (folder / "issuer.pem").read_text().splitlines()
    return {lines[2]: "the issuer's private key"}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of an export, as far as it is one."""
    with path.open(errors="replace") as file:
        text = file.read(EXPORT_CHARACTERS)
    decoder, position = json.JSONDecoder(), text.find("[") + 1
    while position:
        try:
            row, position = decoder.raw_decode(text, re.compile(r"[\s,]*").match(text, position).end())
        except (ValueError, RecursionError):
            return
        if isinstance(row, dict):
            yield row
