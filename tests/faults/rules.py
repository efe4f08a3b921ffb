"""What is to be broken, and when."""

import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .calls import Call

# What can happen to a call.
ACTIONS = (
    "kill-before",  # The caller dies, and the service has not heard of the call.
    "kill-after",  # The service has done it, and the caller dies without the answer.
    "fail",  # The service answers that it is unavailable, and has done nothing.
    "throttle",  # The service answers that there is too much to do, and has done nothing.
    "delay",  # The call arrives late, by `seconds`.
    "repeat",  # The service gets it twice; the second answer counts.
    "cut-before",  # The connection breaks, and the service has not heard of the call.
    "cut-after",  # The service has done it, and the connection breaks.
)


@dataclass
class Rule:
    """Breaks the `nth` call that matches, counted from when the rule was made, or from it on every one."""

    id: int
    function: str
    action: str
    nth: int = 1
    every: bool = False
    service: str | None = None
    operation: str | None = None
    seconds: float = 0.0
    seen: int = 0
    broken: list[dict[str, Any]] = field(default_factory=list)

    def meets(self, call: Call) -> bool:
        """Counts a call; whether it is to be broken."""
        if not call.matches(self.function, self.service, self.operation):
            return False
        self.seen += 1
        meets = self.seen == self.nth or (self.every and self.seen > self.nth)
        if meets:
            self.broken.append(call.as_json() | {"at": time.time()})
        return meets


class Rules:
    """All rules that hold."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._rules: dict[int, Rule] = {}

    def add(self, description: dict[str, Any]) -> Rule:
        """Makes a rule; a description that makes no sense is an error."""
        rule = Rule(next(self._ids), **description)
        if rule.action not in ACTIONS:
            raise ValueError(f"there is no action {rule.action}; there are: {', '.join(ACTIONS)}")
        self._rules[rule.id] = rule
        return rule

    def get(self, rule_id: int) -> Rule | None:
        """A rule, with what it has broken."""
        return self._rules.get(rule_id)

    def all(self) -> list[Rule]:
        """Every rule that holds."""
        return list(self._rules.values())

    def remove(self, rule_id: int) -> None:
        """Ends a rule."""
        self._rules.pop(rule_id, None)

    def broken_by(self, call: Call) -> Rule | None:
        """The rule that breaks this call, if one does. Every rule counts it."""
        met = [rule for rule in self._rules.values() if rule.meets(call)]
        return met[0] if met else None
