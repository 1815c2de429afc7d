"""Time and memory of one call, for all benchmarks."""

import time
import tracemalloc
from collections.abc import Callable


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_mb(call: Callable[[], object]) -> float:
    """Return the most memory that one call holds at a time, apart from the timing."""
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6
