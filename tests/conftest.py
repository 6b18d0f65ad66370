"""Settings shared by all tests, and the ways to spoil a good argument."""

from __future__ import annotations

import compileall
import multiprocessing
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

import hwlib

SITE = Path(__file__).parent.parent / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NO_BROWSER = (
    "no browser: the pages are not tried in one. Install Chromium or Chrome (on Debian: apt-get "
    f"install chromium), or name it in the variable CHROME; looked for {', '.join(BROWSERS)}"
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow the cases of a sampled test, but for each nth."""
    number: Counter[str] = Counter()
    for item in items:
        if sampled := item.get_closest_marker("sampled"):
            name = item.nodeid.partition("[")[0]
            if number[name] % sampled.args[0]:
                item.add_marker(pytest.mark.slow)
            number[name] += 1


settings.register_profile("book", deadline=None, derandomize=True, max_examples=40, database=None)
settings.load_profile("book")

BAD_VALUES: dict[str, Callable[[np.ndarray], object]] = {
    "strings": lambda a: a.astype(str),
    "bytes": lambda a: a.astype("S"),
    "text": lambda a: "0.5",
    "objects": lambda a: a.astype(object),
    "an object": lambda a: object(),
    "None": lambda a: None,
    "a dict": lambda a: {0: 1.0},
    "a generator": lambda a: (number for number in (1.0, 2.0)),
    "booleans": lambda a: a.astype(bool),
    "a boolean in a list": lambda a: _with_first_leaf(a.tolist(), True),
    "a NumPy boolean in a list": lambda a: _with_first_leaf(a.tolist(), np.True_),
    "None in a list": lambda a: _with_first_leaf(a.tolist(), None),
    "text in a list": lambda a: _with_first_leaf(a.tolist(), "1"),
    "complex numbers": lambda a: a + 0j,
    "a complex number in a list": lambda a: _with_first_leaf(a.tolist(), 1j),
    "NaN": lambda a: _with_first_leaf(a.tolist(), np.nan),
    "infinity": lambda a: _with_first_leaf(a.tolist(), np.inf),
    "minus infinity": lambda a: _with_first_leaf(a.tolist(), -np.inf),
    "an integer above every float": lambda a: _with_first_leaf(a.tolist(), 10**400),
    "a wider float above every float64": lambda a: np.full(a.shape, np.longdouble("1e400")),
    "a masked array": lambda a: np.ma.masked_array(a),
    "a masked value in a list": lambda a: _with_first_leaf(a.tolist(), np.ma.masked),
    "dates": lambda a: a.astype("datetime64[s]"),
    "time spans": lambda a: a.astype("timedelta64[s]"),
    "records": lambda a: a.astype([("value", float)]),
    "a ragged list": lambda a: [[1.0], [1.0, 1.0]],
    "nothing": lambda a: [],
    "no samples": lambda a: np.empty((0, *a.shape[1:])),
}


def _with_first_leaf(nested: object, leaf: object) -> object:
    if not isinstance(nested, list):
        return leaf
    return [_with_first_leaf(nested[0], leaf), *nested[1:]]


@pytest.fixture(params=BAD_VALUES.values(), ids=BAD_VALUES.keys())
def spoil(request: pytest.FixtureRequest) -> Callable[[np.ndarray], object]:
    """A function that makes an argument of good shape one that must be refused."""
    return request.param


@pytest.fixture(
    params=[lambda a: a[None], lambda a: a[..., None], lambda a: a[0] if a.ndim else a[None, None]],
    ids=["an axis before", "an axis behind", "an axis less"],
)
def reshape(request: pytest.FixtureRequest) -> Callable[[np.ndarray], np.ndarray]:
    """A function that gives a good argument another number of axes."""
    return request.param


@pytest.fixture(scope="module")
def strict_floats() -> Iterator[None]:
    """Every overflow, underflow, invalid operation or division by 0 in a module's tests raises."""
    with np.errstate(all="raise"):
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that is the same for every test."""
    return np.random.default_rng(20191030)


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    assert (SITE / "index.html").exists(), f"no site in {SITE}: run `make book` first"
    return SITE


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium or Chrome; in continuous integration it may not be missing."""
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(NO_BROWSER)
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chrome
        # A child that was forked since holds the pipes of the driver, which would never end.
        left = multiprocessing.active_children()
        for child in left:
            child.kill()
        chrome.close()
    assert not left, f"a test has left processes behind: {left}"


def pytest_configure(config: pytest.Config) -> None:
    """Compile hwlib once: hundreds of processes import it, and none of them may write there."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(hwlib.__file__).parent, quiet=1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests of the prose count."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for name, line in report.user_properties if report.when == "call" else ():
            if name == "prose":
                terminalreporter.write_line(f"prose: {line}")
