"""Exports for tests: made by the generator or by hand, and sealed by the program that customers have."""

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def row(model: str, pk: int, **fields: Any) -> Row:
    """A row of a model, whose name may go without `sentry.`."""
    return {"model": f"sentry.{model}", "pk": pk, "fields": fields}


def user(pk: int, username: str, **fields: Any) -> Row:
    """A user whose address tells the name."""
    return row("user", pk, **({"username": username, "name": "", "email": f"{username}@example.com"} | fields))


def account(pk: int, username: str, **fields: Any) -> list[Row]:
    """A user as an instance holds one: complete, and with the address as it is known and as it is verified."""
    address = f"{username}@example.com"
    date = "2024-01-01T00:00:00.000Z"
    complete = {
        "password": "pbkdf2_sha256$720000$0123456789abcdefghijkl$ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq=",
        "is_staff": False,
        "is_active": True,
        "is_unclaimed": False,
        "is_superuser": False,
        "is_managed": False,
        "is_sentry_app": None,
        "is_password_expired": False,
        "last_password_change": date,
        "session_nonce": None,
        "date_joined": date,
        "last_login": date,
        "last_active": date,
        "flags": "0",
        "avatar_type": 0,
        "avatar_url": None,
    }
    return [
        user(pk, username, **(complete | fields)),
        row("email", pk, email=address, date_added=date),
        row("useremail", pk, user=pk, email=address, validation_hash="", date_hash_added=date, is_verified=True),
    ]


def organization(pk: int, slug: str) -> Row:
    """An organisation."""
    return row("organization", pk, name=slug.title(), slug=slug)


def member(pk: int, organization: int, user: int, role: str = "member") -> Row:
    """A user's membership in an organisation."""
    return row("organizationmember", pk, organization=organization, user_id=user, role=role)


def acme(slug: str = "acme") -> list[Row]:
    """The least that can be relocated: an organisation with an owner."""
    return [organization(1, slug), user(1, f"{slug}-ada"), member(1, 1, 1, "owner")]


@dataclass(frozen=True)
class Exports:
    """Makes files in a folder, sealed with a cell's public key."""

    program: Path
    folder: Path
    public_key: str
    numbers: count

    @classmethod
    def into(cls, folder: Path, binaries: Path, public_key: str) -> "Exports":
        """Makes files in `folder`."""
        return cls(binaries / "relocate", folder, public_key, count(1))

    def generate(self, **options: Any) -> Path:
        """Has an export generated; the options are those of `relocate generate`."""
        path = self._new("json")
        words = []
        for name, value in options.items():
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        self._run("generate", str(path), *words)
        return path

    def seal(self, export: list[Row] | bytes | Path, public_key: str | None = None) -> Path:
        """Seals an export, for this cell unless told otherwise."""
        pem, sealed = self._new("pem"), self._new("tar")
        pem.write_text(public_key or self.public_key)
        if not isinstance(export, Path):
            content = export if isinstance(export, bytes) else json.dumps(export).encode()
            export = self._new("json")
            export.write_bytes(content)
        self._run("encrypt", str(export), str(sealed), "--public-key", str(pem))
        return sealed

    def file(self, content: bytes) -> Path:
        """A file of any content."""
        path = self._new("bin")
        path.write_bytes(content)
        return path

    def tarball(self, members: list[tuple[str, bytes]]) -> Path:
        """A tarball of these members."""
        path = self._new("tar")
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in members:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        return path

    def _new(self, suffix: str) -> Path:
        return self.folder / f"{next(self.numbers)}.{suffix}"

    def _run(self, *arguments: str) -> None:
        subprocess.run([self.program, *arguments], check=True, capture_output=True)


def members(sealed: Path) -> dict[str, bytes]:
    """The members of a sealed export."""
    with tarfile.open(sealed) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def read(path: Path) -> list[Row]:
    """The rows of an export."""
    return json.loads(path.read_text())
