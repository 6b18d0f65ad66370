"""What stands above the results: versions, threads, the kernel that runs, and who is absent."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """Take as many processors as threads, before JAX counts them; who imports peers takes none."""
    if hasattr(os, "sched_setaffinity"):
        threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def pytest_report_header() -> list[str]:
    from benchmarks import peers  # imports JAX

    return peers.versions()
