"""Virtual environments under `.local/`, made when they are first needed and when their requirements change."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from .paths import STATE

FOLDER = Path(__file__).resolve().parents[1]


def ensure(name: str) -> Path:
    """The folder of programs of the environment that `<name>.txt` beside this package describes."""
    requirements = FOLDER / f"{name}.txt"
    folder = STATE / name
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(_text(requirements).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making the virtual environment {name} …", file=sys.stderr, flush=True)
        try:
            venv.create(folder, clear=True, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("this Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv")
        install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*install, "--requirement", requirements], check=False).returncode:
            sys.exit(f"the packages of {requirements.name} cannot be installed; is the package index reachable?")
        stamp.write_text(wanted)
    return folder / "bin"


def _text(requirements: Path) -> str:
    """The requirements, with those of the files that they include."""
    text = requirements.read_text()
    included = (line.removeprefix("-r ").strip() for line in text.splitlines() if line.startswith("-r "))
    return text + "".join(_text(requirements.with_name(name)) for name in included)


def enter(name: str) -> None:
    """Goes on in that environment, unless this process is in it already."""
    if sys.version_info < (3, 10):
        sys.exit("the local stack needs Python 3.10 or later")
    if Path(sys.prefix) == STATE / name:
        return
    python = str(ensure(name) / "python")
    os.execv(python, [python, *sys.argv])
