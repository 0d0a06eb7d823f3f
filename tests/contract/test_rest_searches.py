"""Searching over HTTP, on both databases: links, pages, includes, leniency, totals (https://hl7.org/fhir/R4/search.html)."""

from __future__ import annotations

import base64
import gzip
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.fhir_door import BASE, Door, Region, entries, outcome, unique

FORM = "application/x-www-form-urlencoded"


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def add_people(door: Door, count: int) -> str:
    """A family name that `count` people have."""
    family = unique("Family")
    for number in range(count):
        door.create({"resourceType": "Patient", "name": [{"family": family, "given": [f"G{number:02}"]}]})
    return family


def walk(door: Door, path: str, on_page: Any = None) -> list[str]:
    """The ids of the matches on all pages."""
    found: list[str] = []
    while path:
        bundle = door.get(path).get_json(force=True)
        found += [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == "match"]
        path = links(bundle).get("next", "").removeprefix(BASE)
        if on_page:
            on_page(len(found))
    return found


def test_a_search_answers_a_searchset_with_what_was_asked(door: Door):
    family = add_people(door, 2)
    bundle = door.get(f"/Patient?family={family}").get_json(force=True)
    assert (bundle["type"], bundle["total"]) == ("searchset", 2)
    assert links(bundle) == {"self": f"{BASE}/Patient?family={family}"}
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"{BASE}/Patient/{entry['resource']['id']}"
        assert entry["search"] == {"mode": "match"}


def test_post_search_finds_the_same_and_keeps_names_out_of_the_address(door: Door):
    family = add_people(door, 2)
    asked = door.get(f"/Patient?family={family}")
    posted = door.post("/Patient/_search", data=f"family={family}", content_type=FORM)
    assert posted.data == asked.data
    both = door.post("/Patient/_search?_count=1", data=f"family={family}&given=G01", content_type=FORM)
    assert len(both.get_json(force=True)["entry"]) == 1
    outcome(door.post("/Patient/_search", data="{}", content_type="application/json"), 415)
    outcome(door.post("/Patient/_search", data="nmae=x", content_type=FORM), 400)
    outcome(door.post("/Patient/_search", data=b"family=%ff", content_type=FORM), 400)
    outcome(door.post("/Patient/_search", data=b"family=\xff", content_type=FORM), 400)


@pytest.mark.parametrize("order", ["", "&_sort=given", "&_sort=-given", "&_sort=-_lastUpdated", "&_sort=_id"])
def test_pages_show_everything_once_while_more_arrives(door: Door, order: str):
    family = add_people(door, 7)
    expected = set(walk(door, f"/Patient?family={family}&_count=100"))

    def add_another(seen: int) -> None:
        if seen < 6:
            door.create({"resourceType": "Patient", "name": [{"family": family, "given": ["G00x"]}]})

    found = walk(door, f"/Patient?family={family}&_count=2{order}", add_another)
    assert expected <= set(found)
    assert len(found) == len(set(found))


def test_a_resource_updated_while_pages_are_walked_is_never_missed(door: Door):
    family = add_people(door, 6)
    people = door.search(f"/Patient?family={family}&_sort=given&_count=100")

    def move_the_last_to_the_front(seen: int) -> None:
        if seen == 2:
            last = people[-1]
            last["name"][0]["given"] = ["A"]
            assert door.put(f"/Patient/{last['id']}", json=last).status_code == 200

    found = walk(door, f"/Patient?family={family}&_sort=given&_count=2", move_the_last_to_the_front)
    assert set(found) == {p["id"] for p in people}


def test_a_page_link_shows_no_name_and_serves_its_caller_and_search_only(region: Region, door: Door):
    family = add_people(door, 3)
    bundle = door.get(f"/Patient?family:exact={family}&_sort=given&_count=1").get_json(force=True)
    following = links(bundle)["next"].removeprefix(BASE)
    token = parse_qs(urlsplit(following).query)["_page"][0]
    assert b"G0" not in base64.urlsafe_b64decode(token + "===")
    assert door.get(following).status_code == 200
    outcome(door.get(following.replace("family:exact", "family")), 400)
    outcome(region.door().get(following), 400)
    outcome(door.get(f"/Patient?family={family}&_page=junk"), 400)


def test_another_process_can_serve_the_next_page(region: Region, door: Door, tmp_path: Any):
    family = add_people(door, 3)
    following = links(door.get(f"/Patient?family={family}&_count=2").get_json(force=True))["next"].removeprefix(BASE)
    other = Region(region.settings.database, tmp_path)
    elsewhere = Door(other.app, None)
    elsewhere.headers = door.headers
    assert len(entries(elsewhere.get(following))) == 1
    other.close()


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("nmae=x", "http.nmae"),
        ("name:contians=x", "http.name:contians"),
        ("birthdate=yesterday", "http.birthdate"),
        ("family=", "http.family"),
        ("_count=-1", "http._count"),
        ("_sort=nothing", "http._sort"),
        ("_include=Patient:nothing", "http._include"),
        ("_has:Observation:nothing:code=1", "http._has:Observation:nothing:code"),
        ("_summary=true", "http._summary"),
        ("_elements=name", "http._elements"),
        ("_filter=name", "http._filter"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(door: Door, query: str, place: str):
    issue = outcome(door.get(f"/Patient?{query}"), 400)
    assert issue["expression"] == [place]


def test_lenient_handling_warns_inside_the_bundle_and_prints_what_was_executed(door: Door):
    family = add_people(door, 1)
    answer = door.get(f"/Patient?family={family}&nmae=x", headers={"Prefer": "handling=lenient"})
    bundle = answer.get_json(force=True)
    modes = [e["search"]["mode"] for e in bundle["entry"]]
    assert modes == ["match", "outcome"]
    issue = bundle["entry"][1]["resource"]["issue"][0]
    assert (issue["severity"], issue["expression"]) == ("warning", ["http.nmae"])
    assert links(bundle)["self"] == f"{BASE}/Patient?family={family}"
    outcome(door.get("/Patient?nmae=x", headers={"Prefer": "handling=strict"}), 400)
    outcome(door.get("/Patient?birthdate=x", headers={"Prefer": "handling=lenient"}), 400)


def test_totals_are_given_when_asked_or_evident(door: Door):
    family = add_people(door, 3)
    assert door.get(f"/Patient?family={family}").get_json(force=True)["total"] == 3
    assert "total" not in door.get(f"/Patient?family={family}&_count=2").get_json(force=True)
    assert door.get(f"/Patient?family={family}&_count=2&_total=accurate").get_json(force=True)["total"] == 3
    for counted in ("_summary=count", "_count=0"):
        bundle = door.get(f"/Patient?family={family}&{counted}").get_json(force=True)
        assert bundle["total"] == 3
        assert "entry" not in bundle


def test_includes_and_reverse_includes_come_beside_their_matches(door: Door):
    person = door.create({"resourceType": "Patient"})
    about = {"reference": f"Patient/{person['id']}"}
    order = door.create({"resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": about})
    report = door.create({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"},
                          "subject": about, "basedOn": [{"reference": f"ServiceRequest/{order['id']}"}]})  # fmt: skip
    forward = entries(
        door.get(
            f"/DiagnosticReport?_id={report['id']}&_include=DiagnosticReport:subject&_include=DiagnosticReport:based-on"
        )
    )
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in forward][0] == (report["id"], "match")
    assert {e["resource"]["id"] for e in forward if e["search"]["mode"] == "include"} == {person["id"], order["id"]}
    reverse = entries(door.get(f"/Patient?_id={person['id']}&_revinclude=DiagnosticReport:subject"))
    assert {(e["resource"]["id"], e["search"]["mode"]) for e in reverse} == {
        (person["id"], "match"),
        (report["id"], "include"),
    }


def test_a_written_resource_is_found_at_once_and_a_deleted_one_no_more(door: Door):
    family = unique("Family")
    content = door.create({"resourceType": "Patient", "name": [{"family": family}]})
    assert door.search(f"/Patient?family={family}")
    content["name"][0]["family"] = f"Other{family}"
    door.put(f"/Patient/{content['id']}", json=content)
    assert not door.search(f"/Patient?family:exact={family}")
    assert door.search(f"/Patient?family=Other{family}")
    door.delete(f"/Patient/{content['id']}")
    assert not door.search(f"/Patient?family=Other{family}")


def test_large_answers_are_compressed_for_those_who_take_it(door: Door):
    family = add_people(door, 60)
    path = f"/Patient?family={family}&_count=60"
    plain = door.get(path)
    assert "Content-Encoding" not in plain.headers
    zipped = door.get(path, headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert plain.headers["Vary"] == zipped.headers["Vary"] == "Accept-Encoding"
    for refused in ("identity", "gzip;q=0", "br"):
        assert "Content-Encoding" not in door.get(path, headers={"Accept-Encoding": refused}).headers
    small = door.get("/Patient?_id=x", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


def test_what_was_asked_is_printed_whole_in_the_self_link(door: Door):
    asked = "name=O%27Brien%2C+Zo%C3%AB&identifier=http://a.example/x|1%262&birthdate=ge1950&birthdate=lt1960"
    bundle = door.get(f"/Patient?{asked}").get_json(force=True)
    again = parse_qs(urlsplit(links(bundle)["self"]).query)
    assert again == {
        "name": ["O'Brien, Zo\u00eb"],
        "identifier": ["http://a.example/x|1&2"],
        "birthdate": ["ge1950", "lt1960"],
    }
