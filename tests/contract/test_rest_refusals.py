"""What cannot be understood is refused with the right status, an OperationOutcome and the place; nothing is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.fhir_door import FHIR_JSON, Door, Region, outcome

DEEP = b'{"resourceType":"Patient","contact":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def _bundle(resource: bytes) -> bytes:
    return (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Patient"},"resource":'
        + resource
        + b"}]}"
    )


NOT_JSON = {
    "nothing": b"",
    "spaces": b"  ",
    "text": b"hello",
    "cut": b'{"resourceType":"Patient"',
    "trailing comma": b'{"resourceType":"Patient",}',
    "two values": b'{"resourceType":"Patient"}{}',
    "single quotes": b"{'resourceType':'Patient'}",
    "comment": b'{"resourceType":"Patient"/* x */}',
    "not a number": b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
    "infinity": b'{"resourceType":"Patient","multipleBirthInteger":-Infinity}',
    "leading zero": b'{"resourceType":"Patient","multipleBirthInteger":01}',
    "control character": b'{"resourceType":"Patient","gender":"a\x01"}',
    "duplicate member": b'{"resourceType":"Patient","gender":"male","gender":"female"}',
    "duplicate deep inside": b'{"resourceType":"Patient","name":[{"family":"A","family":"B"}]}',
    "duplicate in other spelling": b'{"resourceType":"Patient","gender":"male","g\\u0065nder":"female"}',
    "no utf-8": b'{"resourceType":"Patient","gender":"\xff"}',
    "latin-1": '{"resourceType":"Patient","name":[{"family":"Zo\u00eb"}]}'.encode("latin-1"),
    "utf-16": '{"resourceType":"Patient"}'.encode("utf-16"),
    "deep": DEEP,
    "endless number": b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}",
    "array": b"[]",
    "string": b'"Patient"',
    "null": b"null",
    "no type": b"{}",
    "null type": b'{"resourceType":null}',
    "number as type": b'{"resourceType":5}',
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_no_resource_is_a_bad_request(door: Door, name: str):
    outcome(door.post("/Patient", data=NOT_JSON[name]), 400)
    outcome(door.put("/Patient/x", data=NOT_JSON[name]), 400)
    outcome(door.post("/", data=NOT_JSON[name]), 400)
    outcome(door.post("/", data=_bundle(NOT_JSON[name])), 400)
    outcome(door.get("/Patient/x"), 404)


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "unknown element": ({"nmae": []}, "Patient.nmae"),
    "unknown element deep inside": ({"name": [{"famly": "x"}]}, "Patient.name[0].famly"),
    "string for boolean": ({"active": "true"}, "Patient.active"),
    "number for string": ({"name": [{"family": 5}]}, "Patient.name[0].family"),
    "object for array": ({"name": {"family": "x"}}, "Patient.name"),
    "array for one": ({"gender": ["male"]}, "Patient.gender"),
    "empty array": ({"name": []}, "Patient.name"),
    "empty object": ({"maritalStatus": {}}, "Patient.maritalStatus"),
    "empty string": ({"name": [{"family": ""}]}, "Patient.name[0].family"),
    "null": ({"active": None}, "Patient.active"),
    "two choices": ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, "Patient.deceased"),
    "no such date": ({"birthDate": "2021-02-30"}, "Patient.birthDate"),
    "date of another form": ({"birthDate": "30/02/2021"}, "Patient.birthDate"),
    "code outside the value set": ({"gender": "M"}, "Patient.gender"),
    "wrong target": ({"managingOrganization": {"reference": "Patient/1"}}, "Patient.managingOrganization"),
    "script in the narrative": (
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>'}},
        "Patient.text.div",
    ),
    "character that no string has": ({"name": [{"family": "a\u0000b"}]}, "Patient.name[0].family"),
    "contained in contained": (
        {"contained": [{"resourceType": "Group", "type": "person", "actual": True, "contained": []}]},
        "Patient.contained[0]",
    ),
    "type of R5": ({"contained": [{"resourceType": "Citation"}]}, "Patient.contained[0]"),
    "bad id inside": ({"id": "a_b"}, "Patient.id"),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_breaks_a_rule_of_fhir_is_refused_with_its_place(door: Door, name: str):
    elements, place = INVALID[name]
    body = {"resourceType": "Patient", **elements}
    answer = door.post("/Patient", json=body)
    assert answer.status_code in (400, 422), answer.text
    assert outcome(answer, answer.status_code)["expression"][0].startswith(place)
    bundled = door.post("/", data=_bundle(json.dumps(body).encode()))
    assert bundled.status_code == answer.status_code
    where = outcome(bundled, answer.status_code)["expression"][0]
    assert where.startswith(place.replace("Patient", "Bundle.entry[0].resource", 1))


def test_every_fault_is_named_at_once(door: Door):
    answer = door.post("/Patient", json={"resourceType": "Patient", "gender": "M", "birthDate": "soon", "x": 1})
    places = {i["expression"][0] for i in answer.get_json(force=True)["issue"]}
    assert places == {"Patient.gender", "Patient.birthDate", "Patient.x"}


def test_errors_never_repeat_a_value(door: Door):
    marker = "Quetzalcoatl"
    for body in (
        {"resourceType": "Patient", "gender": marker},
        {"resourceType": "Patient", "birthDate": marker},
        {"resourceType": "Patient", "active": marker},
        {"resourceType": "Patient", "managingOrganization": {"reference": f"Patient/{marker}"}},
        {"resourceType": "Patient", "name": [{"family": marker, "text": 7}]},
    ):
        assert marker not in door.post("/Patient", json=body).text
    assert marker not in door.post("/Patient", data=b'{"resourceType":"Patient","gender":"' + marker.encode()).text
    assert marker not in door.get(f"/Patient?birthdate={marker}").text


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (FHIR_JSON, 201),
        ("application/fhir+json; charset=UTF-8", 201),
        ('application/fhir+json;charset="utf-8"', 201),
        ("application/fhir+json; fhirVersion=4.0", 201),
        ("application/json", 201),
        ("application/fhir+xml", 415),
        ("application/xml", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json; charset=iso-8859-1", 415),
        ("", 415),
    ],
)
def test_only_json_is_read(door: Door, content_type: str, status: int):
    answer = door.post("/Patient", data=b'{"resourceType":"Patient"}', content_type=content_type)
    assert answer.status_code == status
    if status == 415:
        assert outcome(answer, 415)["expression"] == ["http.Content-Type"]


def test_compressed_bodies_are_not_read(door: Door):
    answer = door.post("/Patient", data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert outcome(answer, 415)["expression"] == ["http.Content-Encoding"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("application/*", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/fhir+xml;q=1.0, */*;q=0.1", 200),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200),
        ("", 200),
        ("application/fhir+xml", 406),
        ("text/html", 406),
        ("application/fhir+json;q=0", 406),
        ("junk", 406),
    ],
)
def test_accept_is_honoured(door: Door, accept: str, status: int):
    answer = door.get("/metadata", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert outcome(answer, 406)["expression"] == ["http.Accept"]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [("json", 200), ("application/fhir%2Bjson", 200), ("application/fhir+json", 200), ("xml", 406), ("x", 406)],
)
def test_format_wins_over_accept(door: Door, wanted: str, status: int):
    answer = door.get(f"/Patient?_format={wanted}", headers={"Accept": "application/fhir+xml"})
    assert answer.status_code == status


def test_body_over_the_limit_is_refused_unread(region: Region, door: Door):
    stated = {"CONTENT_LENGTH": str(region.settings.body_bytes_max + 1)}
    outcome(door.post("/Patient", data=b"{}", environ_overrides=stated), 413, "too-long")


def test_nesting_that_no_resource_needs_is_refused(door: Door):
    item: dict[str, Any] = {"linkId": "x"}
    for _ in range(100):
        item = {"linkId": "x", "item": [item]}
    body = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}
    outcome(door.post("/QuestionnaireResponse", json=body), 400)


def test_methods_that_are_not_offered_are_named_with_those_that_are(door: Door):
    for method, path, offered in (
        ("PUT", "/Patient", {"GET", "POST"}),
        ("DELETE", "/Patient", {"GET", "POST"}),
        ("PATCH", "/Patient/1", {"GET", "PUT", "DELETE"}),
        ("POST", "/Patient/1", {"GET", "PUT", "DELETE"}),
        ("PUT", "/Patient/1/_history/1", {"GET"}),
        ("DELETE", "/Patient/1/_history", {"GET"}),
        ("GET", "/", {"POST"}),
        ("GET", "", {"POST"}),
    ):
        answer = door.request(method, path, json={})
        outcome(answer, 405, "not-supported")
        assert offered <= set(answer.headers["Allow"].split(", ")), path


@pytest.mark.parametrize(
    "path",
    ["/_history", "/Patient/_history", "/Patient/$everything", "/$export", "/Patient/1/$x", "/_search", "/a/b/c/d"],
)
def test_what_is_not_offered_is_not_found(door: Door, path: str):
    outcome(door.get(path), 404)


def test_a_slash_at_the_end_changes_nothing(door: Door):
    empty = {"resourceType": "Bundle", "type": "batch"}
    assert door.post("/", json=empty).data == door.post("", json=empty).data
    assert door.get("/Patient/?_count=1").status_code in (200, 404)


@pytest.mark.parametrize("query", ["name=%ff", "name=%ED%A0%80", "na%ffme=x"])
def test_query_that_is_not_utf8_is_refused(door: Door, query: str):
    outcome(door.get(f"/Patient?{query}"), 400)


@pytest.mark.parametrize("path", ["/Patient?name=a%00b", "/Patient?identifier=a%00%7Cb", "/Patient/x/_history/%00"])
def test_nul_in_a_request_is_no_failure_of_ours(door: Door, path: str):
    assert door.get(path).status_code < 500
    answer = door.post("/Patient", json={"resourceType": "Patient"}, headers={"If-None-Exist": "identifier=a%00b"})
    assert answer.status_code < 500


def test_host_that_is_no_host_is_refused(door: Door):
    outcome(door.get("/metadata", headers={"Host": "evil.example/x?"}), 400)


def test_the_full_check_is_a_setting(store_url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """sdf-4 (a structure that is not abstract has a base) is one of the rules that only `full` evaluates."""
    structure = {
        "resourceType": "StructureDefinition", "url": "https://example.org/X", "name": "X", "status": "draft",
        "kind": "logical", "abstract": False, "type": "X", "differential": {"element": [{"id": "X", "path": "X"}]},
    }  # fmt: skip
    for level, status in (("standard", 201), ("full", 422)):
        region = Region(store_url, tmp_path_factory.mktemp(level), validation_level=level)
        answer = region.door().post("/StructureDefinition", json=structure)
        region.close()
        assert answer.status_code == status, answer.text
