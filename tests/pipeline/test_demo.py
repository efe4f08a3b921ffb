"""The command that the README begins with does what it says."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from local_stack.paths import ROOT
from test_success import TASKS

REAL_EXPORT = ROOT.parent / "shared" / "reference" / "exports" / "release-24.7.0.json"


def demo(binaries: Path, *options: str) -> str:
    """What `relocate demo` prints; it builds, starts and stops a stack of its own."""
    # A demo knows nothing of the emulator that tests share.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RELOCATE_TEST")}
    command = [binaries / "relocate", "demo", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_export_is_relocated_for_people_to_see(binaries: Path) -> None:
    shown = demo(binaries)
    for task in TASKS:
        assert task in shown
    for column in ("inserted", "reused", "renamed", "dropped"):
        assert column in shown
    assert "SUCCESS" in shown
    assert re.search(r"what the rehearsal said of the import: s3://\S+/out/rehearsal-report-1\.html\n", shown)


def test_a_real_export_is_relocated_for_programs_to_read(binaries: Path) -> None:
    if not REAL_EXPORT.exists():
        pytest.skip("the reference data is not beside this checkout")
    summary: dict[str, Any] = json.loads(
        demo(binaries, "--json", "--export", str(REAL_EXPORT), "--orgs-wanted", "test-org")
    )
    assert summary["relocation"]["status"] == "SUCCESS"
    report = summary["inspection"]["report"]
    counts = [
        sum(model[kind] for model in report["models"].values()) for kind in ("inserted", "existing", "overwritten")
    ]
    assert counts == [110, 5, 0]
    renamed = {(row["model"], row["from"], row["to"].rsplit("-", 1)[0]) for row in report["renamed"]}
    assert renamed == {("sentry.organization", "test-org", "test-org"), ("sentry.user", "owner", "owner")}
    assert report["dropped"] == []
