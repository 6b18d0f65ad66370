"""The process of its own in which a reader's file runs.

The parent gives it nothing but the names of the file and of the question, and takes from it
nothing but values: right or wrong is judged in the parent, with numbers that are drawn after the
file was written. In the process there is no gradient of hwlib in memory from before the first line
of the file (``close``), and Python neither starts another program for the file nor reads the
modules of hwlib again. When right functions stand in for wrong ones, the parent computes them.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryDirectory
from threading import Thread
from types import ModuleType
from typing import Any

from hwlib.grading import CELL, HOME, SHEETS, TAKEN, answer, close, coded, decoded, raised

Errors = dict[str, BaseException]

PROGRAM = "import sys; from hwlib.apart import run; run(*sys.argv[1:])"

MAGIC = re.compile(r"""(?mx) \A %% (?! time|capture|prun) (?s:.*)  # a cell in another language, or
    | ^ ([ \t]*) (?: (?: [\w, ]+=[ ]* )? (?: %%?[a-z]\w*(?:[ ].*)? | !(?!=).* ) | [\w.]+\? ) $""")
"""A line of IPython's own after its indentation."""

OWN_FILES = re.escape(os.path.join(os.path.realpath(HOME), ""))
REFUSED = [
    rf"os\.kill(pg)? (?!{os.getpid()} )|resource\.prlimit|fcntl\.|write /proc/"
    rf"|(write|os\.(?!listdir|scandir)).* {OWN_FILES}",
    r"subprocess|os\.(exec|posix_spawn|spawn|system|startfile)|_winapi"
    r"|import _(posixsubprocess|xxsubinterpreters|interpreters|testcapi)"
    rf"|ctypes\.dl|gc\.get|object\.__setattr__ __code__ {OWN_FILES}"
    rf"|read {OWN_FILES}(?!(__pycache__.)?plotting\.).*\.py",
]
"""What a file may not do, and what it may not do besides when it is graded: events of Python."""
RULE = "a file may start or stop no program, nor look into hwlib or change it"


# fmt: off
def run_apart(
    file: Path, seconds: int, *asked: str, **known: Callable[..., Any]
) -> tuple[dict[str, Any], str]:
    """Return what a process for a file answers, else how it ended; and what it prints."""
    answer = dict[str, Any]()
    with suppress(RecursionError), TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (work := Path(folder, "work")).mkdir()
        command = [sys.executable, "-PBu", "-c", PROGRAM, str(file.absolute()), *asked, *known]
        env = dict(os.environ, PYTHONPATH=str(Path(HOME).parent), PYTHONIOENCODING="utf-8",
                   MPLBACKEND="agg", OPENBLAS_NUM_THREADS="1", HWLIB_RUN=folder)
        with Path(folder, "printed").open("a+b") as log:
            process = Popen(command, cwd=work, env=env, stdin=PIPE, stdout=PIPE, stderr=log,
                            start_new_session=True)
            server = Thread(target=_serve, args=(process, known, answer), daemon=True)
            server.start()
            try:
                ended = f"Python ended without an answer, with status {process.wait(seconds)}"
            except TimeoutExpired:
                ended = f"stopped after {seconds} s: an endless loop?"
            finally:
                _stop(process, folder)
            server.join(seconds)
            log.seek(0)
            printed = log.read().decode(errors="replace")
    return answer or {"message": ended}, printed


def _serve(process: Popen[bytes], known: dict[str, Any], answer: dict[str, Any]) -> None:
    """Return the right values that a process asks for, until it answers."""
    assert process.stdin and process.stdout
    with suppress(Exception), process.stdin as to, process.stdout as come:  # anything may come
        while "asks" in (said := json.loads(come.readline(2**20))):
            name, *args = said["asks"]
            to.write(coded(known[name](*map(decoded, args))).encode())
            to.flush()
        answer.update({key: TAKEN[key](value) for key, value in said.items()})
# fmt: on


def _stop(process: Popen[bytes], folder: str) -> None:
    """End a process and what it has started."""
    with suppress(OSError):  # it has ended, and so have its children
        getattr(os, "killpg", os.kill)(process.pid, 9)
    process.wait()
    for _ in range(9):  # what is started meanwhile is found next time
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"HWLIB_RUN={folder}\0".encode() in environment.read_bytes():
                    os.kill(int(environment.parent.name), 9)


def run(file: str, sheet: str = "", seed: str = "", name: str = "", *wrong: str) -> None:
    """Write what a file defines, or what one function of it answers; for a process of its own."""
    come, to = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def ask(*call: Any) -> Any:
        print(coded({"asks": call}), end="", file=to, flush=True)
        return decoded(json.loads(come.readline()))

    result: dict[str, Any]
    try:
        found, lost, failed = load(file, name)
        names = [n for n, v in found.items() if getattr(v, "__module__", "") == "answers"]
        result = {"failed": [[place, *raised(e).values()] for place, e in failed.items()][:9]}
        result["defined"] = [*names, *({q.name for q in SHEETS["book"]} & {*found, *lost})]
        if name:
            os.ftruncate(1, 0)  # what the file itself prints was seen when it was loaded
            found |= {n: partial(ask, n) for n in wrong}
            question = next(q for q in SHEETS[sheet] if q.name == name)
            result = answer(question, found.get(name), int(seed))
            for n in lost.keys() - found.keys():
                if n == name or f"name {n!r} is not defined" in result.get("message", ""):
                    result = raised(lost[n])
    except (Exception, SystemExit) as error:
        result = raised(error)
    print(coded(result), end="", file=to, flush=True)
    os._exit(0)  # threads of the file may still run


def load(file: str, name: str) -> tuple[dict[str, Any], Errors, Errors]:
    """Run a file without the statements that fail, and return its names.

    And the errors: the first by each name that such a statement defines, and the first by its
    place. If a function is to be graded, there is no gradient of hwlib from before the first line
    of the file: a statement that calls one fails.
    """
    found = vars(sys.modules.setdefault("answers", ModuleType("answers")))
    found.update(__file__=file, display=print)
    lost, failed, flags = Errors(), Errors(), 0
    sys.path.append(os.path.dirname(file))
    _limit(name)
    for place, source in parts(file):
        nodes: list[Any] = [source]  # of a cell that is no Python
        with suppress(*[SyntaxError] * place.startswith(CELL)):
            tree: Any = compile(source, place, "exec", ast.PyCF_ONLY_AST, True)
            nodes = [ast.Module([node], []) for node in tree.body]
        for node in nodes:
            try:
                code = compile(node, place, "exec", flags, True)
                flags |= code.co_flags & annotations.compiler_flag
                exec(code, found)
            except (Exception, SystemExit) as error:
                failed.setdefault(f"line {node.body[0].lineno}" if place == file else place, error)
                lost = dict.fromkeys(_defined(node), error) | lost
    return found, lost, failed


def _defined(node: Any) -> list[str]:
    """Return the names that a statement defines, or a cell that is no Python."""
    if isinstance(node, bytes):
        return [*map(str.strip, re.findall(r"(?m)(?<=^def) +\w+|^\w+(?= *=[^=])", node.decode()))]
    return [getattr(n, key, None) or "" for n in ast.walk(node) for key in ("name", "asname", "id")
            if not isinstance(getattr(n, "ctx", None), ast.Load)]  # fmt: skip


def _limit(name: str) -> None:
    """Limit what this process can do, if it is to grade a function also to what is no gradient."""
    with suppress(ImportError, ValueError, OSError):  # not every system has limits
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (2**26, 2**26))  # bytes; what is printed, too
        resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    if name:
        close(name)
        sys.modules.pop("_posixsubprocess", None)
        vars(subprocess).pop("_fork_exec", None)
        for module in ("signal", "_signal"):
            vars(sys.modules[module]).pop("pidfd_send_signal", None)
    is_refused = re.compile("|".join(REFUSED[: 1 + bool(name)])).match
    sys.addaudithook(partial(refuse, is_refused, os.path.realpath))


def refuse(is_refused: Any, real: Any, event: str, args: Any) -> None:
    """Raise if Python is about to do what a file may not do."""
    text = event
    if event == "open":
        path = "".join([os.fsdecode(args[0])]) if isinstance(args[0], str | bytes) else str(args[0])
        text = f"{'write' if args[2] & 3 else 'read'} {real(path)}"
    elif event.startswith("os."):
        text = " ".join(map(str, [event, *args, ""]))
    elif event in ("import", "object.__setattr__"):
        code = getattr(args[0], "__code__", None)  # the first argument of an import is a name
        text = f"{event} {args[1]} {code.co_filename}" if code else f"{event} {args[0]}"
    if is_refused(text):
        raise PermissionError(f"{event} is refused: {RULE}")


def parts(file: str) -> Iterator[tuple[str, bytes]]:
    """Yield the place and the Python of a module, or of each code cell of a notebook."""
    if file.lower().endswith(".py"):
        yield file, Path(file).read_bytes()
        return
    try:
        cells = json.loads(Path(file).read_text(encoding="utf-8-sig"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"this is not a notebook that can be read ({error!r})") from None
    for number, source in enumerate(sources, start=1):
        place = Path(f"{CELL}{number}")  # a traceback shows lines of this file
        place.write_text(MAGIC.sub(r"\1pass", source), encoding="utf-8")
        yield str(place), place.read_bytes()
