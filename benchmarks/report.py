"""Turn the files of pytest-benchmark into the tables that the book shows, and print the ratios."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks import peers

HERE = Path(__file__).parent
GRADIENTS = ("hinge loss and gradient", "network loss and gradient")
Times = dict[tuple[str, int, str], float]


def rows(sources: list[Path]) -> list[dict[str, Any]]:
    """Return one row for each function that was timed, its fastest round of all passes; seconds."""
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    for source in sources:
        for b in json.loads(source.read_text(encoding="utf-8"))["benchmarks"]:
            info, stats = b["extra_info"], b["stats"]
            key = info["task"], info["n"], info["name"]
            if key not in found or stats["min"] < float(found[key]["fastest"]):
                found[key] = {
                    "task": info["task"], "n": info["n"], "name": info["name"],
                    "fastest": f"{stats['min']:.3e}", "median": f"{stats['median']:.3e}",
                    "peak_bytes": info.get("peak", ""),
                }  # fmt: skip
    return list(found.values())


def targets(times: Times) -> list[tuple[str, float, float, bool]]:
    """Return what was aimed at: description, ratio, target, whether more is better."""
    found = []
    for task in GRADIENTS:
        for n in sorted({n for t, n, _ in times if t == task and n >= 1000}):
            peers = {p: times.get((task, n, p)) for p in ("PyTorch", "JAX (jit)", "autograd")}
            fastest = min((time, p) for p, time in peers.items() if time)
            ratio = fastest[0] / times[task, n, "hwlib"]
            found.append((f"{task}, n = {n:,}: times as fast as {fastest[1]}", ratio, 1.1, True))
        for p, target in (("PyTorch", 5.0), ("JAX (jit)", 0.0)):
            if (task, 1, p) in times:
                ratio = times[task, 1, p] / times[task, 1, "hwlib"]
                found.append((f"{task}, n = 1: times as fast as {p}", ratio, target, True))
    alone = times[GRADIENTS[0], 10**6, "hwlib"] / times[GRADIENTS[0], 10**6, "X @ theta alone"]
    found.append(("hinge, n = 1,000,000: times the time of X @ theta alone", alone, 2.0, False))
    task = "one epoch of Algorithm 1"
    for n in sorted({n for t, n, p in times if t == task and p == "scikit-learn"}):
        ratio = times[task, n, "scikit-learn"] / times[task, n, "hwlib"]
        found.append((f"{task}, n = {n:,}: times as fast as scikit-learn", ratio, 3.0, True))
    return found


def processor() -> str:
    """Return the name of the processor, where the system tells it, and the number of its cores."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores"


def main(sources: list[str]) -> None:
    table = rows([Path(source) for source in sources])
    about = [f"measured on {date.today():%Y-%m-%d}, {processor()}", *peers.versions()]
    (HERE / "about.txt").write_text("\n".join(about) + "\n", encoding="utf-8")
    write("speed", table)
    times = {(row["task"], row["n"], row["name"]): float(row["fastest"]) for row in table}
    ratios = [
        {
            "what": text, "ratio": f"{ratio:.2f}", "target": target or "",
            "verdict": "" if not target else "reached" if (ratio >= target) == more else "missed",
        }
        for text, ratio, target, more in targets(times)
    ]  # fmt: skip
    write("ratios", ratios)
    print("\nRatios of the fastest rounds of this run")
    for row in ratios:
        aim = f"target {row['target']}: {row['verdict']}" if row["target"] else "no target"
        print(f"{row['ratio']:>8}  {row['what']} ({aim})")
    peaks = {(r["task"], r["n"]): r["peak_bytes"] for r in table if r["name"] == "hwlib"}
    print("\nPeak memory beyond the inputs, in kB")
    for (task, n), peak in peaks.items():
        print(f"{int(peak) / 1e3:10.0f}  {task}, n = {n:,}")


def write(name: str, table: list[dict[str, Any]]) -> None:
    with (HERE / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


if __name__ == "__main__":
    main(sys.argv[1:])
