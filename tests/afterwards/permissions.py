"""What functions may do by their roles as they are deployed, and what they did."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from local_stack.deployment import Cell, client


@dataclass(frozen=True, order=True)
class Permission:
    """An action on a resource, which is named as in the template: `RelocationsTable/index/due`."""

    function: str
    action: str
    resource: str
    arn: str = field(compare=False)

    def by(self, function: str) -> "Permission":
        """The same as another function would have it, on one of the resources where this is a pattern."""
        return replace(self, function=function, resource=self.resource.replace("*", "any"))

    def allows(self, use: "Permission") -> bool:
        """Whether it takes this permission for that use."""
        return (self.function, self.action) == (use.function, use.action) and fnmatchcase(use.resource, self.resource)

    def __str__(self) -> str:
        return f"{self.function}: {self.action} on {self.resource}"


class Names:
    """The names of the template for what a cell's stack made."""

    def __init__(self, account: str, endpoint: str) -> None:
        cloudformation = client("cloudformation", account, endpoint)
        (stack,) = cloudformation.describe_stacks()["Stacks"]
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
        self.stack = stack["StackName"]
        self._logical = {
            re.split("[/:]", one["PhysicalResourceId"])[-1]: one["LogicalResourceId"]
            for one in pages.search("StackResourceSummaries[]")
            # A function is called like its log group, and the bus like that of the API: these are told by other means.
            if one["ResourceType"] not in ("AWS::Lambda::Function", "AWS::Logs::LogGroup")
        }

    def resource(self, arn: str) -> str:
        """A resource by its name in the template, with what follows the name in the ARN."""
        if arn == "*":
            return arn
        *_, named = arn.split(":", 5)
        parts = [self._logical.get(part, part) for part in re.split("([/:])", named)]
        kinds = ("table/", "key/", "event-bus/", "stateMachine:", "execution:", "log-group:/aws/lambda/")
        text = "".join(parts)
        return next((text.removeprefix(kind) for kind in kinds if text.startswith(kind)), text)

    def function(self, name: str) -> str:
        """A function as its crate is called."""
        return name.removeprefix(f"{self.stack}-")


def granted(cell: Cell) -> list[Permission]:
    """What each function's role allows, action by action and resource by resource."""
    names = Names(cell.account, cell.endpoint)
    iam, functions = cell.client("iam"), cell.client("lambda")
    found = set()
    for one in functions.get_paginator("list_functions").paginate().search("Functions"):
        function, role = names.function(one["FunctionName"]), one["Role"].rsplit("/", 1)[1]
        for statement in _statements(iam, role):
            for action in _listed(statement["Action"]):
                for arn in _listed(statement["Resource"]):
                    found.add(Permission(function, action, names.resource(arn), arn))
    return sorted(found)


def roles(cell: Cell) -> dict[str, str]:
    """Each function's role."""
    names, functions = Names(cell.account, cell.endpoint), cell.client("lambda")
    listed = functions.get_paginator("list_functions").paginate().search("Functions")
    return {names.function(one["FunctionName"]): one["Role"] for one in listed}


def used(log: Path, endpoint: str) -> list[Permission]:
    """What functions did in all cells."""
    names: dict[str, Names] = {}
    found = set()
    for line in log.read_text().splitlines():
        use = json.loads(line)
        account = re.search(r"-(\d{12})-", use["function"])[1]
        if account not in names:
            names[account] = Names(account, endpoint)
        of_cell = names[account]
        function, arn = of_cell.function(use["function"]), use["resource"]
        found.add(Permission(function, use["action"], of_cell.resource(arn), arn))
    return sorted(found)


def _statements(iam: Any, role: str) -> Iterator[dict[str, Any]]:
    """The statements of a role, which are all inline; a managed policy would be overlooked."""
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow", statement
            yield statement


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
