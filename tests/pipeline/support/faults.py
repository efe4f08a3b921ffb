"""Breaks what functions count on, through the proxy between them and the emulator (`tests/faults`)."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Rule:
    """Something that is broken as long as the rule holds."""

    faults: "Faults"
    id: int

    @property
    def broken(self) -> list[dict[str, Any]]:
        """The calls that were broken so far."""
        return self._state()["broken"]

    @property
    def seen(self) -> int:
        """How many calls matched so far, broken or not."""
        return self._state()["seen"]

    def _state(self) -> dict[str, Any]:
        return self.faults.ask("GET", f"rules/{self.id}")


class Faults:
    """The proxy, as tests speak to it."""

    @cached_property
    def _url(self) -> str:
        return os.environ["RELOCATE_TEST_FAULTS"]

    @contextmanager
    def broken(self, function: str, action: str, **which: Any) -> Iterator[Rule]:
        """Breaks calls of a function, by its whole name, within the block.

        `nth` is the first call to break, from 1; with `every`, all later ones break, too. `service` and `operation`
        say which calls count. The actions are described in `tests/faults/rules.py`.
        """
        made = self.ask("POST", "rules", {"function": function, "action": action, **which})
        try:
            yield Rule(self, made["id"])
        finally:
            self.ask("DELETE", f"rules/{made['id']}")

    def peak_kib(self, function: str) -> int:
        """The most memory that any process of a function had used when it called anything."""
        return self.ask("GET", f"memory/{function}")["peakKib"]

    def calls(self, function: str) -> list[dict[str, Any]]:
        """What a function has called so far, in order."""
        log = Path(os.environ["RELOCATE_TEST_STATE"]) / "calls.jsonl"
        calls = (json.loads(line) for line in log.read_text().splitlines())
        return [one for one in calls if one["function"] == function]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Speaks to the proxy."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/_faults/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
