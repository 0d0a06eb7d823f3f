"""create, read, vread, update, delete and history over HTTP, on both databases (https://hl7.org/fhir/R4/http.html)."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.support.fhir_door import BASE, FHIR_JSON, Door, outcome, unique


def patient(family: str = "Zebra", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}], **more}


def observation(value: str) -> bytes:
    head = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":'
    return f"{head}{value}}}}}".encode()


def test_create_answers_with_the_resource_and_where_it_is(door: Door):
    answer = door.post("/Patient", json=patient())
    assert answer.status_code == 201
    content = answer.get_json(force=True)
    address = f"{BASE}/Patient/{content['id']}"
    assert answer.headers["Location"] == f"{address}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Content-Type"] == "application/fhir+json;charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert content["meta"]["versionId"] == "1"
    updated = parsedate_to_datetime(answer.headers["Last-Modified"])
    assert content["meta"]["lastUpdated"].startswith(updated.strftime("%Y-%m-%dT%H:%M:%S"))
    again = door.get(f"/Patient/{content['id']}")
    assert again.data == answer.data
    assert {h: again.headers[h] for h in ("ETag", "Last-Modified")} == {
        h: answer.headers[h] for h in ("ETag", "Last-Modified")
    }


def test_create_ignores_the_id_and_version_that_were_sent(door: Door):
    content = door.create(patient(id="mine", meta={"versionId": "7", "lastUpdated": "2001-01-01T00:00:00Z"}))
    assert content["id"] != "mine"
    assert content["meta"]["versionId"] == "1"
    assert content["meta"]["lastUpdated"] > "2026"


def test_create_keeps_profiles_labels_and_tags(door: Door):
    meta = {"profile": ["http://example.org/p"], "tag": [{"system": "http://example.org/t", "code": "x"}],
            "source": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}  # fmt: skip
    content = door.create(patient(meta=meta))
    assert {k: content["meta"][k] for k in meta} == meta


@pytest.mark.parametrize("digits", ["6.30", "1E+5", "1e-7", "-0.0", "0.10000000000000000001", "100000000000000000000"])
def test_numbers_keep_their_digits(door: Door, digits: str):
    created = door.post("/Observation", data=observation(digits))
    assert created.status_code == 201, created.text
    path = f"/Observation/{created.get_json(force=True)['id']}"
    sent = f'"valueQuantity":{{"value":{digits}}}'
    for answer in (created, door.get(path), door.get(f"{path}/_history/1"), door.get(f"{path}/_history")):
        assert sent in answer.text
    assert sent in door.get(f"/Observation?_id={path.split('/')[2]}").text
    assert f'"value": {digits}' in door.get(f"{path}?_pretty=true").text


def test_text_is_stored_byte_for_byte(door: Door):
    members = '"name" : [ {"family":"O\\u0027Brien \\/ Zo\u00eb \U0001f600",\n  "given":["Ann"]} ], "active":true'
    answer = door.post("/Patient", data=f'{{"resourceType":"Patient",{members}}}'.encode())
    assert answer.status_code == 201
    assert '"name":[ {"family":"O\\u0027Brien \\/ Zo\u00eb \U0001f600",\n  "given":["Ann"]} ]'.encode() in answer.data
    assert answer.get_json(force=True)["name"][0]["family"] == "O'Brien / Zo\u00eb \U0001f600"


def test_a_byte_order_mark_is_no_hindrance(door: Door):
    answer = door.post("/Patient", data=b'\xef\xbb\xbf{"resourceType":"Patient"}')
    assert answer.status_code == 201


def test_read_of_nothing_is_not_found(door: Door):
    outcome(door.get("/Patient/absent"), 404, "not-found")
    outcome(door.get("/Patient/absent/_history"), 404, "not-found")
    outcome(door.get("/Patient/absent/_history/1"), 404, "not-found")


@pytest.mark.parametrize("bad", ["a%00b", "a b", "x" * 65, "%F0%9F%98%80", "a'--", "%ED%A0%80"])
def test_read_of_what_is_no_id_is_not_found(door: Door, bad: str):
    outcome(door.get(f"/Patient/{bad}"), 404, "not-found")


def test_unknown_type_is_not_found_for_every_interaction(door: Door):
    for answer in (
        door.get("/Patiant/1"),
        door.get("/patient/1"),
        door.get("/Patiant"),
        door.post("/Patiant", json={"resourceType": "Patiant"}),
        door.put("/Patiant/1", json={"resourceType": "Patiant", "id": "1"}),
        door.delete("/Patiant/1"),
        door.get("/Patiant/1/_history"),
        door.get("/Citation/1"),  # of R4B and R5
    ):
        outcome(answer, 404, "not-found")


def test_update_makes_the_next_version(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    answer = door.put(path, json=patient("Yak", id=content["id"]))
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert answer.headers["ETag"] == 'W/"2"'
    assert answer.get_json(force=True)["meta"]["lastUpdated"] > content["meta"]["lastUpdated"]
    assert door.get(path).data == answer.data
    assert door.get(f"{path}/_history/1").get_json(force=True)["name"] == [{"family": "Zebra"}]
    assert door.get(f"{path}/_history/2").data == answer.data
    outcome(door.get(f"{path}/_history/3"), 404)
    outcome(door.get(f"{path}/_history/zero"), 404)


def test_update_creates_under_the_clients_id(door: Door):
    name = unique("client-chosen.")
    answer = door.put(f"/Patient/{name}", json=patient(id=name))
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{BASE}/Patient/{name}/_history/1"


def test_ids_are_told_apart_by_case(door: Door):
    name = unique("case")
    assert door.put(f"/Patient/{name}", json=patient("lower", id=name)).status_code == 201
    assert door.put(f"/Patient/{name.upper()}", json=patient("upper", id=name.upper())).status_code == 201
    assert door.get(f"/Patient/{name}").get_json(force=True)["name"][0]["family"] == "lower"


def test_update_needs_the_id_of_the_address(door: Door):
    assert outcome(door.put("/Patient/a1", json=patient(id="a2")), 400)["expression"] == ["Patient.id"]
    assert outcome(door.put("/Patient/a1", json=patient()), 400)["expression"] == ["Patient.id"]
    assert outcome(door.put("/Patient/a1", json={"resourceType": "Group", "id": "a1"}), 400)["expression"] == [
        "resourceType"
    ]
    outcome(door.put("/Patient/a_b", json=patient(id="a_b")), 400)
    outcome(door.put(f"/Patient/{'x' * 65}", json=patient(id="x" * 65)), 400)


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', '"7", W/"1"', "*"])
def test_if_match_with_the_current_version_lets_the_update_through(door: Door, tag: str):
    content = door.create(patient())
    answer = door.put(f"/Patient/{content['id']}", json=content, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text


def test_if_match_with_another_version_refuses_the_write(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    stale = {"If-Match": 'W/"7"'}
    assert outcome(door.put(path, json=content, headers=stale), 412)["expression"] == ["http.If-Match"]
    outcome(door.delete(path, headers=stale), 412)
    outcome(door.put("/Patient/absent1", json=patient(id="absent1"), headers={"If-Match": 'W/"1"'}), 412)
    outcome(door.put("/Patient/absent1", json=patient(id="absent1"), headers={"If-Match": "*"}), 412)
    outcome(door.put(path, json=content, headers={"If-Match": "1"}), 400)
    assert door.get(path).headers["ETag"] == 'W/"1"'


def test_if_none_match_star_creates_and_never_overwrites(door: Door):
    name, new = unique("fresh"), {"If-None-Match": "*"}
    assert door.put(f"/Patient/{name}", json=patient(id=name), headers=new).status_code == 201
    outcome(door.put(f"/Patient/{name}", json=patient("Yak", id=name), headers=new), 412)
    assert door.get(f"/Patient/{name}").get_json(force=True)["name"][0]["family"] == "Zebra"


def test_deleted_resource_is_gone_its_history_stays_and_an_update_brings_it_back(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    answer = door.delete(path)
    assert (answer.status_code, answer.headers["ETag"], answer.data) == (204, 'W/"2"', b"")
    outcome(door.get(path), 410, "deleted")
    outcome(door.get(f"{path}/_history/2"), 410, "deleted")
    assert door.get(f"{path}/_history/1").status_code == 200
    assert door.delete(path).status_code == 204
    assert not door.search(f"/Patient?_id={content['id']}")
    back = door.put(path, json=content)
    assert (back.status_code, back.headers["ETag"]) == (201, 'W/"3"')
    assert back.headers["Location"].endswith("/_history/3")
    assert door.search(f"/Patient?_id={content['id']}&family=Zebra")
    history = door.get(f"{path}/_history").get_json(force=True)
    assert [(e["request"]["method"], e["response"]["status"][:3]) for e in history["entry"]] == [
        ("PUT", "200"),
        ("DELETE", "204"),
        ("POST", "201"),
    ]
    assert ["resource" in e for e in history["entry"]] == [True, False, True]
    assert history["total"] == 3


def test_delete_of_nothing_is_fine(door: Door):
    assert door.delete("/Patient/never-there").status_code == 204
    outcome(door.delete("/Patient/never-there", headers={"If-Match": 'W/"1"'}), 412)


def test_history_pages_backwards_and_each_version_once(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    for number in range(6):
        door.put(path, json=patient(f"F{number}", id=content["id"]))
    seen: list[str] = []
    address: str | None = f"{path}/_history?_count=3"
    while address:
        page = door.get(address).get_json(force=True)
        assert page["type"] == "history"
        seen += [e["resource"]["meta"]["versionId"] for e in page.get("entry", [])]
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert links["self"] == BASE + address
        address = links["next"].removeprefix(BASE) if "next" in links else None
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]


def test_history_since_a_time(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    door.put(path, json=content)
    second = door.get(path).get_json(force=True)["meta"]["lastUpdated"]
    found = door.get(f"{path}/_history?_since={second}").get_json(force=True)
    assert [e["resource"]["meta"]["versionId"] for e in found["entry"]] == ["2"]
    future = door.get(f"{path}/_history?_since=2099-01-01T00:00:00%2B01:00").get_json(force=True)
    assert "entry" not in future
    outcome(door.get("/Patient/absent/_history?_since=2099-01-01T00:00:00Z"), 404)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("_since=yesterday", "http._since"),
        ("_since=2026-11-21", "http._since"),
        ("_count=many", "http._count"),
        ("_count=-1", "http._count"),
        ("_count=%D9%A3", "http._count"),
        ("_page=x", "http._page"),
        ("_page=99999999999999999999", "http._page"),
        ("_at=2026", "http._at"),
        ("name=x", "http.name"),
    ],
)
def test_history_refuses_what_it_does_not_understand(door: Door, query: str, place: str):
    content = door.create(patient())
    assert outcome(door.get(f"/Patient/{content['id']}/_history?{query}"), 400)["expression"] == [place]


def test_conditional_read_answers_not_modified(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    for tag in ('W/"1"', '"1"', '"9", W/"1"', "*"):
        answer = door.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", 'W/"1"')
        assert "Content-Type" not in answer.headers
    assert door.get(path, headers={"If-None-Match": 'W/"2"'}).status_code == 200
    modified = door.get(path).headers["Last-Modified"]
    assert door.get(path, headers={"If-Modified-Since": modified}).status_code == 304
    assert door.get(path, headers={"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}).status_code == 200
    assert door.get(path, headers={"If-Modified-Since": "last week"}).status_code == 200
    both = {"If-Modified-Since": modified, "If-None-Match": 'W/"2"'}
    assert door.get(path, headers=both).status_code == 200


def test_head_answers_as_get_without_a_body(door: Door):
    content = door.create(patient())
    for path in (f"/Patient/{content['id']}", f"/Patient/{content['id']}/_history", f"/Patient?_id={content['id']}"):
        head, get = door.request("HEAD", path), door.get(path)
        assert (head.status_code, head.data) == (200, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
        assert head.headers.get("ETag") == get.headers.get("ETag")
    assert door.request("HEAD", "/Patient/absent").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_prefer_says_what_a_write_answers_with(door: Door, method: str):
    name = unique("prefer")
    path = "/Patient" if method == "POST" else f"/Patient/{name}"
    minimal = door.request(method, path, json=patient(id=name), headers={"Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.data) == (201, b"")
    assert minimal.headers["ETag"] == 'W/"1"'
    assert "Location" in minimal.headers
    assert "Content-Type" not in minimal.headers
    said = door.request(method, path, json=patient(id=name), headers={"Prefer": "return=OperationOutcome"})
    assert said.get_json(force=True)["resourceType"] == "OperationOutcome"
    full = door.request(
        method, path, json=patient(id=name), headers={"Prefer": 'respond-async, Return="representation"'}
    )
    assert full.get_json(force=True)["resourceType"] == "Patient"
    outcome(door.request(method, path, json=patient(id=name), headers={"Prefer": "return=everything"}), 400)


def test_conditional_create_finds_the_one_that_is_there(door: Door):
    value = unique("mrn")
    identified = patient(identifier=[{"system": "http://a.example/mrn", "value": value}])
    condition = {"If-None-Exist": f"identifier=http://a.example/mrn|{value}"}
    first = door.post("/Patient", json=identified, headers=condition)
    again = door.post("/Patient", json=identified, headers=condition)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.data == again.data
    assert "Location" not in again.headers or again.headers["Location"].endswith("_history/1")
    door.create(identified)
    outcome(door.post("/Patient", json=identified, headers=condition), 412, "multiple-matches")
    outcome(door.post("/Patient", json=identified, headers={"If-None-Exist": ""}), 400)
    outcome(door.post("/Patient", json=identified, headers={"If-None-Exist": "_count=1"}), 400)
    outcome(door.post("/Patient", json=identified, headers={"If-None-Exist": "identifer=1"}), 400, "not-supported")


def test_references_to_this_record_by_full_address_are_made_relative(door: Door):
    about = door.create(patient())
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"},
              "subject": {"reference": f"{BASE}/Patient/{about['id']}"},
              "basedOn": [{"reference": "http://elsewhere.example/fhir/ServiceRequest/1"}]}  # fmt: skip
    stored = door.create(report)
    assert stored["subject"]["reference"] == f"Patient/{about['id']}"
    assert stored["basedOn"][0]["reference"] == "http://elsewhere.example/fhir/ServiceRequest/1"
    assert [r["id"] for r in door.search(f"/DiagnosticReport?patient={about['id']}")] == [stored["id"]]


def test_a_writers_tag_cannot_name_another_custodian(door: Door):
    tag = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "code": "RWE"}
    basic = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "meta": {"tag": [tag]}}
    stored = door.create(basic)
    assert [t["code"] for t in stored["meta"]["tag"]] == ["RX1"]


def test_versions_of_one_resource_have_rising_times(door: Door):
    content = door.create(patient())
    path = f"/Patient/{content['id']}"
    times = [content["meta"]["lastUpdated"]]
    for _ in range(5):
        times.append(door.put(path, json=content).get_json(force=True)["meta"]["lastUpdated"])
    assert times == sorted(set(times))
    assert abs(parsedate_to_datetime(door.get(path).headers["Last-Modified"]).timestamp() - time.time()) < 60


def test_content_type_of_a_patch_is_not_a_resource(door: Door):
    content = door.create(patient())
    answer = door.request("PATCH", f"/Patient/{content['id']}", data=b"[]", content_type="application/json-patch+json")
    outcome(answer, 405)
    assert {"GET", "PUT", "DELETE"} <= set(answer.headers["Allow"].split(", "))
    outcome(door.put(f"/Patient/{content['id']}", data=b"[]", content_type="application/json-patch+json"), 415)
    assert FHIR_JSON in door.get(f"/Patient/{content['id']}").headers["Content-Type"]
