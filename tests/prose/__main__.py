"""List what is wrong with the numbers, formulas and reasons of pages: PAGE.ipynb ..."""

import sys
from pathlib import Path

from tests.prose.check import faults
from tests.prose.reasons import reason_faults
from tests.prose.run import run
from tests.prose.text import Notebook

for name in sys.argv[1:]:
    page = Notebook.load(Path(name))
    found = [*faults(page, run(page)), *reason_faults(page)]
    print(*found, f"{page.name}: {len(found)} faults", sep="\n")
