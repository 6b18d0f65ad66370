"""`python -m hwlib check`: a reader's own file, however it behaves."""

from __future__ import annotations

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
from hwlib import hinge, network
from hwlib.gradcheck import check_grad

RIGHT = """
import numpy as np
def hypothesis_grad(theta, x):
    return np.array([1, 1, 1, 1, 1, 0, 1]) * x
def hinge_grad(theta, X, y):
    mask = np.array([1, 1, 1, 1, 1, 0, 1])
    active = y * (X @ (mask * theta)) < 1
    return -mask * (X.T @ (active * y))
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
DELTA = "def delta_out(z, y):\n    import numpy as np\n    return 1 / (1 + np.exp(-z)) - y\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="answers_of_a_reader.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def statuses(path, **options):
    return {r["question"]: r["status"] for r in program.check_file(path, **options)}


def messages(path, **options):
    return {r["question"]: r["message"] for r in program.check_file(path, **options)}


def test_the_points_hide_nothing():
    for q in program.questions():
        if q.name == "hinge_grad":
            assert hinge.blind_spots(*q.args) == ()
            assert check_grad(q.loss, lambda t, q=q: hinge.loss_grad(t, *q.args[1:]), q.x,
                              **q.options)  # fmt: skip
        elif q.name == "loss_grad":
            assert network.blind_spots(*q.args) == ()
            report = check_grad(q.loss, lambda p, q=q: network.loss_grad(p, *q.args[1:]), q.x,
                                **q.options)  # fmt: skip
            assert report
            assert not report.weak
    z, y = next(q.args for q in program.questions() if q.name == "delta_out")
    assert 0 < np.sum(y) < len(y)
    assert np.min(np.abs(z)) > 0.01


def test_right_answers_pass(write, capsys):
    path = write(RIGHT)
    assert set(statuses(path).values()) == {"passed"}
    assert program.main(["check", str(path)]) == 0
    printed = capsys.readouterr().out
    for head in ("1.1 hypothesis_grad: passed: 6 of 6", "1.2 hinge_grad: passed: 6 of 6",
                 "2.1 delta_out: passed: 8 of 8",
                 "2.2 output_grad: passed: 4 of 4", "2.3 hidden_grad: passed: 9 of 9",
                 "2.4 loss_grad: passed: 13 of 13"):  # fmt: skip
        assert head in printed
    assert "weak" not in printed


def test_wrong_answers_fail_and_are_diagnosed(write, capsys):
    path = write(RIGHT.replace("-mask * (X.T", "-(X.T").replace("exp(-z)) - y", "exp(-z)) - 2 * y"))
    assert program.main(["check", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "equal to the wrong gradient 'mask forgotten'" in printed
    assert "likely mistake: mask\n  the derivative is 0 in theta[5], the gradient is not" in printed
    assert "equation to reread: eq-mask" in printed
    assert "2.1 delta_out: FAILED" in printed


def test_a_file_may_answer_one_question_only(write, capsys):
    path = write(DELTA)
    assert program.main(["check", str(path)]) == 0
    assert "1.2 hinge_grad: not in the file" in capsys.readouterr().out


def test_a_file_that_answers_nothing_fails(write):
    path = write("answer = 42")
    assert set(statuses(path).values()) == {"missing"}
    assert program.main(["check", str(path)]) == 1


@pytest.mark.parametrize("value", ["[[1, 2], [3]]", "np.zeros(3)", "None", "'text'", "1.0", "{}",
                                   "np.zeros((8, 1))", "np.ones(8, bool)", "1j * np.ones(8)",
                                   "[object()] * 8", "iter([])"])  # fmt: skip
def test_what_is_no_gradient_is_refused_by_name(value, write):
    path = write(f"import numpy as np\ndef delta_out(z, y):\n    return {value}")
    records = {r["question"]: r for r in program.check_file(path)}
    assert records["2.1"]["status"] == "error"
    assert records["2.1"]["message"].startswith("delta_out ")
    assert "\n" not in records["2.1"]["message"]


@pytest.mark.parametrize("value", ["np.full(8, np.nan)", "np.full(8, np.inf)"])
def test_nan_and_infinity_fail(value, write):
    assert statuses(write(f"import numpy as np\ndef delta_out(z, y):\n    return {value}"))[
        "2.1"
    ] == ("failed")


def test_lists_integers_and_float32_are_gradients_too(write):
    for turned in ("list(g)", "g.tolist()", "g.astype('float32')"):
        text = DELTA.replace("return ", "g = ") + f"    return {turned}"
        assert statuses(write(text))["2.1"] == "passed"


HOSTILE = {
    "raises": ("def delta_out(z, y):\n    return 1 / 0",
               "ZeroDivisionError: division by zero (line 2)"),
    "raises on import": ("x = 1\nraise RuntimeError('no')", "RuntimeError: no (line 2)"),
    "is no Python": ("def delta_out(z, y:\n    return", "SyntaxError: "),
    "prints rubbish": ("print('\\x1b[2J{' * 10**6)\ndef delta_out(z, y):\n"
                       "    raise ValueError('\\x1b[31m a\\n b')", "ValueError: [31m a b (line 3)"),
    "calls sys.exit": ("import sys\ndef delta_out(z, y):\n    sys.exit(0)", "SystemExit: 0"),
    "exits on import": ("raise SystemExit", "SystemExit"),
    "calls os._exit": ("import os\ndef delta_out(z, y):\n    os._exit(0)",
                       "the process ended early, with status 0"),
    "kills itself": ("import os\ndef delta_out(z, y):\n    os.kill(os.getpid(), 9)",
                     "the process ended early, with status -9"),
    "asks": ("def delta_out(z, y):\n    return input()", "EOFError: "),
    "recurses": ("def delta_out(z, y):\n    return delta_out(z, y)", "RecursionError: "),
    "fills memory": ("def delta_out(z, y):\n    return [bytearray(2**29) for _ in range(10**6)]",
                     "MemoryError"),
    "returns too much": ("import numpy as np\ndef delta_out(z, y):\n    return np.zeros(10**6)",
                         "the process ended early"),
    "fills the disk": ("def delta_out(z, y):\n    open('big', 'wb').write(bytes(2**24))",
                       "OSError: "),
    "cannot be told": ("class E(Exception):\n    def __str__(self):\n        raise self\n"
                       "def delta_out(z, y):\n    raise E", "answers.E: <exception str() failed>"),
    "changes NumPy": ("import numpy as np\nnp.asarray = None\nnp.abs = None\n"
                      "def delta_out(z, y):\n    return z", "the process ended early"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_misbehaves_gets_a_clear_line(name, write, capsys):
    text, message = HOSTILE[name]
    path = write(text)
    assert messages(path)["2.1"].startswith(message)
    assert program.main(["check", str(path), str(write(DELTA, "next.py"))]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{path}: FAILED: ")
    assert message in first
    assert first.isprintable()
    assert second.endswith("next.py: passed: 1.1 missing, 1.2 missing, 2.1 passed, 2.2 missing, "
                           "2.3 missing, 2.4 missing")  # fmt: skip


@pytest.mark.parametrize(
    "loop",
    ["while True: pass", "import time; time.sleep(1e6)",
     "\n".join(["while True:", "        try:", "            time.sleep(9)",
                "        except BaseException:", "            pass"])],
    ids=["works", "sleeps", "catches all"],
)  # fmt: skip
def test_a_file_that_loops_for_ever_is_stopped(loop, write):
    path = write(f"import time\ndef output_grad(params, X, y):\n    {loop}\n{DELTA}")
    start = time.monotonic()
    records = {r["question"]: r for r in program.check_file(path, seconds=2)}
    assert time.monotonic() - start < 15
    assert records["2.2"]["message"] == "stopped after 2 s"
    assert records["2.1"]["status"] == "passed"  # what came before counts


def test_a_file_that_loops_on_import_is_stopped(write):
    assert messages(write("while True: pass"), seconds=1)["1.2"] == "stopped after 1 s"


def test_processes_that_a_file_leaves_behind_are_stopped(write, tmp_path):
    # The child of the file holds all that it has inherited, and would write after a while.
    mark = tmp_path / "mark"
    path = write(f"""
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c",
            "import time; time.sleep(3); open({str(mark)!r}, 'w').close()"])
        {DELTA.replace(chr(10), chr(10) + " " * 8)}
        """)
    start = time.monotonic()
    assert statuses(path)["2.1"] == "passed"
    assert time.monotonic() - start < 3
    time.sleep(4 - (time.monotonic() - start))
    assert not mark.exists()


def test_a_thread_that_still_runs_does_not_hold_up_the_check(write):
    path = write("import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n"
                 + DELTA)  # fmt: skip
    start = time.monotonic()
    assert statuses(path)["2.1"] == "passed"
    assert time.monotonic() - start < 10


def test_what_a_file_changes_is_not_seen_by_the_next_question(write):
    head = "def output_grad(params, X, y):"
    text = RIGHT.replace(head, f"{head}\n    X[:] = 0; params.w_out[:] = 9")
    assert statuses(write(text)) == {
        "1.1": "passed", "1.2": "passed", "2.1": "passed", "2.2": "failed",
        "2.3": "passed", "2.4": "passed",
    }  # fmt: skip


def test_files_named_as_modules_and_files_beside_do_no_harm(write):
    write("raise RuntimeError('not this one')", "json.py")
    write("raise RuntimeError('not this one')", "numpy.py")
    write(DELTA.replace("delta_out", "answer"), "helper_of_a_reader.py")
    path = write("from helper_of_a_reader import answer as delta_out", "copy.py")
    assert statuses(path)["2.1"] == "passed"


def test_the_folder_of_a_file_stays_as_it_was(write, tmp_path):
    path = write("open('rubbish', 'w').write('x')\n" + DELTA)
    before = sorted(tmp_path.rglob("*"))
    assert statuses(path)["2.1"] == "passed"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_not_there(tmp_path, write, capsys):
    assert program.main(["check", str(tmp_path / "no.py"), str(write(DELTA))]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert "FileNotFoundError" in first
    assert ": passed: " in second


def test_a_folder_gives_one_line_a_file_in_order(write, tmp_path, capsys):
    for name in ("carol.py", "alice.py", "bob.py"):
        write(DELTA if name != "bob.py" else DELTA.replace("- y", "+ y"), name)
    write("no Python", "notes.txt")
    assert program.main(["check", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line.split(":")[0]).name for line in lines] == ["alice.py", "bob.py", "carol.py"]
    assert ["passed" in line.split(":")[1] for line in lines] == [True, False, True]
    assert "2.1 failed unknown" in lines[1]


def test_an_empty_folder_fails(tmp_path):
    assert program.main(["check", str(tmp_path)]) == 1


def test_json_for_a_machine(write, capsys):
    paths = [str(write(RIGHT, "a.py")), str(write("1 / 0", "b.py"))]
    assert program.main(["check", "--json", *paths]) == 1
    right, wrong = json.loads(capsys.readouterr().out)
    assert right["file"] == paths[0]
    assert right["passed"] is True
    assert [r["status"] for r in right["questions"]] == ["passed"] * 6
    assert wrong["passed"] is False
    assert {r["status"] for r in wrong["questions"]} == {"error"}
    assert {r["message"] for r in wrong["questions"]} == {
        "ZeroDivisionError: division by zero (line 1)"
    }


@pytest.mark.parametrize("arguments", [[], ["check"], ["solve", "x.py"]])
def test_a_wrong_call_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        program.main(arguments)
    assert error.value.code == 2
    assert "usage: python -m hwlib" in capsys.readouterr().err


def test_the_help_states_the_contract(capsys):
    with pytest.raises(SystemExit):
        program.main(["--help"])
    printed = capsys.readouterr().out
    for q in program.questions():
        assert f"{q.number}  {q.name}(" in printed


def test_the_command_itself(write):
    path = write(DELTA)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "hwlib", "check", path],
        capture_output=True, text=True, cwd=path.parent, env=os.environ | {"HOME": "/nonexistent"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "2.1 delta_out: passed" in done.stdout
    assert done.stderr == ""
