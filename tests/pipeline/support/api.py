"""A client of the HTTP API, as a customer would write one from the specification."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RELOCATIONS = "/api/0/relocations/"


@dataclass(frozen=True)
class Answer:
    """What a call was answered with."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    """The API for one caller; without a token, for nobody."""

    root: str
    query: str
    token: str | None

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Makes a call and answers with whatever comes of it, refusals included."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        separator = "&" if "?" in path else "?"
        address = f"{self.root}{path}{separator}{self.query}"
        request = urllib.request.Request(address, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                text = answer.read()
                return Answer(answer.status, json.loads(text) if text else None, answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            return Answer(error.code, json.loads(text) if text.startswith(b"{") else {})

    def expect(self, status: int, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Makes a call that has to be answered with this status."""
        answer = self.call(method, path, body)
        assert answer.status == status, f"{method} {path}: {answer}"
        return answer.body

    def public_key(self) -> str:
        """The cell's public key, as PEM."""
        return self.expect(200, "GET", "/api/0/publickeys/relocations/")["public_key"]

    def create(self, owner: str, slugs: list[str], size: int, *, status: int = 201) -> dict[str, Any]:
        """Asks for a relocation of a file that will be uploaded."""
        asked = {"owner": owner, "orgs": ",".join(slugs), "fileName": "export.tar", "fileSize": size}
        return self.expect(status, "POST", RELOCATIONS, asked)

    def relocation(self, uuid: str) -> dict[str, Any]:
        """The relocation as it is now."""
        return self.expect(200, "GET", f"{RELOCATIONS}{uuid}/")

    def send_parts(self, uuid: str, file: Path) -> list[dict[str, Any]]:
        """Sends all parts of a file that is at most 100 parts long; answers with their tags."""
        upload = self.expect(200, "GET", f"{RELOCATIONS}{uuid}/upload/")
        content, size = file.read_bytes(), upload["partSize"]
        return [self._send_part(part, content[(part["partNumber"] - 1) * size :][:size]) for part in upload["missing"]]

    def upload(self, uuid: str, file: Path) -> dict[str, Any]:
        """Sends a file and completes its upload."""
        parts = self.send_parts(uuid, file)
        return self.expect(200, "POST", f"{RELOCATIONS}{uuid}/upload/complete/", {"parts": parts})

    def _send_part(self, part: dict[str, Any], content: bytes) -> dict[str, Any]:
        request = urllib.request.Request(part["url"], content, part["headers"], method="PUT")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return {"partNumber": part["partNumber"], "etag": answer.headers["ETag"]}
