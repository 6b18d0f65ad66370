"""List what is wrong with the numbers, formulas and reasons of pages: PAGE.ipynb ...

With ``--store``: those of all pages, and keep what their inline formulas are, for the ledger.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.prose import BOUND
from tests.prose.check import faults, verdict_of
from tests.prose.judge import Scope
from tests.prose.reasons import reason_faults
from tests.prose.run import Run, run
from tests.prose.text import CHAPTERS, RELATION, Notebook

STORED = CHAPTERS.parent / "formulas" / "inline.json"


def kinds(page: Notebook, done: Run) -> dict[str, Any]:
    """Return how many inline formulas of a page are of each kind, and its conditions."""
    scopes = [(cell, done.scopes.get(cell.id) or Scope(page, cell, done)) for cell in page.told]
    found = [
        (verdict_of(item, block.items(), scope).kind, item.text)
        for cell, scope in scopes
        for block in cell.blocks
        for item in block.items()
        if item.kind == "formula" and RELATION.search(item.text)
    ]
    counts = Counter(kind for kind, _ in found)
    conditions = sorted({text for kind, text in found if kind == "condition"})
    return {"kinds": dict(sorted(counts.items())), "conditions": conditions}


if __name__ == "__main__":
    store = "--store" in sys.argv
    stored = {}
    for path in [CHAPTERS / name for name in BOUND] if store else map(Path, sys.argv[1:]):
        page = Notebook.load(path)
        done = run(page)
        found = [*faults(page, done), *reason_faults(page)]
        print(*found, f"{page.name}: {len(found)} faults", sep="\n")
        stored[page.name] = kinds(page, done)
    if store:
        text = json.dumps(stored, indent=1, ensure_ascii=False)
        STORED.write_text(text + "\n", encoding="utf-8")
