"""The commands by which the README takes a newcomer through a first relocation work as they are printed."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.paths import ROOT
from test_success import TASKS

HEADING = "## A first relocation, by hand"


@pytest.fixture
def environment(binaries: Path) -> Iterator[dict[str, str]]:
    """That of a newcomer, whose stack is not the one that somebody may be working with."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RELOCATE_")}
    own["RELOCATE_STACK"] = "test-readme"
    yield own
    subprocess.run([binaries / "relocate", "down"], cwd=ROOT, env=own, check=True, capture_output=True)


def commands() -> list[str]:
    """The lines of the section's one block."""
    section = (ROOT / "README.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    [block] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return block.splitlines()


def test_ten_commands_relocate_something_with_a_pause_to_look_at_it(environment: dict[str, str]) -> None:
    lines = commands()
    assert len(lines) == 10
    script = ["set -euo pipefail", *lines]
    command = ["bash", "-c", "\n".join(script)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    before, paused, after = done.stdout.partition("PAUSE before IMPORTING\n")
    assert paused
    assert all(task in before for task in TASKS[: TASKS.index("importing")])
    assert "state          paused before IMPORTING" in after
    assert all(task in after for task in TASKS[TASKS.index("importing") :])
    assert "SUCCESS" in after.splitlines()[-1]
    assert (ROOT / ".local" / "report.html").read_text().endswith("</html>\n")
