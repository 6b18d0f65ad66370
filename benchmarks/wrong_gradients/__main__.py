"""Run every check that is installed on every case: writes `benchmarks/wrong_gradients.csv`."""

from __future__ import annotations

from benchmarks.wrong_gradients import CASES, checkers, report


def main() -> None:
    present = checkers.present()
    for name in checkers.CHECKS:
        if name not in present:
            print(f"{name}: not installed, left out")
    rows = []
    for case in CASES:
        for name in present:
            found = checkers.run(name, case, rounds=2)
            rows.append({
                "case": case.name, "source": case.source, "kind": case.kind,
                "wrong": "yes" if case.wrong else "no", "check": name, "verdict": found.verdict,
                "named": found.named, "text": " ".join(found.text.split())[:100],
                "seconds": "" if found.seconds is None else f"{found.seconds:.2e}",
            })  # fmt: skip
    report.write(rows)
    print(report.markdown(rows))
    print("\nWhere another check does better than hwlib:")
    print("\n".join(report.better(rows, "hwlib")) or "nowhere")


if __name__ == "__main__":
    main()
