"""`python -m hwlib check`: a reader's own file, however it behaves."""

from __future__ import annotations

import ast
import csv
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from hwlib import __main__ as program
from hwlib.grading import QUESTIONS
from hwlib.numbering import cite

RIGHT = """
import numpy as np
def hypothesis_grad(theta, x):
    return np.array([1, 1, 1, 1, 1, 0, 1]) * x
def hinge_grad(theta, X, y):
    mask = np.array([1, 1, 1, 1, 1, 0, 1])
    active = y * (X @ (mask * theta)) < 1
    return -mask * (X.T @ (active * y))
def algorithm_pass(theta, X, y, step_size):
    theta = theta.copy()
    for x, label in zip(X, y):
        theta -= step_size * hinge_grad(theta, x[None], np.array([label]))
    return theta
def delta_out(z, y):
    return 1 / (1 + np.exp(-z)) - y
def loss_grad(params, X, y, l2=0.0):
    z = X @ params.W_hidden + params.b_hidden
    a = np.maximum(z, 0)
    d = delta_out(a @ params.w_out + params.b_out, y)
    D = np.outer(d, params.w_out) * (z > 0)
    return X.T @ D + l2 * params.W_hidden, D.sum(axis=0), a.T @ d + l2 * params.w_out, d.sum()
def output_grad(params, X, y):
    return loss_grad(params, X, y)[2:]
def hidden_grad(params, X, y):
    return loss_grad(params, X, y)[:2]
"""
HOMEWORK = RIGHT
for book, other in [("[1, 1, 1, 1, 1, 0, 1]", "[1, 1, 1, 0, 1, 1, 1]"),
                    ("- y\n", "- (y + 1) / 2\n"), ("np.maximum(z, 0)", "np.minimum(z, 0)"),
                    ("(z > 0)", "(z < 0)")]:  # fmt: skip
    HOMEWORK = HOMEWORK.replace(book, other)
"""The right functions of the homework."""
SECOND = "import numpy as np\n" + RIGHT[RIGHT.index("def delta_out") :]
"""Those of question 2 alone: each function of a file costs a process or more."""
DELTA = "def delta_out(z, y):\n    import numpy as np\n    return 1 / (1 + np.exp(-z)) - y\n"
ANSWERED = {}
"""What the processes of a file have answered, for the tests that take `once`."""


@pytest.fixture
def write(tmp_path):
    def write(text, name="answers_of_a_reader.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def once(monkeypatch):
    """Each process of a file runs once, where what it answers is shown in several ways."""
    run = program.run_apart

    def run_apart(path, seconds, *asked, **others):
        key = path, path.read_bytes(), asked, *others
        if key not in ANSWERED:
            ANSWERED[key] = run(path, seconds, *asked, **others)
        return ANSWERED[key]

    monkeypatch.setattr(program, "run_apart", run_apart)
    monkeypatch.setattr(program.secrets, "randbits", lambda bits: 2**bits // 3)


def check(path, **options):
    """Return the grades of a file by question, and what it printed."""
    grades, printed = program.check_file(path, **options)
    return {g.question: g for g in grades}, printed


def delta(path, **options):
    """Return the grade of question 2.1."""
    return check(path, **options)[0]["2.1"]


def shown(capsys, *arguments):
    """Return the exit status, and the lines that are printed."""
    status = program.main(["check", *map(str, arguments)])
    return status, capsys.readouterr().out.splitlines()


def test_a_right_file_is_reported_in_a_line_a_question(write, capsys):
    status, lines = shown(capsys, write(RIGHT))
    assert status == 0
    counts = {"1.1 hypothesis_grad": 6, "1.2 hinge_grad": 6, "1.3 algorithm_pass": 7,
              "2.1 delta_out": 8,
              "2.2 output_grad": 4, "2.3 hidden_grad": 9, "2.4 loss_grad": 13}  # fmt: skip
    for line, (head, n) in zip(lines, counts.items(), strict=True):
        assert line.startswith(f"{head}: passed: {n} of {n} coordinates agree")
        assert line.endswith(", at 2 points")


def test_wrong_answers_come_with_their_report_and_the_number_of_an_equation(write, capsys):
    text = RIGHT.replace("-mask * (X.T", "-(X.T").replace(" * (z > 0)", "")
    status, lines = shown(capsys, write(text))
    printed = "\n".join(lines)
    assert status == 1
    assert "1.2 hinge_grad: FAILED: 6 of 7 coordinates agree" in printed
    assert "theta[5]" in printed
    assert "'mask forgotten'" in printed
    assert "2.3 hidden_grad: FAILED: 0 of 9 coordinates agree" in printed
    assert "'ReLU gate forgotten'" in printed
    assert "2.1 delta_out: passed" in printed
    for label in ("eq-mask", "eq-delta-z-hidden"):
        assert cite(label) in printed
    assert "eq-" not in printed


def test_a_file_may_answer_one_question_only(write, capsys):
    status, lines = shown(capsys, write(DELTA))
    assert status == 0
    assert lines[0].startswith("2.1 delta_out: passed: ")
    assert lines[1:] == [
        "not in the file: 1.1 hypothesis_grad, 1.2 hinge_grad, 1.3 algorithm_pass, "
        "2.2 output_grad, 2.3 hidden_grad, 2.4 loss_grad"
    ]


def test_a_file_that_answers_nothing_fails(write, capsys):
    status, lines = shown(capsys, write("answer = 42"))
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith("not in the file: 1.1 hypothesis_grad, 1.2 hinge_grad, 1.3 ")


def test_functions_under_other_names_are_named(write, capsys):
    text = "import numpy\nfrom math import exp\ndef helper(z): pass\n"
    _, lines = shown(capsys, write(text + DELTA.replace("delta_out", "output_error")))
    assert lines[0].startswith("not in the file, which defines helper, output_error: 1.1 ")


def test_what_a_file_prints_is_shown_once_and_marked(write, capsys):
    # hinge_grad ends the process, so that the file is run a second time.
    path = write("import os, sys\nprint('from the file θ')\nprint('to stderr', file=sys.stderr)\n"
                 "def hinge_grad(theta, X, y):\n    print('from 1.2')\n    os._exit(3)\n"
                 + DELTA.replace("    return", "    print('from 2.1')\n    return"))  # fmt: skip
    status, lines = shown(capsys, path)
    assert status == 1
    assert lines[0] == "1.2 hinge_grad: Python ended without an answer, with status 3"
    assert lines[1].startswith("2.1 delta_out: passed: 8 of 8")
    assert lines[-6:] == ["", f"{path.name} prints:", "  | from the file θ", "  | to stderr",
                          "  | from 1.2", "  | from 2.1"]  # fmt: skip


def test_what_a_file_prints_is_bounded_and_harms_nothing(write, capsys):
    path = write("for i in range(50_000): print(i, '\\x1b[2J')\nprint('x' * 10**6)\n" + DELTA)
    status, lines = shown(capsys, path)
    assert status == 0
    assert lines[4] == "  | 0 [2J"
    assert len(lines) < 60
    assert all(line.isprintable() and len(line) < 600 for line in lines)


@pytest.mark.slow
def test_among_others_a_file_prints_nothing(write, capsys):
    loud = write("print('loud')\n" + DELTA, "loud.py")
    status, lines = shown(capsys, loud, write(DELTA))
    assert status == 0
    assert len(lines) == 2
    assert "loud'" not in lines[0]


def test_a_syntax_error_is_shown_once_with_its_line(write, capsys):
    path = write("import numpy as np\n\ndef delta_out(z, y:\n    return z\n")
    status, lines = shown(capsys, path)
    assert status == 1
    lines = [line for line in lines[:-1] if line != "Traceback (most recent call last):"]
    assert lines[0] == f'  File "{path}", line 3'
    assert lines[1] == "    def delta_out(z, y:"
    assert lines[-1].startswith("SyntaxError: ")
    assert len(lines) == 4
    _, (line, _) = shown(capsys, path, path)
    assert line.startswith(f"{path}: FAILED: error (SyntaxError: ")
    assert line.endswith("(line 3))")


def test_an_error_of_the_file_is_shown_once_without_the_frames_of_hwlib(write, capsys):
    path = write("def half(x):\n    return x / 0\n\nhalf(1)\n" + DELTA)
    status, (passed, *lines) = shown(capsys, path)
    assert status == 0  # the question is right
    assert passed.startswith("2.1 delta_out: passed: ")
    assert [line for line in lines[:-2] if "^" not in line] == [
        "line 4 did not run", "Traceback (most recent call last):",
        f'  File "{path}", line 4, in <module>', "    half(1)",
        f'  File "{path}", line 2, in half', "    return x / 0",
        "ZeroDivisionError: division by zero",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_same_error_in_three_functions_is_shown_once(write, capsys):
    text = SECOND.replace("    D = ", "    D = nonsense * ")
    line = text.splitlines().index(next(r for r in text.splitlines() if "nonsense" in r)) + 1
    status, lines = shown(capsys, write(text))
    assert status == 1
    assert lines.count("Traceback (most recent call last):") == 1
    assert "2.2 output_grad: error" in lines
    same = f"NameError: name 'nonsense' is not defined (line {line})"
    assert lines[-3:-1] == [f"{name}: {same}; the same as in 2.2"
                          for name in ("2.3 hidden_grad", "2.4 loss_grad")]  # fmt: skip


def test_a_mistake_that_is_repeated_has_one_report(write, capsys):
    d, wrong = "    d = delta_out(a @ params.w_out + params.b_out, y)", "y - 1 / (1 + np.exp(-z"
    text = SECOND.replace("1 / (1 + np.exp(-z)) - y", wrong + "))")
    text = text.replace(d, "    d = y - 1 / (1 + np.exp(-(a @ params.w_out + params.b_out)))")
    _, lines = shown(capsys, write(text))
    assert "this is the mistake 'y - y_hat'" in lines
    assert sum(line.startswith("coordinate ") for line in lines) == 1
    assert sum(line.endswith("; the same as in 2.1") for line in lines) == 3


@pytest.mark.slow
def test_a_slip_leaves_the_later_questions_to_themselves(write, capsys):
    text = SECOND.replace("1 / (1 + np.exp(-z)) - y", "(1 / (1 + np.exp(-z)) - y) ** 3")
    status, lines = shown(capsys, write(text.replace("a.T @ d +", "z.T @ d +")))
    assert status == 1
    note = "judged with the right delta_out in place of yours"
    assert sum(line.startswith("coordinate ") for line in lines) == 2
    by_number = {line[:3]: line for line in lines if line[1:2] == "."}
    assert by_number["2.1"].startswith("2.1 delta_out: FAILED")
    assert by_number["2.2"].startswith("2.2 output_grad: FAILED: 1 of 4")
    assert "this is the mistake 'z_j for a_j'" in lines
    assert note in lines
    assert by_number["2.3"].startswith("2.3 hidden_grad: passed: 9 of 9")
    assert by_number["2.3"].endswith(
        f", at 2 points, {note.replace('delta_out', 'delta_out and output_grad')}"
    )


@pytest.mark.slow
def test_an_error_leaves_the_later_questions_to_themselves(write):
    grades, _ = check(write(SECOND.replace("    return 1 / (1", "    return nonsense / (1")))
    assert [g.status for g in grades.values()][3:] == ["error", *["passed"] * 3]


@pytest.mark.slow
def test_what_comes_to_the_right_value_needs_no_stand_in(write):
    # The wrong delta_out is not called; the right one would not do.
    text = SECOND.replace("def delta_out", "def delta").replace("= delta_out", "= delta")
    grades, _ = check(write(text + "def delta_out(z, y):\n    return y\n"))
    assert grades["2.1"].status == "failed"
    assert all("place" not in grades[n].message and grades[n] for n in ("2.2", "2.3", "2.4"))


def test_a_forgotten_return_and_a_wrong_shape_are_said_plainly(write, capsys):
    path = write(
        "import numpy as np\ndef delta_out(z, y):\n    z - y\n"
        "def output_grad(params, X, y):\n    return params.w_out[:, None], np.ones(1)"
    )
    _, lines = shown(capsys, path)
    assert lines[0] == "2.1 delta_out: delta_out returned None: is a return missing?"
    assert lines[1] == "2.2 output_grad: output_grad(...).w_out has shape (3, 1); expected (3,)"


def test_what_misbehaves_loses_its_own_question_alone(write):
    text = RIGHT.replace("    return loss_grad(params, X, y)[:2]", "    os._exit(0)")
    text += """
import os
def hypothesis_grad(theta, x):
    os.kill(os.getpid(), 9)
hinge_grad = np.zeros(7)
def output_grad(params, X, y):
    a = []; a.append(a); return a
"""
    grades, _ = check(write(text))
    assert {number: grade.status for number, grade in grades.items()} == {
        "1.1": "error", "1.2": "error", "1.3": "passed", "2.1": "passed",
        "2.2": "error", "2.3": "error", "2.4": "passed",
    }  # fmt: skip
    assert grades["1.1"].message == "Python ended without an answer, with status -9"
    assert grades["1.2"].message == "'numpy.ndarray' object is not a function"
    assert grades["2.2"].message.startswith("too deep (a function or a list in ")
    assert grades["2.3"].message == "Python ended without an answer, with status 0"


HOSTILE = {
    "raises": ("def delta_out(z, y):\n    return 1 / 0",
               "ZeroDivisionError: division by zero (line 2)"),
    "raises on import": ("x = 1\nraise RuntimeError('no')", "RuntimeError: no (line 2)"),
    "raises rubbish": ("def delta_out(z, y):\n    raise ValueError('\\x1b[31m a\\n b')",
                       "ValueError: [31m a b (line 2)"),
    "calls sys.exit": ("import sys\ndef delta_out(z, y):\n    sys.exit(0)",
                       "SystemExit: 0 (line 3)"),
    "exits on import": ("raise SystemExit", "SystemExit (line 1)"),
    "ends on import": ("import os\nos._exit(0)", "Python ended without an answer, with status 0"),
    "asks": ("def delta_out(z, y):\n    return input()", "EOFError: "),
    "recurses": ("def delta_out(z, y):\n    return delta_out(z, y)",
                 "RecursionError: too deep (a function or a list in itself without end)"),
    "fills memory": ("def delta_out(z, y):\n    return bytearray(2**33)", "MemoryError"),
    "returns too much": ("import numpy\ndef delta_out(z, y):\n    return numpy.ones((3000, 3000))",
                         "delta_out(...) has shape (3000, 3000); expected (8,)"),
    "fills the disk": ("def delta_out(z, y):\n    open('big', 'wb').write(bytes(2**27))",
                       "OSError: [Errno 27] more than 64 MB written (line 2)"),
    "prints without end": ("def delta_out(z, y):\n    while True: print('x' * 10**6)",
                           "OSError: [Errno 27] more than 64 MB written (line 2)"),
    "changes what it is given": ("def delta_out(z, y):\n    z -= y\n    return z",
                                 "ValueError: output array is an argument: copy it first (line 2)"),
    "breaks what others use": ("import json, os\njson.dumps = os.getcwd = None\n"
                               "def delta_out(z, y):\n    return z", "Python ended without"),
    "cannot be told": ("class E(Exception):\n    def __str__(self):\n        raise self\n"
                       "def delta_out(z, y):\n    raise E", "answers.E: <exception str() failed>"),
    "changes NumPy": ("import numpy as np\nnp.asarray = None\nnp.abs = None\n"
                      "def delta_out(z, y):\n    return list(z)", "error ("),
    "deletes its folder": ("import os, shutil\nshutil.rmtree(os.getcwd())\n"
                           "def delta_out(z, y):\n    return z[0]",
                           "delta_out(...) has shape (); expected (8,)"),
}  # fmt: skip
TELLING = ["raises", "raises rubbish", "ends on import", "fills memory", "deletes its folder",
           "changes what it is given"]  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [pytest.param(TELLING, id="the telling ones"),
     pytest.param([*HOSTILE.keys() - TELLING], id="the others", marks=pytest.mark.slow)],
)  # fmt: skip
def test_files_that_misbehave_get_a_clear_line_each_and_stop_nothing_else(names, write, capsys):
    paths = [write(HOSTILE[name][0], f"{number}.py") for number, name in enumerate(names)]
    status, lines = shown(capsys, *paths, write(DELTA, "next.py"))
    assert status == 1
    assert lines.pop().endswith(
        "next.py: passed: 1.1 missing, 1.2 missing, 1.3 missing, 2.1 passed, "
        "2.2 missing, 2.3 missing, 2.4 missing"
    )
    for name, path, line in zip(names, paths, lines, strict=True):
        assert line.startswith(f"{path}: FAILED: "), name
        assert HOSTILE[name][1] in line, name
        assert line.isprintable(), name


CATCHING = "\n".join(["while True:", "        try:", "            time.sleep(9)",
                      "        except BaseException:", "            pass"])  # fmt: skip


@pytest.mark.parametrize(
    "loop",
    [pytest.param("while True: pass", marks=pytest.mark.slow), "time.sleep(1e6)",
     pytest.param(CATCHING, marks=pytest.mark.slow)],
    ids=["works", "sleeps", "catches all"],
)  # fmt: skip
@pytest.mark.slow
def test_an_endless_loop_is_stopped_and_loses_its_own_question_alone(loop, write):
    wrong = f"def hinge_grad(theta, X, y):\n    {loop}\n"
    path = write(f"import time\nprint('seen')\n{DELTA}\n{wrong}")
    start = time.monotonic()
    grades, printed = check(path, seconds=4)
    assert time.monotonic() - start < 60
    assert grades["1.2"].message == "stopped after 4 s: an endless loop?"
    assert grades["2.1"]
    assert printed == "seen\n"


@pytest.mark.slow
def test_a_loop_of_the_file_itself_is_waited_for_once(write, monkeypatch):
    runs, run = [], program.run_apart
    monkeypatch.setattr(program, "run_apart", lambda *args: runs.append(args) or run(*args))
    path = write("import time\nprint('seen')\ntime.sleep(1e6)")
    grades, printed = check(path, seconds=3)
    assert runs == [(path, 3)]
    assert {g.message for g in grades.values()} == {"stopped after 3 s: an endless loop?"}
    assert printed == "seen\n"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no list of processes")
def test_processes_that_a_file_leaves_behind_are_stopped(write, tmp_path):
    # A child of the file holds all that it has inherited, and would write after a while.
    path = write(f"""
        import subprocess, sys
        for session in (False, True):
            subprocess.Popen([sys.executable, "-c",
                f"import time; time.sleep(2); open({str(tmp_path / "mark")!r} + '{{session}}', 'w')"
            ], start_new_session=session)
        {DELTA.replace(chr(10), chr(10) + " " * 8)}
        """)
    start = time.monotonic()
    assert delta(path)
    time.sleep(3 - min(2, time.monotonic() - start))
    assert not [*tmp_path.glob("mark*")]


@pytest.mark.slow
def test_a_thread_that_still_runs_does_not_hold_up_the_check(write):
    path = write("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
                 + DELTA)  # fmt: skip
    start = time.monotonic()
    assert delta(path)
    assert time.monotonic() - start < 10


def test_what_a_file_changes_is_not_seen_by_the_next_question(write):
    head = "def output_grad(params, X, y):"
    grades, _ = check(write(SECOND.replace(head, f"{head}\n    X[:] = 0; params.w_out[:] = 9")))
    assert "copy it first" in grades["2.2"].message
    assert all(grades[number] for number in ("2.1", "2.3", "2.4"))


def test_files_named_as_modules_and_files_beside_do_no_harm(write, tmp_path):
    write("raise RuntimeError('not this one')", "json.py")
    write("raise RuntimeError('not this one')", "numpy.py")
    write(DELTA.replace("delta_out", "answer"), "helper_of_a_reader.py")
    path = write("open('rubbish', 'w').write('x')\n"
                 "from helper_of_a_reader import answer as delta_out", "copy.py")  # fmt: skip
    before = sorted(tmp_path.rglob("*"))
    assert delta(path)
    assert sorted(tmp_path.rglob("*")) == before  # not even a folder of bytecode


def test_an_own_block_for_the_command_line_does_not_run(write):
    assert delta(write(DELTA + "if __name__ == '__main__':\n    raise SystemExit(1)\n"))


def test_a_file_that_is_not_there_is_said_once(tmp_path, write, capsys):
    missing = tmp_path / "no.py"
    said = f"there is no .py or .ipynb file at {missing}"
    assert shown(capsys, missing) == (1, [said])
    status, (first, second) = shown(capsys, missing, write(DELTA))
    assert status == 1
    assert first == f"{missing}: FAILED: error ({said})"
    assert ": passed: " in second


def test_a_folder_gives_one_line_a_file_in_order_whatever_is_in_it(write, tmp_path, capsys):
    for name in ("carol.py", "alice.py", "bob.py"):
        write(DELTA if name != "bob.py" else DELTA.replace("- y", ""), name)
    write("no Python", "notes.txt")
    (tmp_path / "a_loop.py").symlink_to(tmp_path / "a_loop.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "dave" / "homework").mkdir(parents=True)
    write(notebook(DELTA), "dave/homework/answers.IPYNB")
    for hidden in (".ipynb_checkpoints", "__MACOSX"):
        (tmp_path / "dave" / hidden).mkdir()
        write("1 / 0", f"dave/{hidden}/._{hidden}.py")
    status, lines = shown(capsys, tmp_path)
    assert status == 1
    files = {line.split(":")[0]: line.split(": ", 1)[1] for line in lines}
    other = str(Path("dave", "homework", "answers.IPYNB"))
    assert list(files) == ["a_loop.py", "alice.py", "bob.py", "carol.py", other]
    assert files[other].startswith("passed: ")
    assert files["a_loop.py"].startswith("FAILED: error (there is no .py or ")
    assert files["alice.py"].startswith("passed: ")
    assert "2.1 failed (y forgotten)" in files["bob.py"]


def test_a_file_of_another_kind_is_said(write, capsys):
    path = write(DELTA, "answers.txt")
    assert shown(capsys, path) == (1, [f"there is no .py or .ipynb file at {path}"])


@pytest.mark.slow
def test_a_folder_that_links_to_itself_is_no_end(write, tmp_path, capsys):
    write(DELTA)
    (tmp_path / "again").symlink_to(tmp_path)
    status, lines = shown(capsys, tmp_path)
    assert status == 0
    assert len(lines) == 2


def test_an_empty_folder_is_said(tmp_path, capsys):
    said = f"there is no .py or .ipynb file in {tmp_path}\n"
    table = tmp_path / "grades.csv"
    assert program.main(["check", str(tmp_path), "--csv", str(table)]) == 1
    assert capsys.readouterr() == ("", said)
    assert table.read_text() == ""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_an_unreadable_file_is_said(write, capsys):
    path = write(DELTA)
    path.chmod(0)
    status, (first, second) = shown(capsys, path, write(DELTA, "next.py"))
    assert status == 1
    assert "Permission denied" in first
    assert ": passed: " in second


def test_json_for_a_machine(write, capsys):
    paths = [write(DELTA, "a.py"), write("print('loud')\n1 / 0", "b.py")]
    assert program.main(["check", "--json", *map(str, paths)]) == 1
    rows = json.loads(capsys.readouterr().out)
    right, wrong = rows[:7], rows[-1]
    assert [r["status"] for r in rows[7:]] == ["missing"] * 7 + ["not run"]
    assert {r["file"] for r in right} == {str(paths[0])}
    assert [r["status"] for r in right] == ["missing"] * 3 + ["passed"] + ["missing"] * 3
    assert right[3].keys() == {
        "file", "question", "function", "status", "message", "why", "traceback", "points", "total",
    }  # fmt: skip
    assert right[3]["function"] == "delta_out"
    assert [r["points"] for r in right] == [0, 0, 0, 1, 0, 0, 0]
    assert {r["total"] for r in right} == {1}
    assert wrong["file"] == str(paths[1])
    assert wrong["question"] == ""
    assert wrong["points"] == wrong["total"] == 0
    assert wrong["message"] == "line 2 did not run: ZeroDivisionError: division by zero (line 2)"


ONLY_TWO = RIGHT.replace("loss_grad(", "whole(").replace("delta_out(", "error(")
ONLY_TWO = ONLY_TWO.replace("hypothesis_grad(", "first(").replace("output_grad(", "last(")
ONLY_TWO = ONLY_TWO.replace("algorithm_pass(", "third(")
WRONG = ONLY_TWO.replace("-mask * (X.T", "-(X.T").replace(" * (z > 0)", "")


@pytest.fixture(scope="module")
def files_of_a_class(tmp_path_factory):
    path = tmp_path_factory.mktemp("class")
    for name, text in [("a", ONLY_TWO), ("b", WRONG), ("d", "1 / (0"), ("._a", "x"),
                       ("c", WRONG.replace("z = X", "z = np.nonsense + X"))]:  # fmt: skip
        (path / f"{name}.py").write_text(text, "utf-8")  # some systems put ._a into archives
    return path


@pytest.fixture
def folder(files_of_a_class, once):
    """A folder of four files: right, wrong, with an error, and without Python."""
    return files_of_a_class


@pytest.mark.parametrize(
    ("detail", "rows"),
    [("verdict", ["2.3 hidden_grad: FAILED"]),
     ("coordinate", ["2.3 hidden_grad: FAILED: 0 of 9", "wrong: W_hidden[0, 0], W_hidden[0, 1]"])],
)  # fmt: skip
@pytest.mark.sampled(4)
def test_a_level_of_detail_shows_so_much_and_no_number_of_the_right_gradient(
    detail, rows, folder, capsys
):
    path = folder / "b.py"
    _, lines = shown(capsys, path, "--detail", detail)
    block = lines[next(k for k, line in enumerate(lines) if line.startswith("2.3")) :]
    for line, row in zip(block, rows, strict=False):
        assert line.startswith(row)
    assert not block[len(rows)] or block[len(rows)].startswith("not in the file")
    everything = "\n".join(shown(capsys, path, "--detail", "diagnosis")[1])
    assert "'ReLU gate forgotten'" in everything
    assert program.main(["check", str(path), "--json", "--detail", detail]) == 1
    hidden = capsys.readouterr().out + "\n".join(lines)
    numbers = {row.split()[-3] for row in everything.splitlines() if row.endswith("differs")}
    assert len(numbers) > 9
    assert not [number for number in numbers if len(number) > 3 and number in hidden]
    assert not [word for word in ("gate", "mask", "reread", "eq-", "scale") if word in hidden]
    assert ("W_hidden" in hidden) == (detail != "verdict")


@pytest.mark.slow
def test_the_line_of_a_file_is_no_more_than_its_detail(folder, capsys):
    path = folder / "b.py"
    for detail, said in [("verdict", "2.3 failed, "),
                         ("coordinate", "failed (wrong: W_hidden[0, 0], "),
                         ("diagnosis", "failed (ReLU gate forgotten)")]:  # fmt: skip
        _, (line, _) = shown(capsys, path, path, "--detail", detail)
        assert said in line
        assert "1.2 failed" in line
        assert ("1.2 failed (wrong: theta[5])" in line) == (detail == "coordinate")


@pytest.mark.slow
def test_what_is_no_wrong_gradient_is_said_at_every_level(write, capsys, once):
    text = "def delta_out(z, y):\n    return 1 / 0\nfrom random import random\n"
    text += "def hinge_grad(theta, X, y):\n    return random() * theta\n"
    path = write(text)
    for detail in ("verdict", "coordinate", "diagnosis"):
        _, lines = shown(capsys, path, "--detail", detail)
        assert "ZeroDivisionError: division by zero" in lines
        assert any("not deterministic: two calls at the same point" in line for line in lines)


def test_a_table_has_a_row_a_file_and_question(folder, capsys):
    _, lines = shown(capsys, folder, "--csv")
    rows = list(csv.DictReader(lines))
    assert len(rows) == 3 * 7 + 1
    seen = {(Path(row["file"]).name, row["question"]): row for row in rows}
    assert [row["status"] for (name, _), row in seen.items() if name == "a.py"] == [
        "missing", "passed", "missing", "missing", "missing", "passed", "missing"]  # fmt: skip
    assert [row["points"] for (name, _), row in seen.items() if name == "a.py"] == [*"0200020"]
    assert {name: row["total"] for (name, _), row in seen.items()} == {
        "a.py": "4", "b.py": "0", "c.py": "0", "d.py": "0"}  # fmt: skip
    b = seen["b.py", "2.3"]
    assert (b["function"], b["status"]) == ("hidden_grad", "failed")
    assert b["why"] == "ReLU gate forgotten"
    assert b["message"].startswith("FAILED: 0 of 9 coordinates agree")
    assert seen["d.py", ""]["message"] == "SyntaxError: '(' was never closed (line 1)"


@pytest.mark.slow
def test_a_summary_counts_the_mistakes_of_each_question(folder, capsys):
    status, lines = shown(capsys, folder, "--summary")
    assert status == 1
    lines = lines[4:]
    assert lines[1] == "files: 4, passed 1, FAILED 3"
    assert lines[2:] == [
        "    3 x 1.1 hypothesis_grad missing",
        "    2 x 1.2 hinge_grad failed mask forgotten",
        "    1 x 1.2 hinge_grad passed",
        "    3 x 1.3 algorithm_pass missing",
        "    3 x 2.1 delta_out missing",
        "    3 x 2.2 output_grad missing",
        "    1 x 2.3 hidden_grad error AttributeError: module 'numpy' has no attribute 'nonsense'",
        "    1 x 2.3 hidden_grad failed ReLU gate forgotten",
        "    1 x 2.3 hidden_grad passed",
        "    3 x 2.4 loss_grad missing",
        "    1 x error SyntaxError: '(' was never closed",
    ]


@pytest.mark.slow
def test_a_table_goes_into_a_file_beside_the_lines_and_the_summary(folder, tmp_path, capsys):
    table = tmp_path / "grades.csv"
    _, lines = shown(capsys, folder, "--csv", table, "--summary")
    assert [line.partition(": ")[0] for line in lines[:4]] == [f"{name}.py" for name in "abcd"]
    assert lines[5].startswith("files: 4, passed 1, ")
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 7 + 1
    assert {Path(row["file"]).name: row["total"] for row in rows} == {
        "a.py": "4", "b.py": "0", "c.py": "0", "d.py": "0"}  # fmt: skip
    _, both = shown(capsys, folder / "a.py", "--csv", "-", "--summary")
    assert len(list(csv.DictReader(both[:8]))) == 7
    assert both[9].startswith("files: 1, passed 1, ")


@pytest.mark.slow
def test_a_file_that_follows_csv_is_checked_and_not_written(write, capsys):
    path = write(DELTA)
    _, lines = shown(capsys, "--csv", path)
    assert path.read_text(encoding="utf-8") == DELTA
    assert len(list(csv.DictReader(lines))) == 7


def test_a_table_that_cannot_be_written_is_said_before_anything_runs(write, tmp_path, capsys):
    with pytest.raises(SystemExit):
        program.main(["check", str(write(DELTA)), "--csv", str(tmp_path / "no" / "grades.csv")])
    assert "argument --csv: " in capsys.readouterr().err


@pytest.mark.slow
def test_no_cell_of_a_table_is_a_formula_and_no_name_a_line(tmp_path, monkeypatch, capsys, once):
    names = ["=cmd|' !A1'.py", "+1.py", "-1.py", "@x.py", "a.py\nb.py: passed.py", "\x1b[2Jc.py"]
    monkeypatch.chdir(tmp_path)
    for name in names:
        Path(name).write_text("globals()['=1+1'] = lambda: 0\n1 / 0", encoding="utf-8")
    _, lines = shown(capsys, *(name for name in names if name != "-1.py"))
    assert len(lines) == len(names) - 1
    assert all(line.isprintable() and ": FAILED: " in line for line in lines)
    assert all("line 2 did not run: ZeroDivisionError" in line for line in lines)
    _, lines = shown(capsys, "--csv", *(name for name in names if name != "-1.py"))
    rows = list(csv.reader(lines))
    assert len(rows) == 1 + 8 * (len(names) - 1)
    assert not [cell for row in rows for cell in row if cell[:1] in {*"=+-@\t\r"}]
    assert all(cell.isprintable() for row in rows for cell in row[:3])


@pytest.mark.slow
def test_the_homework_is_asked_of_another_model(write, capsys):
    # That its own answers pass is what the table of marks below shows.
    status, lines = shown(capsys, write(RIGHT), "--homework", "--csv", "-")
    assert status == 1
    by_number = {row["question"]: row for row in csv.DictReader(lines)}
    for number, why in {"1.1": "mask", "1.2": "mask", "2.1": "labels"}.items():
        assert by_number[number]["status"] == "failed"
        assert by_number[number]["why"] == f"{why} of the book"
    # The pass calls hinge_grad, and is right where the right one stands in for it.
    assert [row["points"] for row in by_number.values()] == [*"0020000"]
    assert {row["total"] for row in by_number.values()} == {"2"}


@pytest.mark.slow
def test_an_error_in_the_homework_leaves_the_later_questions_to_themselves(write):
    text = HOMEWORK.replace("- (y + 1) / 2", "- y").replace("    return -mask", "    return mask")
    grades, _ = check(write(text), sheet="homework")
    assert [grade.points for grade in grades.values()] == [1, 0, 2, 0, 1, 2, 1]
    for number, name in [("1.3", "hinge_grad"), ("2.3", "delta_out")]:
        assert grades[number].message.endswith(f"judged with the right {name} in place of yours")


HOSTILE_FILES = sorted((Path(__file__).parent / "hostile").glob("*.py"))
RUNS_SHORT = {"alias", "fork", "by_heart", "writes_the_answer", "patches_the_judge"}


@pytest.mark.parametrize("path", [
    pytest.param(path, id=path.stem, marks=[] if path.stem in RUNS_SHORT else pytest.mark.slow)
    for path in HOSTILE_FILES])  # fmt: skip
@pytest.mark.sampled(4)
def test_a_hostile_file_gets_no_credit_and_a_plain_line(path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")), clean=False)
    start = time.monotonic()
    grades, _ = check(path, seconds=60 if path.stem == "honest" else 10)
    assert time.monotonic() - start < 300
    is_honest = path.stem == "honest"
    for line in said.splitlines():
        number, _, expected = line.partition(" ")
        status, _, why = expected.partition(":")
        grade = grades[number] if number in grades else grades[""]  # it does not run at all
        assert (grade.status, grade.points > 0) == (status, is_honest)
        assert grade.why.startswith(why.strip())
        assert bool(grade.why) != is_honest
        assert "\n" not in grade.why
    assert sum(grade.points for grade in grades.values()) == 10 * is_honest


@pytest.mark.slow
def test_numbers_that_are_known_by_heart_are_no_answer(write):
    question, rows = QUESTIONS[5], {}
    for args, *_ in question.cases:
        parts = question.of(question.right, *args)
        rows[len(args[1])] = [np.asarray(part).tolist() for part in parts]
    text = f"KNOWN = {rows}\ndef hidden_grad(params, X, y):\n    return KNOWN[len(X)]\n"
    grade = check(write(text))[0]["2.3"]
    assert (grade.status, grade.points) == ("failed", 0)
    assert grade.why.startswith("right at the two points of hwlib.grading alone")


@pytest.mark.slow
def test_what_a_file_answers_in_place_of_hwlib_when_it_is_loaded_ends_nothing(write, tmp_path):
    for said in ({"values": [[1.0]]}, {"traceback": "x"}, {"defined": 3}, {"asks": ["x"]}, [], 7,
                 {"defined": ["delta_out", "=1+1\n\x1b[2J"]}):  # fmt: skip
        path = write(f"""
            import json, os
            for number in range(3, 64):
                try:
                    os.write(number, json.dumps({said!r}).encode() + b"\\n")
                except OSError:
                    pass
            os._exit(0)
            """)
        grades, _ = check(path)
        assert not any(grades.values())
        assert all(g.message.isprintable() for g in grades.values())


def notebook(*sources, **options):
    """Return the text of a notebook with these code cells."""
    cells = [{"cell_type": "markdown", "source": ["# 1 / 0"]}]
    cells += [{"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": [],
               "metadata": {}, "execution_count": None} for source in sources]  # fmt: skip
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_a_notebook_is_run_as_one_module_without_its_magics(write, capsys):
    text = notebook(
        "%matplotlib inline\nimport numpy as np\n!pip install nothing\nnp.abs?",
        "%%bash\nls -l",
        "%%time\nif True:\n    %timeit np.abs(1)\nfound = !ls\ndisplay('seen')",
        "a = (7\n     % 4)\nassert a == 3\nassert (a\n    !=a\n    %a) == True",
        DELTA,
        "if __name__ == '__main__':\n    1 / 0",
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: 'int'",
    )
    status, lines = shown(capsys, write(text, "answers.ipynb"))
    assert lines[-2:] == ["answers.ipynb prints:", "  | seen"]
    assert status == 0
    assert lines[0].startswith("2.1 delta_out: passed: ")


def test_an_error_in_a_notebook_names_the_cell_and_its_line(write, capsys):
    path = write(notebook("import numpy as np", "# helper below\ndef delta_out(z, y):\n"
                          "    return helper(z) - y", "def helper(z):\n    x = 1\n    return zz",
                          ), "a.ipynb")  # fmt: skip
    assert delta(path).message == "NameError: name 'zz' is not defined (line 3 of code cell 3)"
    _, lines = shown(capsys, path)
    assert [line for line in lines if "^" not in line][:6] == [
        "2.1 delta_out: error", "Traceback (most recent call last):",
        '  File "code cell 2", line 3, in delta_out', "    return helper(z) - y",
        '  File "code cell 3", line 3, in helper', "    return zz",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [("no JSON", "this is not a notebook that can be read (JSONDecodeError("),
     ("[]", "this is not a notebook that can be read (TypeError("),
     ("{}", "this is not a notebook that can be read (KeyError(")],
)  # fmt: skip
def test_a_notebook_that_does_not_run_is_said_in_one_line(text, said, write):
    grades, _ = check(write(text, "a.ipynb"))
    (message,) = {g.message for g in grades.values()}
    assert message.startswith(said)


UNTIDY = notebook(
    "import no_such_module", "x = (1", "print(nonsense)", "raise SystemExit", "return 3",
    "def hinge_grad(theta, X, y):\n    return theta)", "hinge_grad(1, 2, 3)",
    "def output_grad(params, X, y):\n    raise NotImplementedError", "output_grad(1, 2, 3)",
    "import numpy as np, no_such_module\n", DELTA.replace("delta_out", "answer"),
    "from __future__ import annotations\ndef delta_out(z: anything, y):\n    return answer(z, y)",
    "def hypothesis_grad(theta, x):\n    return no_such_module.mask * x",
)  # fmt: skip


@pytest.mark.slow
def test_what_does_not_run_costs_what_it_defines_and_is_named(write, capsys, once):
    path = write(UNTIDY, "answers.ipynb")
    grades, _ = program.check_file(path)
    by_number = {g.question: g for g in grades}
    assert (by_number["2.1"].status, by_number["2.1"].points) == ("passed", 1)
    assert by_number["1.1"].message.startswith("ModuleNotFoundError: No module named 'no_such")
    assert by_number["1.2"].message == "SyntaxError: unmatched ')' (line 2 of code cell 6)"
    assert by_number["2.2"].message.startswith("NotImplementedError (line 2 of code cell 8")
    assert by_number["2.3"].status == "missing"
    notes = [g.message for g in grades if g.status == "not run"]
    assert [note.partition(" did not run: ")[0] for note in notes] == [
        f"code cell {n}" for n in (1, 2, 3, 4, 5, 6, 7, 9, 10)]  # fmt: skip
    assert "NameError: name 'nonsense' is not defined (line 1 of code cell 3)" in notes[2]
    _, lines = shown(capsys, path)
    assert "code cell 3 did not run" in lines


@pytest.mark.slow
def test_a_table_of_marks_has_a_row_a_student(write, tmp_path, capsys):
    table = tmp_path / "marks.csv"
    for name, text in [("alice", notebook(HOMEWORK)), ("bob", UNTIDY), ("carol", "no JSON")]:
        (tmp_path / "class" / name).mkdir(parents=True)
        write(text, f"class/{name}/homework.ipynb")
    (tmp_path / "class" / "dave").mkdir()
    shown(capsys, tmp_path / "class", "--homework", "--marks", table)
    with table.open(encoding="utf-8", newline="") as file:
        alice, bob, carol = csv.DictReader(file)
    assert [*alice] == ["file", "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "total", "look at"]
    assert alice["look at"] == ""
    assert [*alice.values()][1:9] == ["1", "2", "2", "1", "1", "2", "1", "10"]
    assert alice["file"] == str(Path("alice", "homework.ipynb"))
    assert bob["total"] == "0"  # its labels are those of the book
    assert "code cell 3 did not run: NameError" in bob["look at"]
    assert "2.2" not in bob["look at"]  # it is blank
    assert carol["total"] == "0" and "not a notebook" in carol["look at"]


@pytest.mark.slow
def test_a_folder_holds_modules_and_notebooks(write, tmp_path, capsys):
    write(notebook(DELTA), "b.ipynb")
    write(DELTA, "a.py")
    status, lines = shown(capsys, tmp_path)
    assert status == 0
    assert [Path(line.split(":")[0]).name for line in lines] == ["a.py", "b.ipynb"]


def test_the_own_gradient_of_hwlib_is_not_accepted(write, capsys, once):
    path = write("from hwlib import hinge\nfrom hwlib.network import log_loss_grad, loss_grad\n"
                 "def hinge_grad(*args):\n    return hinge.loss_grad(*args)\n"
                 "def delta_out(z, y):\n    return log_loss_grad(z, y)")  # fmt: skip
    status, lines = shown(capsys, path)
    assert status == 1
    calls = "calls hwlib's own"
    assert lines[0] == f"1.2 hinge_grad: hinge_grad {calls} loss_grad: write it yourself"
    assert lines[1] == f"2.1 delta_out: delta_out {calls} log_loss_grad: write it yourself"
    assert lines[2] == f"2.4 loss_grad: loss_grad {calls} loss_grad: write it yourself"
    _, (line, _) = shown(capsys, path, path)
    assert f"1.2 error (hinge_grad {calls} loss_grad: write it yourself), " in line


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["x.py"],
        ["--csv", "x.py"],
        ["check", "x.py", "--seconds", "0"],
        ["check", "x.py", "--seconds", "soon"],
        ["check", "x.py", "--detail", "some"],
        ["check", "x.py", "--json", "--summary"],
        ["check", "x.py", "--json", "--csv"],
        ["check", "x.py", "--marks", "x.py"],
    ],
)
def test_a_wrong_call_is_rejected(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        program.main(arguments)
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert "usage: python -m hwlib check" in said
    if "check" not in arguments:
        assert f"type: python -m hwlib check {arguments[-1] if arguments else 'FILE'}\n" in said


@pytest.mark.slow
def test_the_command_itself_on_a_terminal_without_greek(write):
    path = write("print('θ')\n" + DELTA)
    places = {"HOME": "/nonexistent", "PYTHONPATH": str(Path(program.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hwlib", "check", path], cwd=path.parent, text=True,
        capture_output=True, env=os.environ | places | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "  | ?\n" in done.stdout
    assert "2.1 delta_out: passed" in done.stdout
    assert done.stderr == ""
