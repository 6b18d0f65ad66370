"""The book on other machines: Binder, a JupyterHub, Windows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BINDER = ROOT / ".binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text("utf-8"))["jobs"]


def test_binder_runs_a_python_that_is_tested() -> None:
    name, _, version = (BINDER / "runtime.txt").read_text("utf-8").strip().partition("-")
    assert name == "python" and version in WORKFLOW["test"]["strategy"]["matrix"]["python"]


def test_binder_installs_what_the_chapters_and_the_site_need() -> None:
    lines = (BINDER / "requirements.txt").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if not line.startswith("#")]
    option, path = line.split()
    lock = (BINDER / path).resolve()  # pip reads it as seen from the file that names it
    assert option == "--requirement" and lock == ROOT / "requirements.lock"
    locked = re.findall(r"^([\w.-]+)==\S+ .*\\$", lock.read_text("utf-8"), re.MULTILINE)
    names = {canonicalize_name(name) for name in locked}
    extras = PROJECT["optional-dependencies"]
    for needed in [*PROJECT["dependencies"], *extras["book"], *extras["fast"], *extras["plots"]]:
        name = canonicalize_name(Requirement(needed).name)
        assert name in names | {"hwlib"}, name
    assert {
        "setuptools",
        "ipykernel",
    } <= names  # postBuild builds with the one, cells run in the other


def test_binder_installs_hwlib_as_make_does() -> None:
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK) and b"\r" not in script.read_bytes()
    subprocess.run(["bash", "-n", script], check=True)
    (made,) = re.findall(r"pip install (.*--editable \.)", (ROOT / "Makefile").read_text("utf-8"))
    (done,) = re.findall(r"pip install (.*--editable \.)", script.read_text("utf-8"))
    assert {*done.split()} - {"--no-cache-dir"} == {*made.split()} - {"--quiet"}


@pytest.mark.slow
def test_after_post_build_hwlib_is_there(tmp_path: Path) -> None:
    """It runs in an environment that has nothing but pip and, as from the lock, setuptools."""
    import setuptools

    repository, tools = tmp_path / "book", tmp_path / "tools"
    tools.mkdir()
    (tools / "setuptools").symlink_to(Path(setuptools.__file__).parent)
    repository.mkdir()
    for name in (".binder", "hwlib", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", ROOT / name, repository], check=True)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    paths = f"{tmp_path / 'env' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    clean = {"PATH": paths, "PYTHONPATH": str(tools), "HOME": str(tmp_path)}
    subprocess.run(["./.binder/postBuild"], cwd=repository, env=clean, check=True)
    where = "import importlib.util as u; print(u.find_spec('hwlib').origin)"
    told = subprocess.check_output(["python", "-c", where], cwd=tmp_path, env=clean, text=True)
    assert Path(told.strip()) == repository / "hwlib" / "__init__.py"


def test_the_job_on_windows_runs_the_lines_of_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    (block,) = re.findall(r"## Without make\n\n```bash\n(.*?)```", text, re.DOTALL)
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    there = [line.replace(".venv/bin/", ".venv\\Scripts\\") for line in lines]
    steps = [step["run"] for step in WORKFLOW["windows"]["steps"] if "run" in step]
    assert steps == [line.replace("python3 ", "python ") for line in there]
