"""What a relocation added to the silos, in a form in which two relocations can be compared row for row.

An import reserves a range of primary keys for each model and says so in its plan. So it can be told which rows
are whose, however many relocations there are in a cell. What has to differ from one relocation to another is put in words:

- a primary key as its place in the range, such as `sentry.team 3`; a key that leads elsewhere as `sentry.team elsewhere`
- a time from the import on as `now`, or as the days since
- a random value as its length; a suffix likewise, as in `acme-<2>`; what stands in the export is never random
- the names that a test gives, such as those of the owner, as it says; they are replaced wherever they occur

What an export wants and the target has already gets a suffix, or a new token. So relocations are compared whose exports
have no unique values in common, such as those of `acme(slug)`, or in two cells.
"""

import json
import re
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from .exports import Row
from .target import Target

SILOS = ("CellTable", "ControlTable")
CATALOG = Path(__file__).resolve().parents[3] / "shared" / "catalog" / "sentry.toml"

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
# A run of letters and digits this long that the export does not have was made at random.
RANDOM = re.compile(r"(?<=\$)[A-Za-z0-9+/=]{16,}|[A-Za-z0-9+=_-]{16,}")
# The ids of subscriptions begin with a number that may be any.
SUBSCRIPTION = re.compile(r"\d+/[0-9a-f]{32}")
SUFFIX = re.compile(r"(.+)-([a-z0-9]{2,12})")

Item = dict[str, Any]
State = dict[str, Any]


@dataclass(frozen=True)
class Tables:
    """The items of the two silos at one moment."""

    silos: dict[str, list[Item]]

    @classmethod
    def of(cls, target: Target) -> "Tables":
        """Reads them whole."""
        return cls({silo: list(_scan(target.table(silo))) for silo in SILOS})

    def relocated(self, uuid: str, export: list[Row], names: Mapping[str, str] | None = None) -> State:
        """What a relocation of an export added; `names` maps what to replace to what to put there."""
        view = _View.of(self, uuid, export, names or {})
        return {
            "plan": view.plan(),
            "chunks": {label: view.chunk(item) for label, item in view.chunks()},
            "rows": {label: view.row(model, item) for model, label, item in view.rows(self)},
            "uniques": sorted(view.uniques(self)),
        }

    def held(self) -> State:
        """All rows with their fields, and all unique values with the primary keys of those who hold them."""
        rows = {f"{model} {item['sk']}": _content(item) for model, item in _rows(self)}
        everything = (item for silo in SILOS for item in self.silos[silo])
        return rows | {item["pk"]: int(item["holder"]) for item in everything if item["sk"] == "UNIQUE"}

    def strays(self, before: "Tables", *uuids: str) -> set[str]:
        """The rows that are new since `before` and belong to none of these relocations."""
        views = [_View.of(self, uuid, [], {}) for uuid in uuids]
        theirs = {f"{model} {item['sk']}" for view in views for model, _, item in view.rows(self)}
        old = {f"{model} {item['sk']}" for model, item in _rows(before)}
        return {f"{model} {item['sk']}" for model, item in _rows(self)} - old - theirs


@dataclass(frozen=True)
class _View:
    """The tables as seen from one relocation."""

    uuid: str
    imported: dict[str, Item]
    names: Mapping[str, str]
    given: set[str]
    # The same, so that what begins with something is found by halving.
    given_in_order: list[str] = field(repr=False)
    started: datetime
    ranges: dict[str, range] = field(repr=False)

    @classmethod
    def of(cls, tables: Tables, uuid: str, export: list[Row], names: Mapping[str, str]) -> "_View":
        imported = {item["sk"]: item for silo in SILOS for item in tables.silos[silo] if item["pk"] == f"I#{uuid}"}
        assert "PLAN" in imported, f"relocation {uuid} has not come to its import"
        plan = _content(imported["PLAN"])
        ranges = {model: _range(reserved) for model, reserved in plan["ranges"].items()}
        given = set(_strings(export))
        return cls(uuid, imported, names, given, sorted(given), _time(plan["now"]), ranges)

    def plan(self) -> Item:
        """What was planned, but for the values of this import alone."""
        plan = _content(self.imported["PLAN"])
        lengths = {model: len(reserved) for model, reserved in self.ranges.items()}
        kept = {name: self._value(plan[name]) for name in ("scope", "flags", "filter", "transaction_items")}
        return kept | {"ranges": lengths}

    def chunks(self) -> Iterator[tuple[str, Item]]:
        """The chunks of the map of primary keys, by model and first ordinal."""
        for label in sorted(self.imported.keys() - {"PLAN"}):
            yield label, _content(self.imported[label])

    def chunk(self, chunk: Item) -> Item:
        """A chunk with the new primary keys in words."""
        model = chunk["model"]
        identifiers = {self._key(model, int(pk)): self._value(name) for pk, name in chunk["identifiers"].items()}
        mapped = [one | {"pk": self._key(model, one["pk"])} for one in chunk["mapped"]]
        return {"mapped": mapped, "identifiers": identifiers}

    def rows(self, tables: Tables) -> Iterator[tuple[str, str, Item]]:
        """The rows in the import's ranges, and those that were made for its organisations since."""
        others: dict[str, int] = defaultdict(int)
        for model, item in _rows(tables):
            pk = int(item["sk"])
            if pk in self.ranges.get(model, ()):
                yield model, self._key(model, pk), item
            elif model == "sentry.organizationmember" and self._is_ours(item):
                others[model] += 1
                yield model, f"{model} added {others[model]}", item

    def row(self, model: str, item: Item) -> Item:
        """A row's fields, and how often it was changed."""
        fields = _content(item)
        keys = _keys().get(model, {})
        soft = _soft_keys(model, fields)
        words = {
            name: self._key(leads_to, int(value))
            for name, value in fields.items()
            if value is not None and (leads_to := keys.get(name) or soft.get(name))
        }
        others = {name: self._value(value) for name, value in fields.items() if name not in words}
        # In front of the last four hexadecimal digits stands which import inserted it.
        return words | others | {"(revision)": int(item.get("revision", 0)) % 2**16}

    def uniques(self, tables: Tables) -> Iterator[str]:
        """Which rows hold which of their unique values."""
        for silo in SILOS:
            for item in tables.silos[silo]:
                _, model, fields, *_ = f"{item['pk']}###".split("#")
                if item["sk"] == "UNIQUE" and int(item["holder"]) in self.ranges.get(model, ()):
                    yield f"{self._key(model, int(item['holder']))}: {fields}"

    def _is_ours(self, member: Item) -> bool:
        return int(_content(member)["organization"]) in self.ranges["sentry.organization"]

    def _key(self, model: str, pk: int) -> str:
        reserved = self.ranges.get(model, range(0))
        return f"{model} {pk - reserved.start + 1}" if pk in reserved else f"{model} elsewhere"

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._value(one) for one in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        if text in self.given:
            return self._named(text)
        if TIME.fullmatch(text):
            return self._since(text)
        if SUBSCRIPTION.fullmatch(text):
            return "<n>/<32>"
        suffixed = SUFFIX.fullmatch(text)
        if suffixed and self._begins_given(suffixed[1]):
            return f"{self._named(suffixed[1])}-<{len(suffixed[2])}>"
        return RANDOM.sub(lambda run: f"<{len(run[0])}>", self._named(text))

    def _begins_given(self, text: str) -> bool:
        at = bisect_left(self.given_in_order, text)
        return at < len(self.given_in_order) and self.given_in_order[at].startswith(text)

    def _named(self, text: str) -> str:
        for name, word in {self.uuid: "<uuid>", **self.names}.items():
            text = text.replace(name, word)
        return text

    def _since(self, text: str) -> str:
        past = _time(text) - self.started
        if past < timedelta():
            return text
        return "<now>" if past < timedelta(hours=12) else f"<now + {round(past / timedelta(days=1))} days>"


def _scan(table: Any) -> Iterator[Item]:
    more: dict[str, Any] = {}
    while True:
        page = table.scan(ConsistentRead=True, **more)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _rows(tables: Tables) -> Iterator[tuple[str, Item]]:
    """The rows of the two silos with their models, in the order of their primary keys."""
    everything = [item for silo in SILOS for item in tables.silos[silo] if item["pk"].startswith("sentry.")]
    for item in sorted(everything, key=lambda item: (item["pk"], item["sk"])):
        yield item["pk"].partition("#")[0], item


def _content(item: Item) -> Item:
    """An item's fields as JSON would have them, packed or not."""
    if "packed" in item:
        return json.loads(zlib.decompress(bytes(item["packed"])))
    return _plain(item["fields"])


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case Decimal():
            return int(value) if value == value.to_integral_value() else str(value)
        case str() | bool() | None:
            return value
    return bytes(value).decode()  # A number that DynamoDB would not keep as it is.


def _range(reserved: Item) -> range:
    return range(reserved["start"], reserved["start"] + reserved["rows"] + reserved["automatic"])


def _time(text: str) -> datetime:
    """To milliseconds, which is what rows have."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:3]:0<3}+00:00")


def _strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _strings(one)
        case list():
            for one in value:
                yield from _strings(one)


@cache
def _keys() -> dict[str, dict[str, str]]:
    """The fields of each model that lead to other models, read from the catalogue as anybody reads it."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    model = ""
    for line in CATALOG.read_text().splitlines():
        if name := re.match(r'name = "([\w.]+)"', line):
            model = name[1]
        elif key := re.match(r'(\w+)\s*= "(?:key|cross-silo-key|reference)\(([\w.]+)\)', line):
            found[model][key[1]] = key[2]
    return found


def _soft_keys(model: str, fields: Item) -> dict[str, str]:
    """Fields that lead somewhere without being declared as keys."""
    if model == "sentry.monitor":
        return {"owner_team_id": "sentry.team"}
    kinds = {1: "sentry.user", 2: "sentry.team"}
    leads_to = kinds.get(fields.get("target_type"))
    return {"target_identifier": leads_to} if leads_to else {}
