"""Offer the editions on the first page of the built site, with their sizes.

The site is built first. Whoever makes an edition puts it into the site's folder, and a line on the
first page then names what lies there. A site that is built anew has neither.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from editions.book import FILE, SITE, contents

NAMES = {
    f"{FILE}.pdf": "PDF without solutions",
    f"{FILE}-solutions.pdf": "PDF with solutions",
    f"{FILE}.epub": "EPUB with solutions",
}
FOLDER = "_downloads"
LINE = re.compile(r'(?s)<p class="editions">.*?</p>\n')
PLACE = re.compile(r"(?s)\A.*?<section.*?(?=<section)")
"""What stands before the second head of the first page: all that its first screen shows."""


def megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def offer(edition: Path, site: Path = SITE) -> None:
    """Put an edition into the site, and name all that are there on the first page."""
    folder = site / FOLDER
    folder.mkdir(exist_ok=True)
    shutil.copy(edition, folder)
    links = [
        f'<a href="../{FOLDER}/{name}">{words}, {megabytes(folder / name)}</a>'
        for name, words in NAMES.items()
        if (folder / name).exists()
    ]
    line = f'<p class="editions">On paper or an e-reader: {"; ".join(links)}.</p>\n'
    first = site / f"{next(contents())[1][0][0]}.html"
    page = LINE.sub("", first.read_text("utf-8"))
    first.write_text(PLACE.sub(lambda place: place[0] + line, page, count=1), "utf-8")
