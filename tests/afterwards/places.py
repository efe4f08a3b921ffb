"""Where secrets could have gone: what the tests left and others than its owners may see, as text files."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local_stack.deployment import Cell
from sensitive import SEALED_BYTES, items, silo_items

# Whom mails go to, the emulator logs; mails are for their recipients.
OF_THE_EMULATOR = "[ses-v2] SESv2 SendEmail:"
USERNAMES = "in/filter-usernames.txt"
REPORT = re.compile(r"/out/(import-report|rehearsal-report-\d+)\.json$")
REPORT_PAGE = re.compile(r"/out/rehearsal-report-\d+\.html$")
# On the page of a report, names stand in elements of their own, and nothing in them looks like an element.
NAME_ON_PAGE = re.compile(r"<bdi>.*?</bdi>")


def logs(cell: Cell) -> Iterator[str]:
    """What was logged."""
    return (line for _, line in grouped_logs(cell))


def grouped_logs(cell: Cell) -> Iterator[tuple[str, str]]:
    """What was logged, each line with its group."""
    client = cell.client("logs")
    for group in client.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName"):
        lines = client.get_paginator("filter_log_events").paginate(logGroupName=group).search("events[].message")
        yield from ((group, line) for line in lines)


def histories(cell: Cell) -> Iterator[str]:
    """What the runs of the state machine were given, said, and answered."""
    states = cell.client("stepfunctions")
    runs = states.get_paginator("list_executions").paginate(stateMachineArn=cell.outputs["StateMachine"])
    for arn in runs.search("executions[].executionArn"):
        yield _text(states.describe_execution(executionArn=arn))
        events = states.get_paginator("get_execution_history").paginate(executionArn=arn)
        yield from map(_text, events.search("events[]"))


def records(cell: Cell) -> Iterator[str]:
    """The records, their outcomes and failure reasons, and what waits to be published."""
    for item in items(cell, "RelocationsTable"):
        if isinstance(item.get("fields"), dict):
            item["fields"].pop("wantUsernames", None)
        yield _text(item)


def messages(cell: Cell) -> Iterator[str]:
    """What is left in queues, the dead letters among it."""
    sqs = cell.client("sqs")
    for url in sqs.get_paginator("list_queues").paginate().search("QueueUrls[]"):
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
            yield from (message["Body"] for message in found)


def artifacts(cell: Cell) -> Iterator[str]:
    """All versions of all artifacts but the sealed ones and the list of usernames."""
    for key, content in _objects(cell):
        if REPORT.search(key):
            yield f"{key} {_without_usernames(content)}"
        elif REPORT_PAGE.search(key):
            yield f"{key} {NAME_ON_PAGE.sub('', content.decode())}"
        elif not key.endswith((".tar", USERNAMES)) and not key.startswith("catalogs/"):
            yield f"{key} {content.decode(errors='replace')}"


def sealed(cell: Cell) -> Iterator[tuple[str, bytes]]:
    """The sealed artifacts."""
    return ((key, content) for key, content in _objects(cell) if key.endswith(".tar"))


def silos(cell: Cell) -> Iterator[str]:
    """The rows that live here, where all of it belongs."""
    return map(_text, silo_items(cell))


PLACES: dict[str, Callable[[Cell], Iterator[str]]] = {
    "logs": logs,
    "histories": histories,
    "records": records,
    "messages": messages,
    "artifacts": artifacts,
}


def write(folder: Path, cells: list[Cell], state: Path) -> None:
    """Writes everything into files, one for each kind of place and cell."""
    folder.mkdir()
    for cell in cells:
        for name, lines in PLACES.items():
            _write(folder / f"{name}-{cell.account}.txt", lines(cell))
        _write(folder / f"sealed-{cell.account}.txt", (_members(content) for _, content in sealed(cell)))
    emulator = (state / "emulator.log").read_text(errors="replace").splitlines()
    _write(folder / "logs-emulator.txt", (line for line in emulator if OF_THE_EMULATOR not in line))
    published = (state / "published.jsonl").read_text().splitlines()
    _write(folder / "events.txt", (json.loads(line)["content"] for line in published))


def _objects(cell: Cell) -> Iterator[tuple[str, bytes]]:
    s3, bucket = cell.client("s3"), cell.outputs["ArtifactsBucket"]
    found = s3.get_paginator("list_object_versions").paginate(Bucket=bucket).search("Versions[]")
    for one in found:
        if one and one["Size"] <= SEALED_BYTES:
            content = s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])["Body"].read()
            yield one["Key"], content


def _members(tarball: bytes) -> str:
    """A tarball with each member on lines of its own: a random byte before the next one's name may look like `a@key.pub`."""
    return re.sub(rb"(?=export\.json|data\.key|key\.pub)", b"\n", tarball).decode("latin-1")


def _without_usernames(report: bytes) -> str:
    """A report without the names that users had and got."""
    content = json.loads(report)
    for names in ("renamed", "existing"):
        content[names] = [one for one in content[names] if one["model"] != "sentry.user"]
    return _text(content)


def _write(path: Path, lines: Iterator[str]) -> None:
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)


def _text(value: Any) -> str:
    return json.dumps(value, default=repr, ensure_ascii=False)
