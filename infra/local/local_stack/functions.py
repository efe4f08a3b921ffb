"""The functions' binaries: which there are, building them, packing them."""

import functools
import hashlib
import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from .paths import ROOT
from .template import function_names


class BuildError(Exception):
    """A function has no binary."""


def build() -> Path:
    """Builds all programs in the development profile, the functions among them; answers their folder."""
    # The whole workspace, so that `cargo run --bin relocate` and this share what they build.
    done = subprocess.run(["cargo", "build", "--workspace", "--bins"], cwd=ROOT, env=_environment(), check=False)
    if done.returncode:
        raise BuildError("cargo could not build the functions")
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return ROOT / target / "debug"


def _environment() -> dict[str, str]:
    """The environment without what `cargo run` says of the program it runs. Build scripts look at some of that, and
    would build half of the dependencies anew each time it comes and goes."""
    said_by_cargo = ("CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(said_by_cargo)}


def binaries(folder: Path) -> dict[str, Path]:
    """Each function's binary in a folder, by the function's name."""
    found = {name: folder / name for name in function_names()}
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise BuildError(f"{folder} has no binary for {', '.join(missing)}")
    return found


def pack(binary: Path, folder: Path) -> tuple[str, bytes]:
    """What Lambda is given for a binary, and a name for it that tells its content.

    On AWS that is the binary. Here it is a line that runs it: all functions together are a gigabyte, which the
    emulator would keep in memory once for each account. `folder` keeps the binary as it is now, so that a later
    build changes nothing of what runs.
    """
    digest = _digest(binary, binary.stat().st_mtime_ns)
    kept = folder / digest
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _link(binary, kept)
    archive = io.BytesIO()
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o755 << 16
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zip_file:
        zip_file.writestr(entry, f'#!/bin/sh\nexec "{kept}"\n')
    content = archive.getvalue()
    return hashlib.sha256(content).hexdigest(), content


@functools.cache
def _digest(binary: Path, _changed: int) -> str:
    """The hash of a binary, which is read again only when it has changed: all of them are two gigabytes."""
    return hashlib.sha256(binary.read_bytes()).hexdigest()


def _link(binary: Path, kept: Path) -> None:
    try:
        os.link(binary, kept)
    except OSError:  # Another file system.
        shutil.copy2(binary, kept)
