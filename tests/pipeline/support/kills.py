"""Kills functions while relocations run: each of their calls has its turn."""

import random
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from .faults import Faults
from .target import Target

ACTIONS = ("kill-before", "kill-after")
NEVER = 1_000_000_000
# What an ordered task does last.
LAST = "SendTaskSuccess"


@dataclass(frozen=True)
class Kill:
    """The process of a function dies before or after its n-th call, of all or of one operation."""

    function: str
    action: str
    nth: int
    operation: str | None = None

    def __str__(self) -> str:
        return f"{self.function}: {self.action} {self.operation or 'call'} {self.nth}"


@dataclass(frozen=True)
class Proof:
    """A kill that has happened, and the call it happened at."""

    kill: Kill
    call: dict[str, Any]


class Killer:
    """Has functions killed within a block.

    Of functions `at_once`, all kills count their calls from the beginning. Any other function has one kill after the
    other, each of which counts from the one before it: the calls of another attempt, which begins anew.
    """

    def __init__(self, target: Target, kills: Iterable[Kill], at_once: Sequence[str] = ()) -> None:
        self._target = target
        self._faults = Faults()
        self._left: dict[str, deque[Kill]] = defaultdict(deque)
        self._armed: dict[int, Kill] = {}
        self._at_once = at_once
        self.proofs: list[Proof] = []
        for kill in kills:
            self._left[kill.function].append(kill)

    def __enter__(self) -> "Killer":
        for function in self._left:
            self._arm_next(function)
        return self

    def __exit__(self, *_: object) -> None:
        for number in list(self._armed):
            self._disarm(number)

    def look(self) -> None:
        """Sees who has been killed, and lets the next one wait."""
        rules = {rule["id"]: rule for rule in self._faults.ask("GET", "rules")}
        for number, kill in list(self._armed.items()):
            if calls := rules[number]["broken"]:
                self._disarm(number)
                self.proofs.append(Proof(kill, calls[0]))
                if kill.function not in self._at_once:
                    self._arm_next(kill.function)

    def killed(self, function: str) -> int:
        """How often a function was killed so far."""
        return sum(proof.kill.function == function for proof in self.proofs)

    def _arm_next(self, function: str) -> None:
        left = self._left[function]
        while left:
            kill = left.popleft()
            which = {"nth": kill.nth, "operation": kill.operation}
            name = self._target.cell.function(function)
            made = self._faults.ask("POST", "rules", {"function": name, "action": kill.action, **which})
            self._armed[made["id"]] = kill
            if function not in self._at_once:
                return

    def _disarm(self, number: int) -> None:
        self._faults.ask("DELETE", f"rules/{number}")
        del self._armed[number]


@contextmanager
def counted(target: Target, functions: Iterable[str], operation: str | None = None) -> Iterator[dict[str, int]]:
    """How many calls functions make within the block, filled in at its end."""
    found: dict[str, int] = {}
    faults = Faults()
    with ExitStack() as stack:
        rules = {
            function: stack.enter_context(
                faults.broken(target.cell.function(function), "delay", nth=NEVER, operation=operation)
            )
            for function in functions
        }
        yield found
        found |= {function: rule.seen for function, rule in rules.items()}


@dataclass
class Plan:
    """The kills that are to be proven. Relocations side by side take some each, and say which of them came about."""

    kills: list[Kill]
    # How many kills of these functions one relocation stands, of any other, and of the others together.
    stands: dict[str, int]
    stands_else: int
    stands_together: int
    at_once: Sequence[str]
    proofs: list[Proof] = field(default_factory=list)
    # How often the call of a kill that was armed first did not come.
    missed: dict[Kill, int] = field(default_factory=lambda: defaultdict(int))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> list[Kill]:
        """The kills that a relocation is to stand; none when all are proven or taken."""
        with self._lock:
            of_function: dict[str, list[Kill]] = defaultdict(list)
            for kill in self.kills:
                of_function[kill.function].append(kill)
            taken: list[Kill] = []
            room = self.stands_together
            for function, waiting in sorted(of_function.items(), key=lambda one: -len(one[1])):
                some = self._some(waiting, self.stands.get(function, min(room, self.stands_else)))
                room -= 0 if function in self.stands else len(some)
                taken += some
            self.kills = [kill for kill in self.kills if kill not in taken]
            return taken

    def give_back(self, taken: list[Kill], proofs: list[Proof]) -> None:
        """Says what came of kills. One whose call did not come is tried again, as the first of its function."""
        proven = {proof.kill for proof in proofs}
        with self._lock:
            self.proofs += proofs
            firsts = {kill.function: kill for kill in reversed(taken)}
            for kill in taken:
                if kill not in proven:
                    self.missed[kill] += firsts[kill.function] == kill
                    if self.missed[kill] < 2:
                        self.kills.insert(0, kill)

    def _some(self, waiting: list[Kill], most: int) -> list[Kill]:
        """Some kills of a function, in the order of their calls, so that each but the last is followed by an attempt
        as long as the first. One that was missed before is the first. No two wait for the same call at once."""

        def order(kill: Kill) -> tuple[int, bool, bool, int]:
            return -self.missed[kill], kill.operation is not None, kill.operation == LAST, kill.nth

        chosen: list[Kill] = []
        for kill in sorted(waiting, key=lambda kill: -self.missed[kill]):
            meets = any(kill.nth == one.nth or kill.operation or one.operation for one in chosen)
            if len(chosen) < most and not (kill.function in self.at_once and meets):
                chosen.append(kill)
        return sorted(chosen, key=order)

    def unproven(self) -> list[str]:
        """The kills whose call never came."""
        return [str(kill) for kill, times in self.missed.items() if times >= 2]


def every(functions: dict[str, int]) -> list[Kill]:
    """Every kill of functions that make so many calls."""
    return [
        Kill(function, action, nth)
        for function, calls in functions.items()
        for nth in range(1, calls + 1)
        for action in ACTIONS
    ]


def sample(kills: list[Kill], of_each: dict[str, int], seed: int) -> list[Kill]:
    """So many kills of each function, half of them of either kind, chosen by a seed."""
    chooser = random.Random(seed)
    chosen = []
    for function, wanted in of_each.items():
        for action in ACTIONS:
            some = [kill for kill in kills if (kill.function, kill.action) == (function, action)]
            chosen += chooser.sample(some, min(len(some), wanted // 2))
    return chosen
