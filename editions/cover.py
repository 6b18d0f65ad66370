"""Draw the cover of the EPUB once: python -m editions.cover (it is stored beside this file)."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from editions import book
from editions.pdf import STATIC, browser

HTML = f"""<body style="margin: 0; padding: 90px 70px; font: 26px DejaVu Sans; color: #1a1a1a">
<div style="font-size: 92px; font-weight: bold; line-height: 1.15">{book.TITLE}</div>
<div style="margin: 24px 0 70px; font-size: 34px; line-height: 1.4">{book.SUBTITLE}</div>
<img src="{(STATIC / "overview.svg").as_uri()}" style="display: block; width: 100%">
</body>"""

if __name__ == "__main__":
    page = book.BUILD / "cover.html"
    page.write_text(HTML, "utf-8")
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        tab = chrome.new_page(viewport={"width": 1050, "height": 1400}, color_scheme="light")
        tab.goto(page.as_uri())
        tab.screenshot(path=Path(__file__).with_name("cover.png"))
        chrome.close()
