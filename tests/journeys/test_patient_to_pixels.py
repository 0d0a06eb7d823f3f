"""A clinician signs in, finds a patient, opens a study's pixels; the audit trail says who saw what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from adapters.emulated_trust.dataset import make_instance
from adapters.emulated_trust.study import StudyPlan
from tests.journeys import region
from tests.journeys.served import ServedRecord, eventually
from tests.journeys.telling import Telling

pytestmark = pytest.mark.timeout(600)
NAME, PASSWORD = "a.fielding", "correct horse battery"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Telling]:
    who = ("--role", "clinician", "--trust", "RX1", "--display-name", "Dr Alex Fielding (synthetic)")
    with Telling(tmp_path_factory.mktemp("region") / "told", database_url) as telling:
        telling.start()
        telling.record.command("user", "add", NAME, *who, "--password-stdin", said=f"{PASSWORD}\n")
        telling.tell_about(case_of(telling)["nhs_number"])
        region.wait_until_filed(telling.record)
        yield telling


def case_of(told: Telling) -> dict[str, str]:
    """The patient with studies in three trusts; the case shows the one at RX1."""
    return next(case for case in told.running.manifest if case["case"] == "three-trusts")


def plan_of(told: Telling) -> StudyPlan:
    uid, trust = case_of(told)["study_instance_uid"], told.running.systems["RX1"].trust
    return next(plan for plan in told.running.region.studies(trust) if plan.study_instance_uid == uid)


@dataclass
class Browser:
    """What a browser keeps: cookies, and the token in the page before."""

    record: ServedRecord
    session: requests.Session

    def get(self, path: str, **more: object) -> requests.Response:
        return self.session.get(f"{self.record.url}{path}", timeout=30, **more)  # type: ignore[arg-type]

    def post(self, path: str, **form: str) -> requests.Response:
        return self.session.post(f"{self.record.url}{path}", data=form, timeout=30)

    def sign_in(self) -> Browser:
        page = self.post("/sign-in", name=NAME, password=PASSWORD, next="/")
        assert page.status_code == 200
        assert "/sign-in" not in page.url
        return self

    def find(self, nhs_number: str) -> requests.Response:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/").text)
        assert token is not None
        return self.post("/patients", csrf_token=token[1], nhs_number=nhs_number)


@pytest.fixture(scope="module")
def browser(told: Telling) -> Browser:
    return Browser(told.record, requests.Session()).sign_in()


@pytest.fixture(scope="module")
def page(told: Telling, browser: Browser) -> requests.Response:
    """The patient's page, once the archive of RX1 has been harvested."""
    number = case_of(told)["nhs_number"]
    return eventually(
        lambda: found if "/viewer/launch/" in (found := browser.find(number)).text else None, "images can be opened"
    )


def test_nobody_sees_anything_before_signing_in(told: Telling, page: requests.Response):
    stranger = Browser(told.record, requests.Session())
    uid = case_of(told)["study_instance_uid"]
    assert "/sign-in" in stranger.get(page.url.removeprefix(told.record.url)).url
    assert stranger.get(f"/dicomweb/studies/{uid}/metadata").status_code == 401
    assert stranger.get("/fhir/Patient").status_code == 401


def test_one_page_shows_the_patient_across_trusts(told: Telling, page: requests.Response):
    assert re.search(r"/patients/[A-Za-z0-9.-]+$", page.url), "no patient data in the address"
    for trust in ("Nottingham University Hospitals", "Derby", "Sherwood"):
        assert trust in page.text


def test_pixels_that_arrive_are_those_of_the_archive(told: Telling, browser: Browser, page: requests.Response):
    plan = plan_of(told)
    launches = dict.fromkeys(re.findall(r'href="(/viewer/launch/[^"]+)"', page.text))
    assert any(plan.study_instance_uid in browser.get(launch).text for launch in launches)
    for instance in (plan.instances[0], plan.instances[-1]):
        series = f"/dicomweb/studies/{plan.study_instance_uid}/series/{instance.series_instance_uid}"
        accept = {"Accept": 'multipart/related; type="application/octet-stream"'}
        frame = browser.get(f"{series}/instances/{instance.sop_instance_uid}/frames/1", headers=accept)
        assert frame.status_code == 200, frame.text[:300]
        assert make_instance(plan, instance).PixelData in frame.content


def test_audit_trail_names_the_person_and_the_patient(told: Telling, browser: Browser, page: requests.Response):
    patient_id = page.url.rpartition("/")[2]
    events = list(told.client.search(f"AuditEvent?patient=Patient/{patient_id}&_count=200"))
    names = {agent.get("name") for event in events for agent in event["agent"] if agent.get("requestor")}
    assert "Dr Alex Fielding (synthetic)" in names
    of_person = [e for e in events if any("Fielding" in str(agent.get("name")) for agent in e["agent"])]
    shown = {e.get("what", {}).get("reference", "") for event in of_person for e in event.get("entity", ())}
    assert any(f"Patient/{patient_id}" in reference for reference in shown)
    assert any("ImagingStudy/" in reference for reference in shown), "opening the images is accounted for"
