"""Put a folder into a zip archive whose bytes depend on the folder's files alone.

Usage: python -m site_ext.archive FOLDER ARCHIVE
"""

import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


def archive(folder: Path, target: Path) -> None:
    """Write the archive: sorted, below one folder of its own name, and without times."""
    with ZipFile(target, "w", ZIP_DEFLATED) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{target.stem}/{path.relative_to(folder).as_posix()}"
            info = ZipInfo(name)
            info.external_attr = 0o644 << 16  # everyone may read it
            file.writestr(info, path.read_bytes(), ZIP_DEFLATED)


if __name__ == "__main__":
    archive(*map(Path, sys.argv[1:]))
