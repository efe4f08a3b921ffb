"""Rows that exercise every key across silos, made from the catalogue file alone: for each key a row that leads to somebody
who goes and one that leads to somebody who stays."""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.dynamodb.conditions import Key

from .exports import Row
from .target import Target
from .waiting import eventually

CATALOGUE = Path(__file__).resolve().parents[3] / "shared" / "catalog" / "sentry.toml"
GOING, STAYING = 901, 902
# Behind it are primary keys that nobody has.
NOBODY = 100_000
_KEY = re.compile(r"(cross-silo-key|key)\(([^)]*)\)(\??) ?(\S*)")


@dataclass(frozen=True)
class Model:
    """A model as the catalogue declares it."""

    name: str
    silo: str
    fields: dict[str, str]

    def keys(self) -> Iterator[tuple[str, str, str, bool, str]]:
        """Each key: field, kind, target, whether it may be null, what it says of rows whose target is gone."""
        for field, declared in self.fields.items():
            if found := _KEY.match(declared):
                kind, target, nullable, on_delete = found.groups()
                yield field, kind, target, bool(nullable), on_delete


@dataclass(frozen=True)
class Case:
    """A row that one key across silos leads from."""

    model: Model
    field: str
    target: str
    on_delete: str
    pk: int
    goes: bool


def models() -> list[Model]:
    """The models of the built-in catalogue."""
    declared = tomllib.loads(CATALOGUE.read_text())["model"]
    return [Model(model["name"], model["silo"], model["fields"]) for model in declared]


def targets() -> list[str]:
    """The models that keys across silos lead to."""
    return sorted({key[2] for model in models() for key in model.keys() if key[1] == "cross-silo-key"})


def cases() -> list[Case]:
    """Two rows for each key across silos, the first of which leads to somebody who goes."""
    made = []
    for model in models():
        keys = [key for key in model.keys() if key[1] == "cross-silo-key"]
        for number, (field, _, target, _, on_delete) in enumerate(keys):
            for goes in (True, False):
                pk = 1000 + 10 * number + (0 if goes else 1)
                made.append(Case(model, field, target, on_delete, pk, goes))
    return made


def rows() -> list[Row]:
    """Whoever goes or stays, and the rows of all cases, in the order of the catalogue."""
    by_model: dict[str, list[Row]] = {}
    for name in targets():
        model = next(model for model in models() if model.name == name)
        by_model[name] = [_row(model, pk, {}) for pk in (GOING, STAYING)]
    for case in cases():
        leads = {case.field: GOING if case.goes else STAYING}
        by_model.setdefault(case.model.name, []).append(_row(case.model, case.pk, leads))
    return [row for model in models() for row in by_model.get(model.name, [])]


def _row(model: Model, pk: int, leads: dict[str, int]) -> Row:
    """A row whose keys lead where they are told to, else nowhere, else to somebody whom no other row refers to: keys are
    part of unique values."""
    fields: dict[str, Any] = {}
    keys = {key[0]: key for key in model.keys()}
    for field, declared in model.fields.items():
        if field in leads:
            fields[field] = leads[field]
        elif field in keys:
            _, _, _, nullable, _ = keys[field]
            fields[field] = None if nullable else NOBODY + pk
        elif declared.startswith("text"):
            fields[field] = f"{model.name.removeprefix('sentry.')[:12]}{pk}{field[:4]}"[:20]
        elif declared.startswith("bool"):
            fields[field] = False
        elif declared.startswith("int"):
            fields[field] = 0
        elif declared.startswith("uuid"):
            fields[field] = f"00000000-0000-4000-8000-{pk:012}"
        else:
            fields[field] = None
    return {"model": model.name, "pk": pk, "fields": fields}


def found(target: Target, model: Model, pk: int) -> dict[str, Any] | None:
    """The fields of a row as the table has them, or nothing."""
    table = target.table("CellTable" if model.silo == "cell" else "ControlTable")
    item = table.get_item(Key={"pk": f"{model.name}#{pk // 256:020}", "sk": f"{pk:020}"}).get("Item")
    return None if item is None else item["fields"]


def tombstones(target: Target, table: str) -> set[tuple[str, int]]:
    """Who has a tombstone in a silo."""
    found = target.table(table).query(KeyConditionExpression=Key("pk").eq("TOMBSTONES"))["Items"]
    return {(item["table"], int(item["object"])) for item in found}


def settled(target: Target, holds: Callable[[], Any], what: str, deadline: float = 180) -> None:
    """Starts jobs for every key across silos, again and again but not before those under way have ended, until something
    is so."""
    queue = target.source("cascade-batch")

    def looks() -> bool:
        if queue.holds_messages():
            return False
        if holds():
            return True
        cascade(target)
        return False

    eventually(looks, deadline, what, 0.5)


def cascade(target: Target) -> None:
    """Starts a job for every key across silos, as the schedules do."""
    lambdas = target.cell.client("lambda")
    for silo in ("cell", "control"):
        answer = lambdas.invoke(
            FunctionName=target.cell.function("schedule-cascades"), Payload=f'{{"silo": "{silo}"}}'.encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
