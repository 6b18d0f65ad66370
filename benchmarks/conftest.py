"""What stands above the results: versions, threads, the kernel that runs, and who is absent."""

from __future__ import annotations

from benchmarks import peers


def pytest_report_header() -> list[str]:
    return peers.versions()
