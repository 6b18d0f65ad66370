"""A file that is handed in, a module or a notebook: it runs apart, and its functions are graded.

`check_file` starts a process for each file, in an empty folder that is deleted afterwards, with
a limit of time and, where the system has it, one of memory. ``run`` is what that process does. A
function that ends Python or uses up the time loses its own question alone: the file is run again
for the others. Programs that a file has started are stopped with it, unless they are in a session
of their own. All this guards against accidents, not against malice.

A notebook runs as one module: its code cells in order, from an empty namespace, whatever order
they were run in before. Lines of IPython's own (``%matplotlib inline``, ``!pip``, ``name?``) are
left out, and cells in another language (``%%bash``) whole. A cell that raises an error ends the
run, as it does in Jupyter.
"""

import json
import linecache
import os
import re
import signal
import sys
import tempfile
import tokenize
import types
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any

from hwlib.grading import CODE_CELL, Grade, answer, judge, raised
from hwlib.questions import QUESTIONS, Question

ROOT = str(Path(__file__).parents[1])
PROGRAM = "import sys; from hwlib.submissions import run; run(*sys.argv[1:])"
FILE = Question("", "", "", ())
"""What is graded if a file does not run."""

SUFFIXES = (".py", ".ipynb")
"""What is checked in a folder."""

MAGIC = re.compile(
    r"\A%%(?!time|capture|prun)(?s:.*)"
    r"|^([ \t]*)(?:(?:[\w, ]+= *)?(?:%%?[a-z]\w*(?: .*)?|!(?!=).*)|[\w.]+\?)$", re.MULTILINE
)  # fmt: skip
"""A cell in another language, or a line of IPython's own after its indentation."""


def check_file(path: Path, seconds: int = 20, detail: str = "all") -> tuple[list[Grade], str]:
    """Return the grades of a file, or the one of `FILE`, and what it prints."""
    printed, answers = "", dict[str, Any]()
    if not path.is_file():
        what = f"no {' or '.join(SUFFIXES)} file in" if path.is_dir() else "no file named"
        answers[""] = {"message": f"{what} {path}"}
    while "" not in answers and (left := [q.name for q in QUESTIONS if q.name not in answers]):
        new, text, ended = _run_apart(path.absolute(), left, seconds)
        printed = printed or text  # a second run prints the same
        lost = [name for name in left if name not in new] if new else [""]
        answers |= {name: {"message": ended} for name in lost[:1]} | new
    asked = [FILE] if "" in answers else QUESTIONS
    return [judge(q, answers[q.name], detail) for q in asked], printed


def _run_apart(file: Path, names: list[str], seconds: int) -> tuple[dict[str, Any], str, str]:
    """Return what a process for a file answers and prints, and how it ended."""
    answers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work, out, printed = (Path(folder, name) for name in ("work", "out", "printed"))
        work.mkdir()
        env = dict(os.environ, PYTHONPATH=ROOT, PYTHONIOENCODING="utf-8", MPLBACKEND="agg",
                   OPENBLAS_NUM_THREADS="1")  # fmt: skip
        command = [sys.executable, "-PBu", "-c", PROGRAM, str(file), str(out), *names]
        with printed.open("ab") as log:
            process = Popen(command, cwd=work, env=env, stdin=DEVNULL,
                            stdout=log, stderr=log, start_new_session=True)  # fmt: skip
        try:
            ended = f"Python ended without an answer, with status {process.wait(seconds)}"
        except TimeoutExpired:
            ended = f"stopped after {seconds} s: an endless loop?"
        finally:
            with suppress(OSError, AttributeError):  # no such call, or no such process
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
        with suppress(OSError, ValueError):  # the file may have spoiled it
            for line in out.read_text(encoding="utf-8").splitlines():
                answers |= json.loads(line)
        return answers, printed.read_text(encoding="utf-8", errors="replace"), ended


def run(file: str, out: str, *names: str) -> None:
    """Write what a file and its functions answer, a line each; for a process of its own."""
    with suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (2**26, 2**26))  # bytes; what is printed, too
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    sys.path.append(os.path.dirname(file))
    with suppress(BaseException), open(out, "a", encoding="utf-8", buffering=1) as lines:
        try:
            defined = load(file)
            missing: dict[str, Any] = {name: {} for name in names if name not in defined}
            lines.write(json.dumps({"loaded": {}} | missing) + "\n")
            for q in QUESTIONS:
                if q.name in names and q.name in defined:
                    lines.write(json.dumps({q.name: answer(q, defined[q.name])}) + "\n")
        except (Exception, SystemExit) as error:
            lines.write(json.dumps({"": raised(error)}) + "\n")
    os._exit(0)  # threads of the file may still run


def load(file: str) -> dict[str, Any]:
    """Run a file as a module, and return what it defines."""
    module = sys.modules["answers"] = types.ModuleType("answers")
    names = vars(module)
    names.update(__file__=file, display=print)
    for place, source in parts(file):
        linecache.cache[place] = len(source), None, source.splitlines(keepends=True), place
        exec(compile(source, place, "exec"), names)
    return names


def parts(file: str) -> list[tuple[str, str]]:
    """Return the place and the Python of a module, or of each code cell of a notebook."""
    if not file.endswith(".ipynb"):
        with tokenize.open(file) as stream:
            return [(file, stream.read())]
    try:
        cells = json.loads(Path(file).read_text(encoding="utf-8-sig"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"this is not a notebook that can be read ({error!r})") from None
    pairs = enumerate((MAGIC.sub(r"\1pass", source) for source in sources), start=1)
    return [(f"{file}{CODE_CELL}{number}", source) for number, source in pairs]
