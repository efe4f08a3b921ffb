"""Searches files for secrets with `grep`, which takes many of them at once."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sensitive import LOOKS, Secrets


def search(files: Iterable[Path], secrets: Secrets, folder: Path) -> list[str]:
    """Where something was found, what it is, and what stands before it. The secret itself is not shown whole."""
    paths = [str(path) for path in files]
    wanted = folder / "secrets"
    wanted.write_text("".join(f"{secret}\n" for secret in secrets))
    found = [
        f"{path}: {secrets.get(secret, 'a secret')}: {secret[:6]}…"
        for path, secret in _grep(["-F", "-f", str(wanted)], paths)
    ]
    for what, pattern in LOOKS.items():
        found += [f"{path}: {what}: {text[:6]}…" for path, text in _grep(["-E", "-e", pattern], paths)]
    return sorted(set(found))


def _grep(pattern: list[str], paths: list[str]) -> list[tuple[str, str]]:
    command = ["grep", "--text", "--only-matching", "--with-filename", "--null", *pattern, "--", *paths]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"LC_ALL": "C"}, check=False)
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.decode(errors="replace").splitlines()
    return [(Path(path).name, text) for path, _, text in (line.partition("\0") for line in lines)]
