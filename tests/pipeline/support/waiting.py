"""The one way in which tests wait: for a condition, up to a deadline, and for nothing else."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# How often the condition is looked at.
INTERVAL_SECONDS = 0.1


def eventually(
    condition: Callable[[], T], deadline: float = 60, what: str = "", interval: float = INTERVAL_SECONDS
) -> T:
    """Answers what `condition` does as soon as that is true; fails when it is not within `deadline` seconds."""
    ends = time.monotonic() + deadline
    while not (found := condition()):
        assert time.monotonic() < ends, f"not within {deadline} s: {what or condition.__name__}, but {found!r}"
        time.sleep(interval)
    return found
