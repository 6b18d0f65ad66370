"""Execute notebooks in place so that twice gives the same bytes: `make execute`.

Usage: python site_ext/execute.py NOTEBOOK...
"""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

# One order of sets and one order of sums: outputs must not depend on the run.
FIXED = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute(path: Path) -> bool:
    """Run every cell, store outputs and nothing else that varies; return whether bytes changed."""
    before = path.read_bytes()
    notebook = nbformat.reads(before.decode(), as_version=4)
    # What a cell prints arrives in pieces whose number depends on timing: join them.
    NotebookClient(
        notebook,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in ("tags", "mystnb")}
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise SystemExit(f"{path}, cell {cell.id}: writes to stderr: {output.text}")
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    after = (nbformat.writes(notebook) + "\n").encode()
    if after != before:
        path.write_bytes(after)
    return after != before


def main() -> None:
    os.environ.update(FIXED)
    for path in map(Path, sys.argv[1:]):
        print(f"{path}: {'rewritten' if execute(path) else 'no byte changed'}", flush=True)


if __name__ == "__main__":
    main()
