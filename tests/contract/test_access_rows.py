"""What a caller may see and touch over HTTP: scopes, the patient of its token, and sealed rows (design decision 9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fhir_door import BASE, Door, Region, entries, outcome, unique

RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
VERY_RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}


def observation(patient_id: str | None = None, **more: Any) -> dict[str, Any]:
    about = {"subject": {"reference": f"Patient/{patient_id}"}} if patient_id else {}
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **about, **more}


def batch(door: Door, *requests: dict[str, Any], kind: str = "batch") -> list[dict[str, Any]]:
    return entries(door.post("", json={"resourceType": "Bundle", "type": kind, "entry": list(requests)}))


def status(entry: dict[str, Any]) -> int:
    return int(entry["response"]["status"][:3])


# --- scopes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("granted", ["c", "r", "u", "d", "s", "cruds", "rs", "cud"])
def test_each_letter_opens_its_interactions_alone(region: Region, door: Door, granted: str):
    person = door.create({"resourceType": "Patient"})
    doomed = door.create({"resourceType": "Patient"})
    limited = region.door(f"system/Patient.{granted}")
    path = f"/Patient/{person['id']}"
    answers = {
        "c": [limited.post("/Patient", json={"resourceType": "Patient"})],
        "r": [limited.get(path), limited.get(f"{path}/_history"), limited.get(f"{path}/_history/1"),
              limited.request("HEAD", path)],
        "s": [limited.get("/Patient?_id=x"), limited.get("/Patient?_summary=count"), limited.post(
            "/Patient/_search", data="_id=x", content_type="application/x-www-form-urlencoded")],
        "u": [limited.put(path, json=person)],
        "d": [limited.delete(f"/Patient/{doomed['id']}")],
    }  # fmt: skip
    for letter, given in answers.items():
        for answer in given:
            assert (answer.status_code == 403) == (letter not in granted), (letter, answer.text)
    made = batch(
        limited,
        {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}},
        {"request": {"method": "GET", "url": path[1:]}},
        {"request": {"method": "GET", "url": "Patient?_id=x"}},
        {"request": {"method": "PUT", "url": path[1:]}, "resource": person},
        {"request": {"method": "DELETE", "url": f"Patient/{unique('none')}"}},
    )
    assert [status(e) != 403 for e in made] == [letter in granted for letter in "crsud"]


def test_scopes_on_one_type_open_no_other(region: Region, door: Door):
    person = door.create({"resourceType": "Patient"})
    limited = region.door("system/Observation.cruds")
    outcome(limited.get(f"/Patient/{person['id']}"), 403, "forbidden")
    outcome(limited.get("/Patient/absent"), 403)
    outcome(limited.get("/Patient?name=x"), 403)
    outcome(limited.post("/Patient", json={"resourceType": "Patient", "nonsense": 1}), 403)
    outcome(limited.delete(f"/Patient/{person['id']}"), 403)


def test_a_transaction_with_one_forbidden_entry_stores_nothing(region: Region):
    limited = region.door("system/Observation.cruds")
    name = unique("o")
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [
            {"request": {"method": "PUT", "url": f"Observation/{name}"}, "resource": observation(id=name)},
            {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}},
        ],
    }  # fmt: skip
    issue = outcome(limited.post("", json=bundle), 403)
    assert issue["expression"][0].startswith("Bundle.entry[1]")
    outcome(limited.get(f"/Observation/{name}"), 404)


def test_includes_and_chains_do_not_leave_the_scopes(region: Region, door: Door):
    family = unique("Hidden")
    person = door.create({"resourceType": "Patient", "name": [{"family": family}]})
    found = door.create(observation(person["id"]))
    limited = region.door("system/Observation.rs")
    shown = limited.search(f"/Observation?_id={found['id']}&_include=Observation:subject&_include=Observation:patient")
    assert [r["resourceType"] for r in shown] == ["Observation"]
    people = region.door("system/Patient.rs")
    shown = people.search(f"/Patient?_id={person['id']}&_revinclude=Observation:subject")
    assert [r["resourceType"] for r in shown] == ["Patient"]
    for path in (f"/Observation?patient.family={family}", f"/Observation?subject:Patient.family={family}"):
        answer = limited.get(path)
        assert answer.status_code in (400, 403) or "entry" not in answer.get_json(force=True)
    answer = people.get(f"/Patient?_has:Observation:patient:status=final&_id={person['id']}")
    assert answer.status_code in (400, 403) or "entry" not in answer.get_json(force=True)


def test_a_conditional_create_needs_the_right_to_search(region: Region):
    limited = region.door("system/Patient.c")
    answer = limited.post(
        "/Patient", json={"resourceType": "Patient"}, headers={"If-None-Exist": "identifier=9990000018"}
    )
    outcome(answer, 403)


def test_patient_scopes_without_a_patient_grant_nothing(region: Region, door: Door):
    person = door.create({"resourceType": "Patient"})
    outcome(region.door("patient/*.cruds").get(f"/Patient/{person['id']}"), 403)
    outcome(region.door("patient/*.cruds").get("/Patient?_id=x"), 403)


# --- the patient of a token -----------------------------------------------------------------------------------------


class Two:
    """Ada and Bob with an observation each, one about both and one about nobody; Ada's token."""

    def __init__(self, region: Region) -> None:
        self.all = region.door(trust="RX1")
        self.ada = self.all.create({"resourceType": "Patient", "name": [{"family": "Ada"}]})
        self.bob = self.all.create({"resourceType": "Patient", "name": [{"family": "Bob"}]})
        self.of_ada = self.all.create(observation(self.ada["id"]))
        self.of_bob = self.all.create(observation(self.bob["id"]))
        self.of_nobody = self.all.create(observation())
        self.of_both = self.all.create(
            observation(self.ada["id"], performer=[{"reference": f"Patient/{self.bob['id']}"}])
        )
        self.place = self.all.create({"resourceType": "Organization", "name": "Ward"})
        self.bound = region.door("patient/*.cruds", patient_id=self.ada["id"])


@pytest.fixture(scope="module")
def two(region: Region) -> Two:
    return Two(region)


def test_a_bound_token_reads_its_patient_and_what_is_about_nobody_and_shared(two: Two):
    for shown in (two.ada, two.of_ada, two.place):
        assert two.bound.get(f"/{shown['resourceType']}/{shown['id']}").status_code == 200
        assert two.bound.get(f"/{shown['resourceType']}/{shown['id']}/_history/1").status_code == 200
        assert len(entries(two.bound.get(f"/{shown['resourceType']}/{shown['id']}/_history"))) == 1


def test_rows_about_others_or_about_no_patient_are_hidden(two: Two):
    for hidden in (two.of_bob, two.of_nobody, two.of_both):
        for path in ("", "/_history", "/_history/1"):
            outcome(two.bound.get(f"/Observation/{hidden['id']}{path}"), 404, "not-found")
    seen = {o["id"] for o in two.bound.search("/Observation?_count=1000")}
    assert two.of_ada["id"] in seen
    assert not seen & {two.of_bob["id"], two.of_nobody["id"], two.of_both["id"]}
    assert [p["id"] for p in two.bound.search("/Patient")] == [two.ada["id"]]
    assert two.bound.get("/Patient?_summary=count").get_json(force=True)["total"] == 1


@pytest.mark.parametrize("hidden", ["Basic", "Binary", "Group", "Person", "Linkage"])
def test_shared_types_that_may_be_about_people_are_hidden_when_they_name_no_patient(two: Two, hidden: str):
    bodies: dict[str, dict[str, Any]] = {
        "Basic": {"code": {"text": "x"}},
        "Binary": {"contentType": "text/plain", "data": "eA=="},
        "Group": {"type": "person", "actual": False},
        "Person": {"name": [{"family": "Carol"}]},
        "Linkage": {"item": [{"type": "source", "resource": {"display": "x"}}]},
    }
    made = two.all.create({"resourceType": hidden, **bodies[hidden]})
    outcome(two.bound.get(f"/{hidden}/{made['id']}"), 404)


def test_a_request_that_names_another_patient_is_forbidden_whether_it_exists_or_not(two: Two):
    for other in (two.bob["id"], "never-there"):
        for path in (
            f"/Patient/{other}", f"/Patient/{other}/_history", f"/Patient/{other}/_history/1", f"/Patient?_id={other}",
            f"/Observation?patient={other}", f"/Observation?subject=Patient/{other}", f"/Observation?subject={other}",
            f"/Observation?patient={two.ada['id']},{other}", f"/Observation?subject={BASE}/Patient/{other}",
        ):  # fmt: skip
            outcome(two.bound.get(path), 403, "forbidden")
    assert two.bound.get(f"/Observation?patient={two.ada['id']}").status_code == 200


def test_includes_do_not_lead_to_another_patient(two: Two):
    linked = two.all.put(
        f"/Patient/{two.ada['id']}",
        json={**two.ada, "link": [{"other": {"reference": f"Patient/{two.bob['id']}"}, "type": "seealso"}]},
    )
    assert linked.status_code == 200
    shown = two.bound.search(
        "/Patient?_include=Patient:link&_revinclude=Observation:subject&_revinclude=Observation:performer"
    )
    assert {r["id"] for r in shown} == {two.ada["id"], two.of_ada["id"]}


def test_a_bound_token_writes_about_its_patient_alone(two: Two):
    assert two.bound.post("/Observation", json=observation(two.ada["id"])).status_code == 201
    outcome(two.bound.post("/Observation", json=observation(two.bob["id"])), 403)
    outcome(two.bound.post("/Observation", json=observation()), 403)
    outcome(two.bound.post("/Organization", json={"resourceType": "Organization", "name": "x"}), 403)
    moved = {**two.of_ada, "subject": {"reference": f"Patient/{two.bob['id']}"}}
    outcome(two.bound.put(f"/Observation/{two.of_ada['id']}", json=moved), 403)
    taken = {**two.of_bob, "subject": {"reference": f"Patient/{two.ada['id']}"}}
    outcome(two.bound.put(f"/Observation/{two.of_bob['id']}", json=taken), 404)
    outcome(two.bound.put(f"/Organization/{two.place['id']}", json=two.place), 403)
    outcome(two.bound.delete(f"/Organization/{two.place['id']}"), 403)
    assert two.bound.delete(f"/Observation/{two.of_bob['id']}").status_code == 204
    assert two.all.get(f"/Observation/{two.of_bob['id']}").status_code == 200


def test_a_shared_device_cannot_be_taken_over(two: Two):
    device = two.all.create({"resourceType": "Device"})
    mine = {**device, "patient": {"reference": f"Patient/{two.ada['id']}"}}
    outcome(two.bound.put(f"/Device/{device['id']}", json=mine), 403)


def test_a_version_about_another_patient_is_hidden_in_the_history(two: Two):
    moved = two.all.create(observation(two.bob["id"]))
    two.all.put(f"/Observation/{moved['id']}", json={**moved, "subject": {"reference": f"Patient/{two.ada['id']}"}})
    shown = entries(two.bound.get(f"/Observation/{moved['id']}/_history"))
    assert [e["resource"]["meta"]["versionId"] for e in shown] == ["2"]
    outcome(two.bound.get(f"/Observation/{moved['id']}/_history/1"), 404)


# --- seals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [RESTRICTED, VERY_RESTRICTED])
@pytest.mark.parametrize("resource_type", ["Observation", "Patient"])
def test_a_sealed_resource_is_not_there_for_other_trusts(region: Region, resource_type: str, label: dict[str, Any]):
    family = unique("Sealed")
    own, other, nobody = region.door(trust="RX1"), region.door(trust="RWE"), region.door()
    content = {**(observation() if resource_type == "Observation" else {"resourceType": "Patient"}), "meta": label}
    content["identifier"] = [{"system": "http://a.example/x", "value": family}]
    sealed = own.create(content)
    path, opened = f"/{resource_type}/{sealed['id']}", {k: v for k, v in sealed.items() if k != "meta"}
    assert own.get(path).status_code == 200
    assert len(own.search(f"/{resource_type}?identifier={family}")) == 1
    for door in (other, nobody):
        for answer in (
            door.get(path), door.get(f"{path}/_history"), door.get(f"{path}/_history/1"), door.put(path, json=sealed),
            door.put(path, json=opened), door.put(path, json=sealed, headers={"If-Match": 'W/"1"'}),
        ):  # fmt: skip
            outcome(answer, 404, "not-found")
        assert not door.search(f"/{resource_type}?identifier={family}")
        assert not door.search(f"/{resource_type}?_id={sealed['id']}")
        for counted in ("_summary=count", "_total=accurate"):
            assert door.get(f"/{resource_type}?identifier={family}&{counted}").get_json(force=True)["total"] == 0
        assert door.delete(path).status_code == 204
        made = batch(door, {"request": {"method": "GET", "url": path[1:]}})
        assert status(made[0]) == 404
    assert own.get(path).headers["ETag"] == 'W/"1"'


def test_a_sealed_resource_is_in_nobody_elses_includes(region: Region):
    own, other = region.door(trust="RX1"), region.door(trust="RWE")
    person = own.create({"resourceType": "Patient"})
    hidden = own.create({**observation(person["id"]), "meta": RESTRICTED})
    report = own.create({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"},
                         "result": [{"reference": f"Observation/{hidden['id']}"}]})  # fmt: skip
    forward, reverse = (
        f"/DiagnosticReport?_id={report['id']}&_include=DiagnosticReport:result",
        f"/Patient?_id={person['id']}&_revinclude=Observation:subject",
    )  # noqa: E501
    assert [len(own.search(p)) for p in (forward, reverse)] == [2, 2]
    assert [len(other.search(p)) for p in (forward, reverse)] == [1, 1]


def test_sealing_hides_the_versions_before_it_too(region: Region):
    own, other = region.door(trust="RX1"), region.door(trust="RWE")
    found = own.create(observation())
    path = f"/Observation/{found['id']}"
    assert other.get(f"{path}/_history/1").status_code == 200
    own.put(path, json={**found, "meta": RESTRICTED})
    for hidden in (path, f"{path}/_history", f"{path}/_history/1", f"{path}/_history/2"):
        outcome(other.get(hidden), 404)
        assert own.get(hidden).status_code == 200


def test_opening_a_seal_leaves_the_sealed_version_hidden(region: Region):
    own, other = region.door(trust="RX1"), region.door(trust="RWE")
    found = own.create({**observation(), "meta": RESTRICTED})
    path = f"/Observation/{found['id']}"
    opened = {k: v for k, v in found.items() if k != "meta"}
    own.put(path, json=opened)
    assert other.get(path).status_code == 200
    outcome(other.get(f"{path}/_history/1"), 404)
    assert [e["resource"]["meta"]["versionId"] for e in entries(other.get(f"{path}/_history"))] == ["2"]


def test_a_hidden_twin_neither_matches_nor_shows_itself_in_a_condition(region: Region):
    own, other = region.door(trust="RX1"), region.door(trust="RWE")
    value = unique("m")
    content = {**observation(), "identifier": [{"system": "http://a.example/x", "value": value}]}
    own.create({**content, "meta": RESTRICTED})
    condition = {"If-None-Exist": f"identifier=http://a.example/x|{value}"}
    assert other.post("/Observation", json=content, headers=condition).status_code == 201


def test_a_write_never_changes_the_custodian(region: Region):
    own, other = region.door(trust="RX1"), region.door(trust="RWE")
    found = own.create(observation())
    path = f"/Observation/{found['id']}"
    answer = other.put(path, json=found)
    assert answer.status_code == 200
    assert [t["code"] for t in answer.get_json(force=True)["meta"]["tag"]] == ["RX1"]
    other.delete(path)
    back = other.put(path, json=found).get_json(force=True)
    assert [t["code"] for t in back["meta"]["tag"]] == ["RX1"]


def test_what_a_client_without_a_trust_writes_belongs_to_the_regions_host(region: Region):
    found = region.door().create(observation())
    assert [t["code"] for t in found["meta"]["tag"]] == [region.settings.host_ods_code]
