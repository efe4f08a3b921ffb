"""Relocations in many states, so that calls with made-up data meet something that is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zlib import crc32

import schemathesis

from .api import RELOCATIONS
from .exports import Exports, account, acme
from .target import Target

# How many relocations there are for each call that uses them up.
OF_EACH = 4
# As many relocations may be under way as there are owners: each has one at a time.
OWNERS = range(100, 160)
# Those of them who have no relocation yet.
FREE = [f"owner-{number}" for number in OWNERS[-10:]]
CUSTOMER = 99
# The calls that want relocations whose files have not come yet.
WAITING = (
    "abandonUpload", "abortRelocation", "cancelRelocation", "pauseRelocation", "showUpload", "unpauseRelocation"
)
# What ends at once, and may be recovered and retried as often as one likes.
NO_EXPORT = b"not an export"


@dataclass
class Stock:
    """Relocations, by the call that they are for; under `""` those that are for all."""

    target: Target
    exports: Exports
    uuids: dict[str, list[str]] = field(default_factory=dict)
    # The customer's, by the call that it is for; under `""` that for all others.
    owned: dict[str, str] = field(default_factory=dict)
    # The artifacts of the relocation that succeeded, as kind and name.
    artifacts: list[tuple[str, str]] = field(default_factory=list)
    # The users whose deletion is scheduled, by the call that it is for.
    deletions: dict[str, list[int]] = field(default_factory=dict)
    # The parts of the uploads that can be completed.
    parts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def laid_in(cls, target: Target, exports: Exports) -> "Stock":
        """Puts an instance with its people into the cell, and starts what is needed."""
        for option, value in (("relocation.enabled", "true"), ("relocation.daily-limit.small", "1000")):
            target.staff.expect(200, "PUT", f"/api/0/relocation-options/{option}/", {"value": value})
        people = [account(number, f"owner-{number}") for number in OWNERS]
        target.seed(sum(people, [*account(1, "admin", is_staff=True), *account(CUSTOMER, "customer")]))
        stock, owners = cls(target, exports), iter([f"owner-{number}" for number in OWNERS[:-10]])
        succeeded = target.submit(next(owners), ["acme-stock"], exports.seal(acme("acme-stock")))
        accepted = target.submit("customer", ["acme-customer"], exports.seal(acme("acme-customer")))
        failed = [stock._failing(owners) for _ in range(4 * OF_EACH)]
        stock.uuids = {operation: stock._waiting(owners) for operation in WAITING}
        stock.uuids["completeUpload"] = stock._sent(owners)
        for uuid in stock.uuids["unpauseRelocation"]:
            target.staff.expect(200, "PUT", f"{RELOCATIONS}{uuid}/pause/")
        for uuid in failed:
            assert target.ended(uuid)["status"] == "FAILURE"
        stock.uuids |= {"recoverRelocation": failed[:OF_EACH], "retryRelocation": failed[OF_EACH : 2 * OF_EACH]}
        assert target.ended(succeeded)["status"] == "SUCCESS"
        files = target.staff.expect(200, "GET", f"{RELOCATIONS}{succeeded}/artifacts/")["files"]
        stock.artifacts = [tuple(file["path"].split("/")) for file in files]
        stock.uuids |= {"showArtifact": [succeeded]}
        stock.deletions = {"showDeletion": stock._scheduled(0), "cancelDeletion": stock._scheduled(OF_EACH)}
        stock.uuids |= {"undoRelocation": failed[2 * OF_EACH : 3 * OF_EACH], "showUndo": [stock._rehearsed(succeeded)]}
        stock.uuids[""] = [succeeded, *failed[3 * OF_EACH :], *stock._waiting(owners)]
        assert target.ended(accepted)["status"] == "SUCCESS"
        waiting = target.user(CUSTOMER, "customer").create("customer", ["acme"], 10)["uuid"]
        stock.owned = {"": waiting, "acceptRelocation": accepted}
        return stock

    def bring_in(self, operation: str, case: schemathesis.Case, role: str) -> None:
        """Lets most calls that could be about something be about what is there. Which, what was made up says."""
        is_customer = role == "customer"
        address, body = case.path_parameters or {}, case.body
        choice = crc32(repr((address, case.query, body)).encode())
        about, choice = choice % 4, choice // 4
        names_an_owner = isinstance(body, dict) and isinstance(body.get("owner"), str)
        if operation == "createRelocation" and about and names_an_owner:
            owner = "customer" if is_customer else _chosen(FREE, choice)
            case.body = body | {"owner": owner, "orgs": "acme"}
        if about and operation in self.deletions:
            user = _chosen(self.deletions[operation], choice)
            case.path_parameters = {"model": "sentry.user", "id": str(user)}
        if not about or not _is_uuid(address.get("uuid")):
            return
        uuid = _chosen(self.uuids.get(operation, []) + self.uuids[""], choice)
        if is_customer and about > 1:
            uuid = self.owned.get(operation, self.owned[""])
        case.path_parameters = address | {"uuid": uuid}
        if operation == "completeUpload" and about > 1 and uuid in self.parts:
            case.body = {"parts": self.parts[uuid]}
        if operation == "showArtifact" and about > 1:
            kind, name = _chosen(self.artifacts, choice)
            case.path_parameters = {"uuid": self.uuids[operation][0], "kind": kind, "name": name}

    def _failing(self, owners: Iterator[str]) -> str:
        return self.target.submit(next(owners), ["acme"], self.exports.file(NO_EXPORT))

    def _rehearsed(self, uuid: str) -> str:
        """A relocation of which it is foreseen what undoing it would do."""
        self.target.staff.expect(202, "POST", f"{RELOCATIONS}{uuid}/undo/", {"dryRun": True})
        return uuid

    def _scheduled(self, begin: int) -> list[int]:
        """Users whose deletion is scheduled, long before it is due."""
        users = list(OWNERS[begin : begin + OF_EACH])
        for user in users:
            self.target.staff.expect(201, "POST", "/api/0/deletions/", {"model": "sentry.user", "id": user})
        return users

    def _waiting(self, owners: Iterator[str]) -> list[str]:
        """Relocations that wait for their files."""
        return [self.target.staff.create(next(owners), ["acme"], 10)["uuid"] for _ in range(OF_EACH)]

    def _sent(self, owners: Iterator[str]) -> list[str]:
        """Relocations whose files are there, but not completed."""
        file = self.exports.file(NO_EXPORT)
        for _ in range(OF_EACH):
            uuid = self.target.staff.create(next(owners), ["acme"], len(NO_EXPORT))["uuid"]
            self.parts[uuid] = self.target.staff.send_parts(uuid, file)
        return list(self.parts)


def _chosen(choices: list[Any], number: int) -> Any:
    return choices[number % len(choices)]


def _is_uuid(text: Any) -> bool:
    try:
        return bool(UUID(text))
    except (AttributeError, TypeError, ValueError):
        return False
