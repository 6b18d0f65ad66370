"""The wheel of hwlib, the same bytes for the same source."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = "import sys; from setuptools.build_meta import build_wheel as b; print(b(sys.argv[1]))"
EPOCH = "315532800"  # 1980, the first year that an archive can hold


def build(root: Path, target: Path) -> str:
    """Build the wheel from a copy of what goes into it; return its name."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "source"
        unused = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(root / "hwlib", copy / "hwlib", ignore=unused)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, copy)
        for path in copy.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(target.resolve())],
            cwd=copy, env=os.environ | {"SOURCE_DATE_EPOCH": EPOCH}, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
    return done.stdout.split()[-1]
