"""The site beside the stock theme on the same book, in one run: `make bench-site`.

Usage: python benchmarks/site.py SITE [MATHJAX]

Builds the book with Jupyter Book's own theme and settings, serves both sites on this machine, and
opens the same pages of each in turn. MATHJAX is the folder `es5` of the npm package mathjax 3,
which the stock site else loads from another host; without it, its formulas are never drawn.
Exits with 1 if a page is heavier than 250 kB or its first paint comes later than half of the
stock theme's, on a plain connection and on a slow one.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import yaml
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
PAGES = ("notation", "hinge_3_algorithm", "network_1_output_error", "network_3_hidden_weight")
ROUNDS = 11
HEAVIEST, LATEST = 250.0, 0.5
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 2e5, "uploadThroughput": 1e5}
"""150 ms to the server and 1.6 Mbit a second: a phone with a poor connection."""

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
READABLE = """new Promise(done => { (function look() {
  const left = document.querySelector('.first-screen') || document.querySelectorAll(
    '.math:not(:has(mjx-container, math)):is(span, div)').length;
  left ? requestAnimationFrame(look) : requestAnimationFrame(() => done(performance.now()));
})() })"""


class Compressed(http.server.SimpleHTTPRequestHandler):
    """A server that compresses text, as hosts of static sites do, and counts what it sends."""

    protocol_version = "HTTP/1.1"
    sent = 0

    def log_message(self, *args: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Send a file, compressed if it is text."""
        path = Path(self.translate_path(self.path))
        data = path.read_bytes() if path.is_file() else b""
        small = data if path.suffix in (".woff2", ".png") else compress(data)
        Compressed.sent += len(small)
        self.send_response(200 if path.is_file() else 404)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(small)))
        if small is not data:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(small)


compress = functools.cache(functools.partial(gzip.compress, compresslevel=9))


def build_stock(folder: Path, mathjax: Path | None) -> Path:
    """Build the book with the stock theme and its own settings; return the site's folder."""
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    shutil.copy(ROOT / "_toc.yml", folder)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    ours = config.pop("sphinx")["config"]
    kept = {name: ours[name] for name in ours if name.startswith(("auto", "bibtex", "numfig"))}
    kept |= {"default_role": "autolink", "html_theme_options": {}}
    if mathjax:
        shutil.copytree(mathjax, folder / "static" / "mathjax")
        kept |= {"html_static_path": ["static"], "mathjax_path": "mathjax/tex-mml-chtml.js"}
    extensions = ["sphinx_exercise", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
    stock = {key: config[key] for key in config if key != "html"}
    stock["sphinx"] = {"extra_extensions": extensions, "config": kept}
    (folder / "_config.yml").write_text(yaml.safe_dump(stock), encoding="utf-8")
    program = Path(sys.executable).with_name("jupyter-book")
    subprocess.run([program, "build", "--quiet", "."], cwd=folder, check=True, capture_output=True)
    return folder / "_build" / "html"


def serve(folder: Path) -> str:
    """Serve a folder in the background and return its address."""
    handler = functools.partial(Compressed, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *args: None  # a window was closed before all of it was sent
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def measure(browser: Browser, address: str, *, slow: bool, formulas: bool) -> tuple[float, ...]:
    """Return kilobytes, first paint and last formula (both in ms) of one visit."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    if slow:
        context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    before = Compressed.sent
    page.goto(address, wait_until="load", timeout=120_000)
    page.wait_for_function(PAINTED)
    readable = page.evaluate(READABLE) if formulas else float("nan")
    painted = page.evaluate(PAINTED)
    page.wait_for_load_state("networkidle")
    context.close()
    return (Compressed.sent - before) / 1000, painted, readable


def main() -> None:
    """Build, measure, print, and exit with 1 if a bound does not hold."""
    site, *rest = map(Path, sys.argv[1:])
    mathjax = rest[0] if rest else None
    print("page, connection: kB, first paint, last formula; ours / stock (medians)")
    failed = False
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        stock = serve(build_stock(Path(name), mathjax))
        ours = serve(site)
        chrome = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("chrome")
        browser = playwright.chromium.launch(executable_path=chrome, args=["--no-sandbox"])
        for slow in (False, True):
            for page in PAGES:
                visits: dict[str, list[tuple[float, ...]]] = {ours: [], stock: []}
                for _ in range(3 if slow else ROUNDS):
                    for address, found in visits.items():
                        drawn = address == ours or mathjax is not None
                        url = f"{address}/chapters/{page}.html"
                        found.append(measure(browser, url, slow=slow, formulas=drawn))
                mine, theirs = (
                    [statistics.median(column) for column in zip(*found, strict=True)]
                    for found in visits.values()
                )
                ratio = mine[1] / theirs[1]
                failed |= mine[0] > HEAVIEST or ratio > LATEST
                speed = "slow" if slow else "plain"
                print(
                    f"{page:<24} {speed}: {mine[0]:.0f} / {theirs[0]:.0f} kB, "
                    f"{mine[1]:.0f} / {theirs[1]:.0f} ms ({ratio:.2f}), "
                    f"{mine[2]:.0f} / {theirs[2]:.0f} ms",
                    flush=True,
                )
    sys.exit(failed)


if __name__ == "__main__":
    main()
