"""The portal's pages over both databases: who may open what, what they say, and that no address names a patient."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fhir_server.audit.disclosure import Disclosure
from fhir_server.errors import Unavailable
from tests.support.portal_record import PASSWORD, PortalRecord, Statements

_TAGS = re.compile(r"<[^>]+>")


def words(answer: TestResponse) -> str:
    """The page's text as one line."""
    return " ".join(unescape(_TAGS.sub(" ", answer.text)).split())


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/", follow_redirects=True).text)
    assert found
    return found[1]


def find(client: FlaskClient, **typed: str) -> TestResponse:
    return client.post("/patients", data={"csrf_token": token(client), **typed})


def open_case(record: PortalRecord, client: FlaskClient, case: str) -> TestResponse:
    found = find(client, nhs_number=record.cases[case]["nhs_number"])
    assert found.status_code == 303, words(found)
    return client.get(found.location)


def first_link(answer: TestResponse, prefix: str) -> str:
    found = re.search(rf'href="({prefix}[^"]+)"', answer.text)
    assert found, words(answer)
    return found[1]


def test_a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page_he_asked_for(record: PortalRecord) -> None:
    client = record.client()
    asked = client.get("/patients/abc?year=2026")
    assert (asked.status_code, asked.location) == (303, "/sign-in?next=/patients/abc%3Fyear%3D2026")
    answer = client.post("/sign-in", data={"name": "clinician", "password": PASSWORD, "next": "/feeds?x=1"})
    assert (answer.status_code, answer.location) == (303, "/feeds?x=1")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"])
def test_signing_in_leads_nobody_to_another_site(record: PortalRecord, elsewhere: str) -> None:
    answer = record.client().post("/sign-in", data={"name": "clinician", "password": PASSWORD, "next": elsewhere})
    assert answer.location == "/"


def test_a_wrong_password_says_so_without_saying_which_is_wrong(record: PortalRecord) -> None:
    answers = [
        record.client().post("/sign-in", data={"name": name, "password": "wrong wrong wrong"})
        for name in ("administrator", "nobody")
    ]
    assert [a.status_code for a in answers] == [401, 401]
    assert all("There is a problem" in words(a) and "do not match" in words(a) for a in answers)


def test_too_many_wrong_passwords_lock_the_account_for_a_while(record: PortalRecord) -> None:
    client = record.client()
    for _ in range(3):
        client.post("/sign-in", data={"name": "radiologist", "password": "wrong wrong wrong"})
    locked = client.post("/sign-in", data={"name": "radiologist", "password": PASSWORD})
    assert locked.status_code == 429
    assert locked.headers["Retry-After"] == "300"
    assert "Too many wrong passwords" in words(locked)


def test_another_site_cannot_sign_somebody_in(record: PortalRecord) -> None:
    data = {"name": "clinician", "password": PASSWORD}
    answer = record.client().post("/sign-in", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_signing_out_ends_the_session_on_the_server(record: PortalRecord) -> None:
    client = record.client("clinician")
    cookie = client.get_cookie("imaging_record_session")
    assert cookie is not None
    assert cookie.http_only and cookie.same_site == "Lax"
    assert client.post("/sign-out", data={"csrf_token": token(client)}).location == "/sign-in?signed-out"
    client.set_cookie("imaging_record_session", cookie.value)
    assert client.get("/").location == "/sign-in?next=/"


def test_a_form_without_the_sessions_token_is_refused(record: PortalRecord) -> None:
    answer = record.client("clinician").post("/patients", data={"nhs_number": "9990100004"})
    assert answer.status_code == 403
    assert "form has expired" in words(answer)


def test_an_nhs_number_with_spaces_opens_the_patient_and_stays_out_of_the_address(record: PortalRecord) -> None:
    number = record.cases["three-trusts"]["nhs_number"]
    answer = find(record.client("clinician"), nhs_number=f" {number[:3]} {number[3:6]} {number[6:]} ")
    assert answer.status_code == 303
    assert re.fullmatch(r"/patients/[a-z0-9]+", answer.location)
    assert number not in answer.location


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"nhs_number": "999 010 0005"}, "check digit"),
        ({"nhs_number": "99901"}, "10 digits; you entered 5"),
        ({"nhs_number": "RX1 0001"}, "only have numbers"),
        ({}, "Enter an NHS number, or a family name and date of birth"),
        ({"family": "Begum"}, "Enter the date of birth"),
        ({"day": "1", "month": "2", "year": "1980"}, "Enter the family name"),
        ({"family": "Begum", "day": "31", "month": "2", "year": "1980"}, "real date"),
        ({"family": "Begum", "day": "1", "year": "1980"}, "must include a month"),
        ({"family": "Begum", "day": "1", "month": "1", "year": "2999"}, "in the past"),
    ],
)
def test_what_cannot_be_searched_is_explained_beside_its_field(
    record: PortalRecord, typed: dict[str, str], said: str
) -> None:
    answer = find(record.client("clinician"), **typed)
    assert answer.status_code == 400
    assert "There is a problem" in words(answer)
    assert said in words(answer)


def test_a_name_and_a_date_of_birth_find_the_patient(record: PortalRecord) -> None:
    case = record.cases["three-trusts"]
    year, month, day = case["birth_date"].split("-")
    family = case["patient"].partition(",")[0]
    client = record.client("clinician")
    assert find(client, family=family.lower()[:5], day=day, month=month, year=year).status_code == 303
    nobody = find(client, family="A,b|c$\\", day=day, month=month, year=year)
    assert nobody.status_code == 200
    assert "No patient found" in words(nobody)


def test_nobody_found_says_what_to_do_next(record: PortalRecord) -> None:
    answer = find(record.client("clinician"), nhs_number="9990000018")
    assert "No patient found" in words(answer)
    assert "Search by family name and date of birth" in words(answer)


def test_several_records_of_one_number_are_listed_and_name_each_other(record: PortalRecord) -> None:
    case = next((c for c in record.cases.values() if "one NHS number at two trusts" in c["what"]), None)
    if case is None:
        pytest.skip("the emulated region has no such case")
    client = record.client("clinician")
    listed = find(client, nhs_number=case["nhs_number"])
    assert "2 patients found" in words(listed)
    opened = client.get(first_link(listed, "/patients/"))
    assert "Another record carries this NHS number" in words(opened)


def test_one_page_shows_the_exams_of_every_trust_newest_first(record: PortalRecord) -> None:
    page = open_case(record, record.client("clinician"), "three-trusts")
    text = words(page)
    for said in ("Nottingham University Hospitals", "University Hospitals of Derby and Burton", "Sherwood Forest"):
        assert said in text
    assert text.index("MRI Head") < text.index("CT Head") < text.index("XR Chest") < text.index("US Abdomen")
    assert text.count("Final report") >= 4
    assert "Exams by year and kind of imaging" in text
    assert "999 010 0004" in text and "Verified" in text


def test_images_open_from_a_living_archive_and_a_dead_one_is_named(record: PortalRecord) -> None:
    record.probe()
    client = record.client("clinician")
    page = open_case(record, client, "three-trusts")
    assert "Images open now, from Nottingham University Hospitals" in words(page)
    launch = client.get(first_link(page, "/viewer/launch/"))
    assert launch.status_code == 200 and launch.headers["Cache-Control"] == "no-store"
    assert "This list may be incomplete" in words(page)
    assert "Kettering General Hospital: the image archive cannot be reached since" in words(page)
    assert "Open images" not in words(open_case(record, client, "pacs-down"))


def test_orders_without_images_and_merged_records_have_their_place(record: PortalRecord) -> None:
    client = record.client("clinician")
    ordered = words(open_case(record, client, "order-only"))
    assert "Planned" in ordered and "Ordered" in ordered and "No images yet" in ordered
    merged = words(open_case(record, client, "merge"))
    assert "K0099001 (old number)" in merged
    assert "US Abdomen" in merged and "XR Chest" in merged


def test_a_record_that_was_merged_away_leads_to_the_survivor(record: PortalRecord) -> None:
    client = record.client("clinician")
    survivor = find(client, nhs_number=record.cases["merge"]["nhs_number"]).location.removeprefix("/patients/")
    link = {"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}
    loser = record.create({"resourceType": "Patient", "active": False, "link": [link]})
    answer = client.get(f"/patients/{loser}", follow_redirects=True)
    assert answer.request.path == f"/patients/{survivor}"
    assert "has been merged into this one" in words(answer)


def test_a_doubtful_identity_and_a_death_are_marked(record: PortalRecord) -> None:
    person = {
        "resourceType": "Patient",
        "name": [{"family": "Doubtful", "given": ["Dora"]}],
        "birthDate": "1941-05-06",
        "deceasedDateTime": "2026-01-02",
        "extension": [{"url": "urn:x-imaging-record:identity-conflict", "valueCode": "birth-date"}],
    }
    addresses = [f"/patients/{record.create(person)}" for _ in range(2)]
    client = record.client("clinician")
    page = words(client.get(addresses[0]))
    assert "Identity in doubt" in page and "different dates of birth" in page
    assert "Died : 2 January 2026" in page.replace("Died 2", "Died : 2")
    assert "No trust has sent an order, images or a report" in page
    listed = words(find(client, family="doubtful", day="6", month="5", year="1941"))
    assert "2 patients found" in listed and listed.count("Identity in doubt") == 2


def test_filters_narrow_the_timeline_without_patient_data_in_the_address(record: PortalRecord) -> None:
    client = record.client("clinician")
    address = find(client, nhs_number=record.cases["three-trusts"]["nhs_number"]).location
    text = words(client.get(f"{address}?modality=CT&trust=RX1&year="))
    assert "1 exam of 4" in text
    assert "0 exams of 4" in words(client.get(f"{address}?year=1999"))
    assert "4 exams" in words(client.get(f"{address}?page=99"))


def test_the_timeline_costs_a_bounded_number_of_statements(record: PortalRecord) -> None:
    client = record.client("clinician")
    few = find(client, nhs_number=record.cases["order-only"]["nhs_number"]).location
    many = find(client, nhs_number=record.cases["three-trusts"]["nhs_number"]).location
    counts = []
    for address in (few, many, few, many):
        with Statements(record) as statements:
            assert client.get(address).status_code == 200
        counts.append(statements.count)
    assert counts[3] - counts[2] <= 4  # availability and sites are asked for only where there are studies
    assert counts[3] < 20


def test_a_corrected_report_shows_what_changed_and_older_versions_say_that_they_are_old(record: PortalRecord) -> None:
    client = record.client("clinician")
    address = first_link(open_case(record, client, "corrected"), "/reports/")
    report = client.get(address)
    text = words(report)
    assert "Corrected report" in text and "What changed since version 1" in text
    assert re.search(r"removed: </span>left<.*?added: </span>right<", report.text, re.DOTALL)
    old = words(client.get(f"{address}?version=1"))
    assert "An older version" in old and "Read the current report" in old
    assert client.get(f"{address}?version=7").status_code == 404


def test_an_addendum_is_read_with_its_history(record: PortalRecord) -> None:
    client = record.client("clinician")
    text = words(client.get(first_link(open_case(record, client, "addendum"), "/reports/")))
    assert "ADDENDUM" in text and "Amended report" in text
    assert "Version 3" in text and "Version 1" in text


def test_only_those_who_look_after_feeds_see_which_message_a_version_came_from(record: PortalRecord) -> None:
    manager, clinician = record.client("ris-manager"), record.client("clinician")
    address = first_link(open_case(record, manager, "corrected"), "/reports/")
    assert "From message ORU^R01, control id" in words(manager.get(address))
    assert "control id" not in words(clinician.get(address))


def test_an_attached_document_is_served_so_that_it_can_do_no_harm(record: PortalRecord) -> None:
    client = record.client("clinician")
    report = first_link(open_case(record, client, "pdf-report"), "/reports/")
    document = client.get(first_link(client.get(report), f"{report}/attachments/"))
    assert document.data.startswith(b"%PDF")
    assert document.content_type == "application/pdf"
    assert document.headers["X-Content-Type-Options"] == "nosniff"
    assert document.headers["Content-Disposition"].startswith("inline; filename=")
    assert "default-src 'none'" in document.headers["Content-Security-Policy"]
    assert client.get(f"{report}/attachments/9").status_code == 404


def test_every_page_forbids_inline_code_and_framing(record: PortalRecord) -> None:
    client = record.client("ris-manager")
    pages = [client.get(p) for p in ("/", "/feeds", "/feeds/quarantine", "/nothing", "/sign-in")]
    pages.append(open_case(record, client, "three-trusts"))
    for page in [p for p in pages if p.status_code != 303]:
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.text)
        assert page.headers["Cache-Control"] == "no-store"


def test_only_information_governance_reads_who_looked_at_what(record: PortalRecord) -> None:
    trail = "/fhir/AuditEvent?_count=1"
    clinician, governance = record.client("clinician"), record.client("information-governance")
    assert clinician.get("/").status_code == 200
    assert clinician.get(trail).status_code == 403
    listed = governance.get(trail)
    assert listed.status_code == 200
    event = listed.get_json(force=True)["entry"][0]["resource"]["id"]
    assert clinician.get(f"/fhir/AuditEvent/{event}").status_code == 403
    assert governance.get(f"/fhir/AuditEvent/{event}").status_code == 200


def test_roles_open_only_their_own_pages(record: PortalRecord) -> None:
    administrator, clinician = record.client("administrator"), record.client("clinician")
    assert administrator.get("/").location == "/feeds"
    assert administrator.get("/feeds").status_code == 200
    assert administrator.get("/patients/abc").status_code == 403
    assert clinician.get("/feeds").status_code == 403
    assert "Feeds and archives" not in words(clinician.get("/"))


def test_feeds_and_archives_are_shown_with_what_to_do(record: PortalRecord) -> None:
    record.probe()
    text = words(record.client("ris-manager").get("/feeds"))
    assert "Receiving" in text and "RX1 RIS" in text
    assert "Cannot be reached : Kettering General Hospital, RNQ PACS" in text
    assert "Check that the archive and the network link to it are up." in text
    assert record.client("ris-manager").get("/feeds?refresh").headers["Refresh"] == "15"


def test_a_quarantined_message_is_listed_without_patient_data_and_can_be_replayed(record: PortalRecord) -> None:
    from fhir_server.ingest.registry import add_feed

    stranger = record.region.messages(record.region.trusts[0])[0].payload
    record.send(stranger.replace(b"|RX1|", b"|RXX|", 1))
    record.file()
    client = record.client("ris-manager")
    listed = client.get("/feeds/quarantine")
    assert "unknown-sender" in words(listed)
    assert "Begum" not in words(listed)
    assert "Senders that are not registered" in words(client.get("/feeds"))
    message_id = re.search(r'name="message_id" value="([^"]+)"', listed.text)
    assert message_id
    data = {"message_id": message_id[1]}
    assert record.client("administrator").post("/feeds/quarantine/replay", data=data).status_code == 403
    add_feed(record.storage, "late", trust="RX1", msh_4="RXX", profile="rx1")
    answer = client.post("/feeds/quarantine/replay", data={**data, "csrf_token": token(client)})
    assert answer.location == "/feeds/quarantine?replayed=1"
    record.file()
    assert "No message is in quarantine" in words(client.get("/feeds/quarantine?replayed=1"))


def test_a_wrong_address_gives_people_a_page_and_programs_an_outcome(record: PortalRecord) -> None:
    client = record.client("clinician")
    page = client.get("/reports/none")
    assert page.status_code == 404
    assert "Page not found" in words(page)
    outcome = client.get("/reports/none", headers={"Accept": "application/json"})
    assert outcome.get_json()["resourceType"] == "OperationOutcome"


def test_assets_are_served_with_their_types_and_for_long(record: PortalRecord) -> None:
    client = record.client()
    page = client.get("/sign-in")
    sheet = client.get(first_link(page, "/assets/portal/portal.css"))
    assert sheet.content_type.startswith("text/css")
    assert sheet.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/assets/portal/portal.js").content_type.startswith("text/javascript")
    assert client.get("/assets/portal/../portal.py").status_code == 404
    assert client.get("/assets/other/x").status_code == 404


def test_a_page_accounts_for_everyone_and_everything_it_shows(
    record: PortalRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounted: list[Disclosure] = []
    client = record.client("clinician")
    address = find(client, nhs_number=record.cases["three-trusts"]["nhs_number"]).location
    monkeypatch.setattr(record.services.record.spool, "append", accounted.append)
    assert client.get(address).status_code == 200
    (shown,) = accounted
    assert (shown.interaction, shown.caller_name, shown.role) == ("portal-page", "Example clinician", "clinician")
    kinds = {entry.resource_type for entry in shown.entries}
    assert {"Patient", "ImagingStudy", "DiagnosticReport", "ServiceRequest"} <= kinds
    patient_id = address.removeprefix("/patients/")
    assert all(patient_id in entry.patient_ids for entry in shown.entries if entry.resource_type == "ImagingStudy")


def test_what_cannot_be_accounted_for_is_not_shown(record: PortalRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    client = record.client("clinician")
    address = find(client, nhs_number=record.cases["three-trusts"]["nhs_number"]).location

    def refuse(_: Disclosure) -> None:
        raise Unavailable("The disclosure could not be written.")

    monkeypatch.setattr(record.services.record.spool, "append", refuse)
    answer = client.get(address)
    assert answer.status_code == 503
    assert "The service does not answer at the moment" in words(answer)
    assert "Begum" not in answer.text


def test_a_deleted_report_says_that_it_was_deleted(record: PortalRecord) -> None:
    patient = record.create({"resourceType": "Patient"})
    report = record.create(
        {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "code": {"text": "CT Head"},
            "subject": {"reference": f"Patient/{patient}"},
        }
    )
    client = record.client("clinician")
    assert "This version has no text" in words(client.get(f"/reports/{report}"))
    record.delete("DiagnosticReport", report)
    answer = client.get(f"/reports/{report}")
    assert answer.status_code == 410
    assert "This has been deleted" in words(answer)


def test_a_failure_of_ours_gives_a_reference_and_no_detail(
    record: PortalRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("fhir_server.portal.timeline.silent_sources", fail)
    client = record.client("clinician")
    answer = open_case(record, client, "three-trusts")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in words(answer)
    assert "secret detail" not in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
