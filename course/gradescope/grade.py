"""Grade what a student has handed in, and write results/results.json.

It stands in Gradescope's folder source/, beside submission/ and results/.
"""

import json
import os
import pwd
import sys
import time
import tomllib
import traceback
from pathlib import Path
from typing import Any

from hwlib.__main__ import SUFFIXES, check_file
from hwlib.grading import DETAILS, HOMEWORK, Grade
from hwlib.tables import NOT_RUN

SOURCE = Path(__file__).resolve().parent
ROOT = SOURCE.parent
VISIBILITIES = ("visible", "after_due_date", "after_published", "hidden")
LARGEST = 20  # MB


class Said(Exception):
    """There is nothing to grade, and this is why."""


def settings() -> dict[str, Any]:
    """Return settings.toml, with the points and the visibility of each question."""
    given = tomllib.loads((SOURCE / "settings.toml").read_text(encoding="utf-8"))
    points = {q.number: q.points for q in HOMEWORK}
    visibility = dict.fromkeys(points, "visible")
    for name, known in (("points", points), ("visibility", visibility)):
        if unknown := given[name].keys() - known.keys():
            raise ValueError(f"settings.toml: [{name}] has no question {min(unknown)}")
        given[name] = known | given[name]
    choices = {f"visibility of {n}": (v, VISIBILITIES) for n, v in given["visibility"].items()}
    for name, (value, known) in {**choices, "detail": (given["detail"], DETAILS)}.items():
        if value not in known:
            raise ValueError(f"settings.toml: {name} is {value!r}; expected {' or '.join(known)}")
    return given


def handed_in(folder: Path) -> Path:
    """Return the file to grade: the one named homework, or the only one."""
    files = [
        path for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink()
        and not any(part[0] in "._" for part in path.relative_to(folder).parts)
    ]  # fmt: skip
    named = [path for path in files if path.stem.lower() == "homework"]
    if not files:
        raise Said("There is no notebook (.ipynb) and no module (.py) in what you handed in.")
    if not named and len(files) > 1:
        names = ", ".join(path.name for path in files[:10])
        raise Said(f"Name the file to grade homework.ipynb; there are {len(files)}: {names}")
    path = min(named or files, key=lambda p: (len(p.parts), p.suffix.lower() != ".ipynb"))
    if path.stat().st_size > LARGEST * 10**6:
        raise Said(f"{path.name} has more than {LARGEST} MB: clear its outputs, and submit again.")
    return path


def separate(user: str) -> bool:
    """Have hwlib run what is handed in as another user, to whom source/ and results/ are closed."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return False
    if os.geteuid() != 0:
        return False
    for folder in (SOURCE, ROOT / "results"):
        folder.chmod(0o700)
    for path in (ROOT / "submission", *(ROOT / "submission").rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    os.environ |= {"STUDENT": f"{entry.pw_uid}:{entry.pw_gid}", "STUDENT_PYTHON": sys.executable}
    (SOURCE / "as_student").chmod(0o755)  # a zip made on Windows does not say so
    sys.executable = str(SOURCE / "as_student")  # is what hwlib starts
    return True


def test_of(grade: Grade, points: float, visibility: str) -> dict[str, Any]:
    """Return one entry of the list of tests."""
    return {
        "number": grade.question, "name": grade.function,
        "score": points if grade else 0, "max_score": points,
        "status": "passed" if grade else "failed",
        "output": grade.traceback or grade.message, "visibility": visibility,
    }  # fmt: skip


def results() -> dict[str, Any]:
    """Grade, and return what Gradescope wants to know."""
    wanted, path = settings(), handed_in(ROOT / "submission")
    separated = separate(wanted["user"])
    # Instructors alone see what is printed.
    print(f"{path.name} {'runs' if separated else 'does NOT run'} apart, as {wanted['user']!r}")
    grades, _ = check_file(path, wanted["seconds"], wanted["detail"], "homework")
    notes = [g.message for g in grades if g.status == NOT_RUN]
    grades = [g for g in grades if g.status != NOT_RUN]
    said = "\n".join([f"{path.name} was graded.", *notes])
    if not grades[0].question:
        said = f"{path.name} does not run: {grades[0].why}"
        grades = [grades[0]._replace(question=q.number, function=q.name) for q in HOMEWORK]
    tests = [test_of(g, wanted["points"][g.question], wanted["visibility"][g.question])
             for g in grades]  # fmt: skip
    return {"score": sum(t["score"] for t in tests), "output": said, "tests": tests,
            "extra_data": {"separated": separated}}  # fmt: skip


def main() -> None:
    """Write results.json, whatever happens."""
    start = time.monotonic()
    try:
        written = results()
    except Said as said:
        written = {"score": 0, "output": str(said)}
    except Exception:
        traceback.print_exc()
        written = {"score": 0, "output": "The autograder failed. Tell your instructor."}
    written |= {"execution_time": round(time.monotonic() - start, 1), "output_format": "text",
                "test_output_format": "text", "stdout_visibility": "hidden"}  # fmt: skip
    new = ROOT / "results" / "results.json.new"
    new.write_text(json.dumps(written, indent=1), encoding="utf-8")
    new.replace(new.with_suffix(""))


if __name__ == "__main__":
    main()
