"""A signed-in clinician opens a CT that a real PACS holds, in OHIF, in a real browser; the pixels show."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext

from fhir_server.access.secrets import password_digest
from fhir_server.access.sessions import COOKIE
from fhir_server.app import create_app
from fhir_server.imaging.harvest import Harvester
from fhir_server.imaging.probe import probe_once
from fhir_server.imaging.registry import NewArchive, add_endpoint
from fhir_server.settings import Settings
from fhir_server.storage.accounts import UserRecord
from fhir_server.wiring import Services, archive_issuers, make_services, prepare
from tests.integration.imaging import orthanc
from tests.integration.imaging.phantom import Phantom
from tests.integration.imaging.region import WebServer

ASSETS = Path(os.environ.get("IMAGING_RECORD_ASSETS_DIR", ".assets"))
STUDY = "1.2.826.0.1.3680043.8.498.5001"
pytestmark = [
    pytest.mark.skipif(not (ASSETS / "ohif" / "index.html").is_file(), reason="the viewer's assets are not installed"),
    pytest.mark.skipif(not orthanc.is_installed(), reason="Orthanc is not installed"),
]


@pytest.fixture
def pacs() -> Iterator[orthanc.Orthanc]:
    server = orthanc.Orthanc("TRUSTA")
    for content in Phantom(label="BURTON RX1", study_uid=STUDY, slices=9, size=256).files():
        server.upload(content)
    yield server
    server.remove()


@pytest.fixture
def services(tmp_path: Path, pacs: orthanc.Orthanc) -> Services:
    """A region whose one PACS is harvested by the record's own recorder."""
    settings = Settings(data_dir=tmp_path / "var", assets_dir=ASSETS.absolute())
    prepare(settings)
    made = make_services(settings, "web")
    issuers = archive_issuers("RX1")
    archive = NewArchive("PACS A", "RX1", "Burton Trust", "dicom-wado-rs", pacs.dicomweb_url, "", *issuers)
    record = add_endpoint(made.record.storage, archive, "http://record.test/dicomweb")
    imaging = made.imaging
    found = imaging.directory.get(record.endpoint_id)
    assert found is not None
    count = Harvester(imaging.locations, imaging.recorder).harvest_once(found, date(2026, 11, 21))
    assert (count.recorded, count.problem) == (1, "")
    probe_once(found, imaging.locations)
    digest = password_digest("correct horse battery")
    user = UserRecord(secrets.token_hex(8), "ada", "Dr Ada", "clinician", "RX1", digest)
    made.accounts.add_user(user)
    return made


@pytest.fixture
def page(services: Services, browser: BrowserContext) -> Iterator[Any]:
    """A browser page with a clinician's session; `page.requests` lists every address it asked for."""
    with WebServer(create_app(services.settings, services)) as server:
        cookie = services.sessions.sign_in("ada", "correct horse battery")
        browser.add_cookies([{"name": COOKIE, "value": cookie, "url": server.url}])
        opened: Any = browser.new_page()
        opened.origin, opened.requests = server.url, []
        opened.on("request", lambda r: opened.requests.append(r.url))
        yield opened


def study_id(services: Services) -> str:
    from fhir_server.access.caller import make_service_caller
    from fhir_server.access.predicate import make_access_rule

    rule = make_access_rule(make_service_caller("test"), "r")
    row = services.imaging.doors().studies.find_study(STUDY, rule)
    assert row is not None
    return row.resource_id


def brightness(picture: bytes) -> float:
    with Image.open(io.BytesIO(picture)) as image:
        return float(np.asarray(image.convert("L")).std())


def test_a_ct_opens_under_the_banner_and_its_pixels_show(page: Any, services: Services, tmp_path: Path) -> None:
    page.goto(f"{page.origin}/viewer/launch/{study_id(services)}")
    assert "EXEMPLAR, Ada (Ms)" in page.inner_text("header")
    assert "999 000 0026" in page.inner_text("header")
    assert "Images open now, from RX1" in page.inner_text("[role=status]")
    frame = page.frame_locator("iframe")
    canvas = frame.locator(".cornerstone-canvas").first
    canvas.wait_for(timeout=150_000)
    picture = b""
    for _ in range(100):
        picture = canvas.screenshot()
        if brightness(picture) > 20:
            break
        page.wait_for_timeout(1000)
    shot = Path(os.environ.get("SCREENSHOT_DIR", tmp_path)) / "viewer.png"
    page.screenshot(path=shot)
    assert brightness(picture) > 20, f"the viewport stayed empty: see {shot}"
    outside = [url for url in page.requests if not url.startswith((page.origin, "blob:", "data:"))]
    assert outside == [], "no outside host may be asked"


def test_a_stopped_pacs_is_named_instead_of_an_empty_viewer(page: Any, services: Services, pacs: Any) -> None:
    pacs.stop()
    for archive in services.imaging.directory.all():
        if archive.endpoint.kind != "image-store":
            probe_once(archive, services.imaging.locations)
    page.goto(f"{page.origin}/viewer/launch/{study_id(services)}")
    assert "These images do not open at the moment" in page.inner_text("main")
    assert "PACS A cannot be reached since" in page.inner_text("[role=status]")


def test_the_viewer_asks_for_a_session(page: Any) -> None:
    page.context.clear_cookies()
    asked = page.request.get(f"{page.origin}/viewer/index.html", max_redirects=0)
    assert asked.status in (302, 303) and "/sign-in" in asked.headers["location"]
    assert page.request.get(f"{page.origin}/dicomweb/studies?StudyInstanceUID={STUDY}").status == 401
