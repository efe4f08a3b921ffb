"""One emulator with one cell for all tests of a process; its functions only answer."""

import atexit
import functools
import sys
import tempfile
from pathlib import Path

from local_stack import DEFAULT_ACCOUNT, deployment, emulator, template

ANSWERING = Path(__file__).with_name("answering.py")


@functools.cache
def cell() -> deployment.Cell:
    """The cell, which is deployed when it is first asked for."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    state = Path(folder.name)
    bootstrap = state / "bootstrap"
    bootstrap.write_text(f"#!{sys.executable}\n{ANSWERING.read_text()}")
    bootstrap.chmod(0o755)
    pid, endpoint = emulator.start(state)
    atexit.register(emulator.stop, pid)
    binaries = dict.fromkeys(template.function_names(), bootstrap)
    return deployment.deploy(DEFAULT_ACCOUNT, endpoint, binaries, state, {"LongTaskTimeoutSeconds": "2"})
