"""`relocate submit --watch` as people at a terminal, pipes and programs get it."""

import json
import re
import subprocess

import pytest
from support.client import environment, submission
from support.exports import Exports, account
from support.target import Target
from support.terminals import COLUMNS, record
from test_success import TASKS


@pytest.fixture(scope="module", autouse=True)
def instance(target: Target) -> None:
    target.seed([*account(1, "admin", is_staff=True), *account(2, "ada"), *account(3, "bo"), *account(4, "cy")])


def command(target: Target, exports: Exports, owner: str, *options: str) -> list[str]:
    """Hands in an export of two organisations, so large that importing it takes a while."""
    slugs = [f"{owner}-{number}" for number in (1, 2)]
    export = exports.generate(orgs=2, projects=20, slugs=",".join(slugs))
    return submission(target, owner, slugs, export, "--watch", *options)


def test_on_a_terminal_the_timeline_fits_80_columns(target: Target, exports: Exports) -> None:
    recording = record(command(target, exports, "ada"), environment(target))
    last = recording.pictures[-1]
    for picture in dict.fromkeys(recording.pictures):
        print(picture, end="\n" + "-" * COLUMNS + "\n")
    assert recording.code == 0, last
    assert recording.on_a_wide_screen == last, "a line was broken because it is too long"
    assert any("▸" in picture and "of 992 rows" in picture for picture in recording.pictures), "how far it is"
    timeline = [re.fullmatch(r"✓ +([A-Z]+ +)?([a-z_]+)( +<? ?[\d.]+ s)?", line) for line in last.splitlines()]
    assert [line[2] for line in timeline if line] == TASKS
    assert last.splitlines()[-1] == "Done"


def test_in_a_pipe_each_change_is_a_line(target: Target, exports: Exports) -> None:
    done = piped(target, command(target, exports, "bo"))
    assert "\x1b" not in done.stdout + done.stderr
    rows = r": \d+ of 992 rows(?:, about \d+ s left)?"
    lines = [re.fullmatch(rf"\S+Z  ([A-Z]+) *([a-z_]*)({rows}|waiting for the file)?", line)
             for line in done.stdout.splitlines()]
    assert all(lines), done.stdout
    tasks = [line[2] for line in lines if line and line[2] in TASKS]
    assert list(dict.fromkeys(tasks)) == TASKS
    assert done.stdout.endswith("  SUCCESS\n")


def test_with_json_each_line_is_a_record(target: Target, exports: Exports) -> None:
    done = piped(target, command(target, exports, "cy", "--json"))
    assert done.stderr == ""
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({record["uuid"] for record in records}) == 1
    assert len({json.dumps(record) for record in records}) == len(records) > 1, "a line for each change"
    assert records[-1]["status"] == "SUCCESS"


def piped(target: Target, command: list[str]) -> subprocess.CompletedProcess[str]:
    """What a program says to another one."""
    return subprocess.run(command, env=environment(target), capture_output=True, text=True, check=True, timeout=300)
