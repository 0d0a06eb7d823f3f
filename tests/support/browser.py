"""A real Chromium for browser tests, with software WebGL so that the viewer draws without a graphics card."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Playwright, sync_playwright

from tests.support.postgresql import Missing

_FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


def find_program() -> str:
    """The path of Chromium; Missing when it is not installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise Missing("Chromium is not installed (apt-get install chromium)")


@contextmanager
def running_playwright() -> Iterator[Playwright]:
    """Playwright's driver; one for each test process."""
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def fresh_browser(playwright: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """A browser with an empty profile, pages of 1280x800 pixels, and patience: the viewer starts slowly."""
    context = playwright.chromium.launch_persistent_context(
        str(profile),
        executable_path=find_program(),
        headless=True,
        args=_FLAGS,
        viewport={"width": 1280, "height": 800},
    )
    context.set_default_timeout(150_000)
    try:
        yield context
    finally:
        context.close()
