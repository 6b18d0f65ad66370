"""The autograder in Gradescope's folders: whatever is handed in, there is a result, and it fits."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import jsonschema
import numpy as np
import pytest
from class_of_twelve import CLASS, NUMBERS, RIGHT, module

from course import gradescope, wheel
from hwlib.grading import HOMEWORK

ROOT = Path(__file__).parents[1]
POINTS = {q.number: q.points for q in HOMEWORK}
OTHER = "nobody"
"""A user of every system, in place of the one that setup.sh adds."""

VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
SCHEMA = {
    "type": "object",
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"items": {"required": ["score"]}}}},
    ],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number", "minimum": 0},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "leaderboard": {"type": "array", "items": {"required": ["name", "value"]}},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}
"""What Gradescope's "Autograder Specifications" say of results.json; a misspelt field is none."""


def valid(results):
    """Return results that fit the schema, and whose scores fit together."""
    jsonschema.validate(results, SCHEMA)
    tests = results.get("tests", [])
    assert all(0 <= test["score"] <= test["max_score"] for test in tests)
    assert results["score"] == sum(test["score"] for test in tests)
    assert results["output_format"] == "text"  # else what a student has named is read as HTML
    assert results["stdout_visibility"] == "hidden"
    return results


@pytest.mark.parametrize(
    "spoiled",
    [{}, {"score": "7"}, {"score": 7, "visible": True}, {"tests": [{"name": "1.1"}]},
     {"score": 7, "visibility": "after the due date"},
     {"score": 7, "tests": [{"score": 1, "status": "error"}]},
     {"score": 7, "tests": [{"score": 1, "number": 1.1}]},
     {"score": 7, "tests": [{"score": 1, "output": ["a", "b"]}]}],
)  # fmt: skip
def test_what_is_no_result_does_not_fit_the_schema(spoiled):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoiled, SCHEMA)
    jsonschema.validate({"tests": [{"score": 1}]}, SCHEMA)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The zip for Gradescope."""
    kit = tmp_path_factory.mktemp("kit")
    (kit / "student").mkdir()
    wheel.build(ROOT, kit / "student")
    gradescope.build(kit)
    return kit / "gradescope.zip"


@pytest.fixture
def autograder(package):
    """Gradescope's folders, which every user may enter, with the zip in source/."""
    with TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "submission").mkdir()
        subprocess.run(
            [sys.executable, "-m", "zipfile", "-e", package, root / "source"], check=True
        )
        shutil.copy(root / "source" / "run_autograder", root)
        (root / "run_autograder").chmod(0o755)
        # In place of what setup.sh does: this Python, with the wheel.
        (root / "env").symlink_to(sys.prefix)
        with zipfile.ZipFile(next((root / "source").glob("*.whl"))) as file:
            file.extractall(root / "lib")
        yield Autograder(root)


class Autograder:
    """The folders of one submission."""

    def __init__(self, root):
        self.root = root
        self.printed = ""

    def set(self, old, new):
        """Change a line of settings.toml."""
        path = self.root / "source" / "settings.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def hand_in(self, text, name="homework.py"):
        path = self.root / "submission" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, **env):
        """Run it as Gradescope does, and return what it has written."""
        env = os.environ | {"PYTHONPATH": str(self.root / "lib")} | env
        done = subprocess.run(
            [self.root / "run_autograder"], cwd=self.root, env=env, text=True, timeout=300,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.printed = done.stdout
        assert done.returncode == 0
        return json.loads((self.root / "results" / "results.json").read_text("utf-8"))


def passed(results):
    return tuple(test["number"] for test in results["tests"] if test["status"] == "passed")


def hand_in(autograder, name):
    return autograder.hand_in(module(CLASS[name]))


QUICK = ("mean_for_sum",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
             for name in CLASS]
)  # fmt: skip
def test_each_of_the_class_gets_what_is_deserved(name, autograder):
    autograder.set("seconds = 20", f"seconds = {5 if name == 'endless' else 60}")
    autograder.set('"coordinate"', '"diagnosis"')
    student = CLASS[name]
    hand_in(autograder, name)
    results = valid(autograder.run())
    assert [test["number"] for test in results["tests"]] == list(NUMBERS)
    assert passed(results) == student.earns
    assert results["score"] == sum(POINTS.get(number, 0) for number in student.earns)
    assert [test["max_score"] for test in results["tests"]] == list(POINTS.values())
    lost = [test["output"] for test in results["tests"] if test["status"] == "failed"]
    assert all(lost)
    assert not lost or any(student.told in output for output in lost), lost
    assert "Traceback" not in autograder.printed


@pytest.mark.slow
def test_a_level_of_detail_shows_so_much(autograder):
    answers = CLASS["mean_for_sum"].answers
    autograder.hand_in("import numpy as np\n" + answers["delta_out"] + answers["output_grad"])
    told = {}
    for detail in ("verdict", "coordinate", "diagnosis"):
        autograder.set("detail = ", f'detail = "{detail}" # ')
        told[detail] = valid(autograder.run())["tests"][4]["output"]
    assert told["verdict"] == "FAILED"
    assert "w_out[0]" in told["coordinate"] and "mean" not in told["coordinate"]
    assert "mean" in told["diagnosis"]


@pytest.mark.slow
def test_points_and_visibility_are_those_of_the_settings(autograder):
    autograder.set("[points]", '[points]\n"1.1" = 0.5\n"2.4" = 0')
    autograder.set("[visibility]", '[visibility]\n"2.3" = "after_due_date"')
    hand_in(autograder, "mean_for_sum")
    results = valid(autograder.run())
    by_number = {test["number"]: test for test in results["tests"]}
    assert (by_number["1.1"]["score"], by_number["1.1"]["max_score"]) == (0.5, 0.5)
    assert (by_number["2.4"]["score"], by_number["2.4"]["max_score"]) == (0, 0)
    assert by_number["1.2"]["max_score"] == POINTS["1.2"]
    assert {test["number"]: test["visibility"] for test in results["tests"]} == {
        **dict.fromkeys(NUMBERS, "visible"), "2.3": "after_due_date"}  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("[points]", '[points]\n"1.9" = 1', "settings.toml: [points] has no question 1.9"),
     ('"coordinate"', '"much"', "settings.toml: detail is 'much'; expected verdict or "),
     ("[visibility]", '[visibility]\n"1.1" = "soon"', "visibility of 1.1 is 'soon'"),
     ("seconds = 20", "", "KeyError: 'seconds'"),
     ("[points]", "[points", "TOMLDecodeError")],
)  # fmt: skip
def test_wrong_settings_are_told_to_the_instructor_alone(old, new, said, autograder):
    hand_in(autograder, "all_right")
    autograder.set(old, new)
    results = valid(autograder.run())
    assert results["score"] == 0
    assert results["output"] == "The autograder failed. Tell your instructor."
    assert said in autograder.printed


FINE = RIGHT["hypothesis_grad"].lstrip()
WORTH = POINTS["1.1"]


TELLING = {0, 2, 7, 10}
"""Of what is handed in below: nothing, another name, no Python, a file that ends its process."""


@pytest.mark.parametrize(
    ("files", "score", "said"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (n not in TELLING)) for n, case in enumerate([
     ({}, 0, "There is no notebook (.ipynb) and no module (.py) in what you handed in."),
     ({"notes.txt": FINE, ".hidden/homework.py": FINE, "__MACOSX/._homework.py": FINE}, 0,
      "There is no notebook"),
     ({"sheet 3 (1).py": FINE}, WORTH, "sheet 3 (1).py was graded."),
     ({"deep/er/Homework.py": FINE, "helper.py": "1 / 0"}, WORTH, "Homework.py was graded."),
     ({"homework.py": FINE, "copy/homework.py": "1 / 0"}, WORTH, "homework.py was graded."),
     ({"a.py": FINE, "b.py": FINE}, 0,
      "Name the file to grade homework.ipynb; there are 2: a.py, b.py"),
     ({"homework.ipynb": "no JSON"}, 0, "homework.ipynb does not run: this is not a notebook "),
     ({"homework.py": "def f(:"}, 0, "homework.py does not run: SyntaxError"),
     ({"homework.py": "<b>1 / 0"}, 0, "homework.py does not run: SyntaxError"),
     ({"homework.py": f"raise SystemExit(0)\n{FINE}"}, WORTH, "line 1 did not run: SystemExit"),
     ({"homework.py": "import os\nos.kill(os.getppid(), 0)\nos._exit(0)"}, 0, "Python ended"),
     ({"homework.py": "import time\ntime.sleep(1e6)"}, 0, "does not run: stopped after 5 s")])],
)  # fmt: skip
def test_whatever_is_handed_in_there_is_a_result(files, score, said, autograder):
    autograder.set("seconds = 20", "seconds = 5")
    for name, text in files.items():
        autograder.hand_in(text, name)
    results = valid(autograder.run())
    assert results["score"] == score
    assert said in results["output"]
    if results.get("tests"):
        assert [test["number"] for test in results["tests"]] == list(NUMBERS)


def test_a_large_file_is_not_read(autograder):
    with autograder.hand_in("", "homework.ipynb").open("r+b") as file:
        file.truncate(50 * 2**30)  # takes no room
    results = valid(autograder.run())
    assert results["output"].startswith("homework.ipynb has more than 20 MB: clear its outputs")


def test_a_link_is_not_followed(autograder):
    (autograder.root / "submission" / "homework.py").symlink_to("../source/settings.toml")
    assert valid(autograder.run())["output"].startswith("There is no notebook")


@pytest.mark.parametrize("grader", ["import os; os._exit(1)", "import nonsense", None])
def test_a_grader_that_ends_leaves_a_result(grader, autograder):
    hand_in(autograder, "all_right")
    path = autograder.root / "source" / "grade.py"
    path.unlink()
    if grader:
        path.write_text(grader)
    results = autograder.run()
    jsonschema.validate(results, SCHEMA)
    assert results["score"] == 0
    assert results["output"].startswith("The autograder ended before it had graded.")


SPIES = """
import os
from pathlib import Path
folder = Path(__file__).parents[1]
seen = []
for name in ("source/settings.toml", "results/results.json", "source/grade.py"):
    try:
        (folder / name).read_text()
        seen.append("reads " + name)
    except OSError:
        pass
    try:
        (folder / name).write_text('{"score": 100}')
        seen.append("writes " + name)
    except OSError:
        pass
raise RuntimeError(f"user {os.getuid()}: {seen}")
"""


@pytest.mark.slow
def test_what_is_handed_in_neither_reads_the_grader_nor_writes_the_result(autograder):
    if os.geteuid() != 0:
        pytest.skip("only root can run code as another user: the separation is not tried")
    autograder.set('user = "student"', f'user = "{OTHER}"')
    hand_in(autograder, "partly")
    results = valid(autograder.run())
    assert results.get("extra_data") == {"separated": True}, autograder.printed
    assert f"homework.py runs apart, as '{OTHER}'" in autograder.printed
    assert passed(results) == CLASS["partly"].earns
    autograder.hand_in(SPIES)
    results = valid(autograder.run())
    assert results["score"] == 0
    assert " did not run: RuntimeError: user " in results["output"]
    assert "user 0" not in results["output"] and ": [] (line" in results["output"]


@pytest.mark.slow
def test_where_there_is_no_such_user_it_is_said_and_the_grader_has_the_last_word(autograder):
    autograder.hand_in(SPIES.replace('"source/grade.py"', '"results/results.json.new"'))
    results = valid(autograder.run())
    assert results["extra_data"] == {"separated": False}
    assert "homework.py does NOT run apart, as 'student'" in autograder.printed
    assert results["score"] == 0


def test_the_zip_has_its_files_at_the_root_and_the_same_bytes_again(package, tmp_path):
    with zipfile.ZipFile(package) as file:
        modes = {info.filename: info.external_attr >> 16 for info in file.infolist()}
        (name,) = (name for name in modes if name.endswith(".whl"))
        (tmp_path / "student").mkdir()
        (tmp_path / "student" / name).write_bytes(file.read(name))
    assert modes.keys() == {*gradescope.FILES, name}
    assert {name for name, mode in modes.items() if mode & 0o111} == {
        "run_autograder", "setup.sh", "as_student"}  # fmt: skip
    gradescope.build(tmp_path)
    assert (tmp_path / "gradescope.zip").read_bytes() == package.read_bytes()


@pytest.mark.slow
def test_the_setup_makes_an_environment_in_which_it_grades(autograder):
    (autograder.root / "env").unlink()
    stubs = autograder.root / "stubs"
    stubs.mkdir()
    for name in ("apt-get", "useradd"):  # this machine keeps its packages and users
        (stubs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> "{stubs}/called"\n')
        (stubs / name).chmod(0o755)
    path = f"{stubs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The wheel alone: what it needs is this Python's, and no network is asked.
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(["bash", autograder.root / "source" / "setup.sh"], check=True, cwd="/",
                   env=os.environ | {"PATH": path} | pip, timeout=300)  # fmt: skip
    assert (stubs / "called").read_text().splitlines() == [
        "apt-get update", "apt-get install --yes --no-install-recommends python3 python3-venv",
        "useradd --no-create-home --shell /usr/sbin/nologin student"]  # fmt: skip
    hand_in(autograder, "partly")
    shutil.rmtree(autograder.root / "lib")
    (own,) = (autograder.root / "env").glob("lib/python*/site-packages")
    assert [*own.glob("hwlib/__init__.py")]
    (own / "numpy_of_this_python.pth").write_text(str(Path(np.__file__).parents[1]))
    results = autograder.run(PYTHONPATH="")
    assert passed(valid(results)) == CLASS["partly"].earns


@pytest.mark.slow
def test_a_file_that_multiplies_is_stopped(autograder):
    if os.geteuid() != 0:
        pytest.skip("only root can run code as another user: its limit of processes is not tried")
    autograder.set('user = "student"', f'user = "{OTHER}"')
    autograder.set("seconds = 20", "seconds = 3")
    autograder.hand_in("import os\nwhile True:\n    os.fork()\n")
    results = valid(autograder.run())
    assert results["score"] == 0
    # Whichever is first: the time is up, or the system lets it have no more processes.
    ends = "homework.py does not run: stopped after 3 s", "line 2 did not run: BlockingIOError"
    assert any(end in results["output"] for end in ends), results["output"]
    patience = time.monotonic() + 20.0  # hundreds of processes that are told to end take a moment
    while left_behind() and time.monotonic() < patience:
        time.sleep(0.1)
    assert not left_behind()


def left_behind():
    """Return the processes of the other user that still run something of hwlib."""
    user, found = pwd.getpwnam(OTHER).pw_uid, []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if path.stat().st_uid == user and b"hwlib" in (path / "cmdline").read_bytes():
                found.append(path)
    return found
