"""The portal in a real browser: the keyboard alone, no script, no breach of WCAG that axe can find, narrow and wide."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.integration.imaging.region import WebServer
from tests.support.portal_record import PASSWORD, PortalRecord

ASSETS = Path(os.environ.get("IMAGING_RECORD_ASSETS_DIR", ".assets"))
AXE = Path("node_modules/axe-core/axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (1280, 320)  # WCAG 1.4.10: content reflows at 320 CSS pixels

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (ASSETS / "nhsuk").is_dir(), reason="the design system's assets are not installed"),
    pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed"),
]


@pytest.fixture(scope="module")
def record(sqlite_store_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalRecord]:
    settings = {"assets_dir": ASSETS.absolute()}
    made = PortalRecord(tmp_path_factory.mktemp("portal"), sqlite_store_url, settings).tell_history()
    made.send(made.region.messages(made.region.trusts[0])[0].payload.replace(b"|RX1|", b"|RXX|", 1))
    made.file()
    made.add_archive("RX1")
    made.add_archive("RNQ", down=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def address(record: PortalRecord) -> Iterator[str]:
    with WebServer(record.app) as server:
        yield server.url


def sign_in(page: Page, address: str, role: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#name", role)
    page.fill("#password", PASSWORD)
    with page.expect_navigation():
        page.click("main form button[type=submit], main form button:has-text('Sign in')")


def find(page: Page, address: str, number: str) -> None:
    page.goto(address)
    page.fill("#nhs_number", number)
    with page.expect_navigation():
        page.press("#nhs_number", "Enter")


def breaches(page: Page) -> list[Any]:
    """What axe finds, and whether the page is wider than its window."""
    found: list[Any] = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate(AXE.read_text(encoding="utf-8"))
        result = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        found += [(width, v["id"], [n["html"] for n in v["nodes"]]) for v in result["violations"]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((width, "wider than the window", []))
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    return found


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element that matches has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


def press_enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_from_sign_in_to_the_images_with_the_keyboard_alone(
    record: PortalRecord, address: str, browser: BrowserContext
) -> None:
    page = browser.new_page()
    page.goto(address)
    tab_to(page, "#name")
    page.keyboard.type("clinician")
    tab_to(page, "#password")
    page.keyboard.type(PASSWORD)
    press_enter(page)
    tab_to(page, "#nhs_number")
    page.keyboard.type(record.cases["three-trusts"]["nhs_number"])
    press_enter(page)
    tab_to(page, "a.nhsuk-button[href^='/viewer/launch/']")
    press_enter(page)
    assert "/viewer/launch/" in page.url
    assert "BEGUM-WRAY, Desmond (Mr)" in page.inner_text("header")


def test_the_skip_link_leads_to_the_content(address: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto(f"{address}/sign-in")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "maincontent"


def test_a_mistake_takes_the_focus_to_its_summary(address: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.goto(f"{address}/sign-in")
    with page.expect_navigation():
        page.click("main form button:has-text('Sign in')")
    page.wait_for_function("document.activeElement.classList.contains('nhsuk-error-summary')")


def test_every_page_works_without_scripts(record: PortalRecord, address: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    page.route("**/*.js*", lambda route: route.abort())
    sign_in(page, address, "clinician")
    find(page, address, record.cases["corrected"]["nhs_number"])
    with page.expect_navigation():
        page.click("text=Read report")
    assert "What changed since version 1" in page.inner_text("main")


def test_axe_finds_nothing_for_a_clinician(record: PortalRecord, address: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    page.goto(address)
    assert breaches(page) == []
    sign_in(page, address, "clinician")
    assert breaches(page) == []
    for number in ("999 010 0005", "999 000 0018"):  # a wrong check digit; nobody's
        find(page, address, number)
        assert breaches(page) == []
    for case in ("three-trusts", "pacs-down", "order-only", "corrected"):
        find(page, address, record.cases[case]["nhs_number"])
        assert breaches(page) == []
    with page.expect_navigation():
        page.click("text=Read report")
    assert breaches(page) == []
    page.goto(f"{address}/nothing-here")
    assert breaches(page) == []
    assert problems == []


def test_axe_finds_nothing_for_a_ris_manager(address: str, browser: BrowserContext) -> None:
    page = browser.new_page()
    sign_in(page, address, "ris-manager")
    for path in ("/feeds", "/feeds?refresh", "/feeds/quarantine"):
        page.goto(f"{address}{path}")
        assert breaches(page) == []
