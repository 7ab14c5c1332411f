"""The browser that looks at the pages (tests/browser) and prints them (pdf.py): where it is, how it is started."""

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def missing() -> str | None:
    """Why no browser can be started, in one line; None where one can."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return "the Python package playwright is not installed"
    if _on_the_path():
        return None
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return None if own.exists() else f"there is no Chromium: none of {', '.join(NAMES)}, and no {own}"


def _on_the_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def running() -> Iterator:
    """A Playwright browser: the system's Chromium, or else the one that `playwright install chromium` brought."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_on_the_path(), args=["--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_) -> None:
        """Nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address under which a folder is served, on this machine only: a search reads pages, which file:// forbids."""
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)  # seconds that its end may take
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
