"""Writes down what functions used of their permissions, what they were refused, and what they handed to others.

Whoever signed a request is known by the access key. That tells functions apart, and it tells whose permissions a
presigned URL has, which a customer uses.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .calls import Headers, call
from .uses import Use, is_refused, published, uses
from .wire import Head

SIGNED = re.compile(r"Credential=(\w+)/")


class Witness:
    """Notes in a folder: `uses.jsonl` has each use once, `refused.jsonl` and `published.jsonl` everything."""

    def __init__(self, folder: Path) -> None:
        self._files = {name: (folder / f"{name}.jsonl").open("w") for name in ("uses", "refused", "published")}
        self._functions: dict[str, str] = {}
        self._seen: set[tuple[str, Use]] = set()

    def learn(self, function: str, head: Head) -> None:
        """A function has signed this request."""
        if found := SIGNED.search(head.get("authorization") or ""):
            self._functions[found[1]] = function

    def note(self, head: Head, content: bytes, status: int, answer: bytes) -> None:
        """A request was answered. Of the answer, the beginning is enough."""
        method, target, _ = head.line.split(" ", 2)
        function = self._functions.get(_access_key(head, target))
        if function is None:
            return
        headers = {name.lower(): value for name, value in head.headers}
        asked = call(function, method, target, headers)
        # Only what a function asks itself: customers may ask for anything with the URLs that they have.
        if is_refused(status, answer):
            if "authorization" in headers:
                self._write("refused", asked.as_json() | {"answer": answer.decode(errors="replace")})
            return
        try:
            fields = json.loads(content) if content else {}
            for use in sorted(uses(asked, _account(function), headers, fields, status)):
                self._use(function, use)
            for text in published(asked, fields):
                self._write("published", {"function": function, "operation": asked.operation, "content": text})
        except (KeyError, ValueError) as error:  # No permission is called so, which fails the test of permissions.
            self._use(function, ("unreadable", f"{asked.service} {asked.operation}: {error!r}"))

    def _use(self, function: str, use: Use) -> None:
        if (function, use) not in self._seen:
            self._seen.add((function, use))
            self._write("uses", {"function": function, "action": use[0], "resource": use[1]})

    def _write(self, name: str, line: dict[str, Any]) -> None:
        self._files[name].write(json.dumps(line) + "\n")
        self._files[name].flush()


def _access_key(head: Head, target: str) -> str:
    presigned = parse_qs(urlsplit(target).query).get("X-Amz-Credential", [""])[0]
    found = SIGNED.search(head.get("authorization") or f"Credential={presigned}")
    return found[1] if found else ""


def _account(function: str) -> str:
    """A function of a cell in an account of its own has the account in its name."""
    found = re.search(r"-(\d{12})-", function)
    return found[1] if found else "000000000000"
