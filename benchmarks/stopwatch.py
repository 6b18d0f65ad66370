"""How long calls take: the fastest of many rounds, in which the things compared take turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

Timer = Callable[[], float]


def clock(call: Callable[[], Any], now: Timer = time.process_time) -> float:
    """Return the seconds that a core has spent on the call; with another timer, all that passed."""
    start = now()
    call()
    return now() - start


def fastest(
    calls: dict[Any, Callable[[], Any]], seconds: float = 2.0, now: Timer = time.process_time
) -> dict[Any, float]:
    """Return the fastest time of each call."""
    times = {key: [clock(call, now)] for key, call in calls.items()}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 4:
        for key, call in calls.items():  # the second and third find the cache as the first left it
            times[key] += [clock(call, now) for _ in range(3)]
    return {key: min(found[1:]) for key, found in times.items()}


def settle() -> None:
    """Free a long array once: then glibc keeps freed memory of up to twice its length for later.

    Without this the times would depend on the lengths that were measured before.
    """
    np.ones(3 * 10**6)
