"""batch and transaction over HTTP, on both databases (https://hl7.org/fhir/R4/http.html#transaction)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.fhir_door import BASE, Door, entries, outcome, unique

MRN = "http://a.example/mrn"


def patient(value: str = "", **more: Any) -> dict[str, Any]:
    identifier = {"identifier": [{"system": MRN, "value": value}]} if value else {}
    return {"resourceType": "Patient", **identifier, **more}


def report(subject: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "CT"},
            "subject": {"reference": subject}, **more}  # fmt: skip


def post(resource: dict[str, Any], full_url: str | None = None, **request: str) -> dict[str, Any]:
    made = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **request}}
    return made if full_url is None else {"fullUrl": full_url, **made}


def put(resource: dict[str, Any], **request: str) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url, **request}}


def ask(method: str, url: str, **request: str) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **request}}


def send(door: Door, kind: str, *asked: dict[str, Any], **given: Any) -> TestResponse:
    return door.post("", json={"resourceType": "Bundle", "type": kind, "entry": list(asked)}, **given)


def transact(door: Door, *asked: dict[str, Any], **given: Any) -> list[dict[str, Any]]:
    """The response entries of a transaction that succeeds."""
    return entries(send(door, "transaction", *asked, **given))


def located(entry: dict[str, Any]) -> str:
    """`/Type/id` of a written entry."""
    location: str = entry["response"]["location"]
    return location.removeprefix(BASE).partition("/_history")[0]


URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"


def test_transaction_resolves_references_between_its_entries_whatever_their_order(door: Door):
    made = transact(door, post(report(URN)), post(patient(unique("m")), URN))
    stored = door.get(located(made[0])).get_json(force=True)
    assert stored["subject"]["reference"] == located(made[1]).removeprefix("/")
    assert [r["id"] for r in door.search(f"/DiagnosticReport?subject={stored['subject']['reference']}")] == [
        stored["id"]
    ]


def test_links_are_replaced_in_references_addresses_and_narrative_but_not_in_business_values(door: Door):
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{URN}">who</a> {URN}</div>'
    content = report(
        URN,
        text={"status": "generated", "div": div},
        extension=[
            {"url": "http://a.example/ref", "valueReference": {"reference": URN}},
            {"url": "http://a.example/uri", "valueUri": URN},
            {"url": "http://a.example/text", "valueString": URN},
            {"url": "http://a.example/deep", "extension": [{"url": "a", "valueReference": {"reference": URN}}]},
        ],
        contained=[{"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": URN}}],
        result=[{"reference": "#o"}],
        identifier=[{"system": "urn:ietf:rfc:3986", "value": URN}],
        conclusion=f"About {URN}.",
    )  # fmt: skip
    made = transact(door, post(content), post(patient(unique("m")), URN))
    stored = door.get(located(made[0])).get_json(force=True)
    target = located(made[1]).removeprefix("/")
    assert stored["subject"] == {"reference": target}
    assert stored["contained"][0]["subject"] == {"reference": target}
    by_url = {e["url"].rpartition("/")[2]: e for e in stored["extension"]}
    assert by_url["ref"]["valueReference"] == {"reference": target}
    assert by_url["deep"]["extension"][0]["valueReference"] == {"reference": target}
    assert by_url["uri"]["valueUri"] == target
    assert by_url["text"]["valueString"] == URN
    assert stored["identifier"][0]["value"] == URN
    assert stored["conclusion"] == f"About {URN}."
    assert stored["text"]["div"] == div.replace(f'"{URN}"', f'"{target}"')


def test_replacing_links_leaves_every_other_byte(door: Door):
    code = '{"text":"\\u0041 \\/ \u00eb"}'
    text = '{"resourceType":"DiagnosticReport","status":"final", "code" : ' + code + ',"subject":{"reference":"%s"}}'
    escaped = (text % URN.replace("61eb", "\\u00361eb")).encode().decode()
    bundle = (
        '{"resourceType":"Bundle","type":"transaction","entry":['
        f'{{"resource":{escaped},"request":{{"method":"POST","url":"DiagnosticReport"}}}},'
        f'{{"fullUrl":"{URN}","resource":{{"resourceType":"Patient"}},"request":{{"method":"POST","url":"Patient"}}}}]}}'
    )
    made = entries(door.post("", data=bundle.encode()))
    stored = door.get(located(made[0])).text
    assert '"code":{"text":"\\u0041 \\/ \u00eb"}' in stored
    assert f'"subject":{{"reference":"{located(made[1])[1:]}"}}' in stored


def test_references_to_restful_full_urls_are_resolved(door: Door):
    made = transact(
        door,
        post(patient(unique("m")), "http://elsewhere.example/fhir/Patient/p77"),
        post(report("Patient/p77")),
        post(report("http://elsewhere.example/fhir/Patient/p77")),
    )
    target = located(made[0])[1:]
    for entry in made[1:]:
        assert door.get(located(entry)).get_json(force=True)["subject"]["reference"] == target


def test_transaction_writes_in_the_order_of_the_specification_and_reads_last(door: Door):
    gone, kept = unique("t"), unique("t")
    for name in (gone, kept):
        door.put(f"/Patient/{name}", json=patient(id=name))
    made = transact(
        door,
        ask("GET", f"Patient/{kept}"),
        put(patient(id=kept, gender="female")),
        post(patient(kept), None, ifNoneExist=f"identifier={MRN}|{kept}"),
        ask("DELETE", f"Patient/{gone}"),
        ask("GET", f"Patient?identifier={MRN}|{kept}"),
    )
    assert [e["response"]["status"] for e in made] == ["200 OK", "200 OK", "201 Created", "204 No Content", "200 OK"]
    assert made[0]["resource"]["gender"] == "female"
    assert made[0]["resource"]["meta"]["versionId"] == "2"
    assert [e["resource"]["id"] for e in made[4]["resource"]["entry"]] == [located(made[2]).rpartition("/")[2]]
    outcome(door.get(f"/Patient/{gone}"), 410)


def test_response_names_every_version(door: Door):
    name = unique("t")
    made = transact(door, put(patient(id=name)), post(patient()), headers={"Prefer": "return=representation"})
    for entry in made:
        response = entry["response"]
        assert response["etag"] == 'W/"1"'
        assert response["location"].endswith("/_history/1")
        assert response["lastModified"] == entry["resource"]["meta"]["lastUpdated"]
        assert entry["fullUrl"] == response["location"].partition("/_history")[0]
    assert "resource" not in transact(door, put(patient(id=name)))[0]


def test_nothing_of_a_failed_transaction_is_stored(door: Door):
    value, name = unique("m"), unique("t")
    answer = send(
        door,
        "transaction",
        post(patient(value)),
        put(patient(id=name)),
        put(patient(id=unique("t")), ifMatch='W/"4"'),
    )
    issue = outcome(answer, 412)
    assert issue["expression"] == ["Bundle.entry[2].request.ifMatch"]
    assert not door.search(f"/Patient?identifier={MRN}|{value}")
    outcome(door.get(f"/Patient/{name}"), 404)


def test_a_namespace_first_seen_in_a_failed_transaction_can_be_searched_later(door: Door):
    system = f"http://a.example/{unique('new-system')}"
    person = {"resourceType": "Patient", "identifier": [{"system": system, "value": "1"}]}
    assert (
        send(door, "transaction", post(person), post(person), put(patient(id="x1"), ifMatch='W/"9"')).status_code == 412
    )
    stored = door.create(person)
    assert [p["id"] for p in door.search(f"/Patient?identifier={system}|1")] == [stored["id"]]


@pytest.mark.parametrize(
    ("bad", "status", "place"),
    [
        ({"resource": {"resourceType": "Patient"}}, 400, "Bundle.entry[1].request"),
        (ask("POST", "Patient"), 400, "Bundle.entry[1].resource"),
        ({"resource": 5, "request": {"method": "POST", "url": "Patient"}}, 400, "Bundle.entry[1].resource"),
        ({"resource": {}, "request": {"method": "POST", "url": "Patient"}}, 400, "Bundle.entry[1].resource"),
        (post({"resourceType": "Patient", "gender": "M"}), 422, "Bundle.entry[1].resource.gender"),
        (post({"resourceType": "Patient", "x": 1}), 400, "Bundle.entry[1].resource.x"),
        ({**ask("POST", "Group"), "resource": {"resourceType": "Patient"}}, 400, "Bundle.entry[1].resource"),
        ({**ask("POST", "Patiant"), "resource": {"resourceType": "Patiant"}}, 404, "Bundle.entry[1]"),
        ({**ask("PUT", "Patient/a"), "resource": patient(id="b")}, 400, "Bundle.entry[1].resource.id"),
        ({**ask("PUT", "Patient"), "resource": patient(id="b")}, 400, "Bundle.entry[1].request.url"),
        ({**ask("PUT", "Patient?name=b"), "resource": patient(id="b")}, 400, "Bundle.entry[1].request.url"),
        ({**ask("POST", "Patient/b"), "resource": patient(id="b")}, 400, "Bundle.entry[1].request.url"),
        (ask("DELETE", "Patient?name=b"), 400, "Bundle.entry[1].request.url"),
        (ask("PATCH", "Patient/b"), 405, "Bundle.entry[1].request.method"),
        (ask("GET", "Patient/_history"), 400, "Bundle.entry[1].request.url"),
        (ask("GET", "http://elsewhere.example/fhir/Patient/1"), 400, "Bundle.entry[1].request.url"),
        (ask("GET", "Patient/1/$everything"), 400, "Bundle.entry[1].request.url"),
        (ask("FETCH", "Patient/1"), 422, "Bundle.entry[1].request.method"),
        ({"request": {"method": "GET"}}, 422, "Bundle.entry[1].request"),
        ({"request": {"method": "GET", "url": "Patient/1", "iffMatch": "x"}}, 400, "Bundle.entry[1].request.iffMatch"),
        ({"request": {"method": "GET", "url": 5}}, 400, "Bundle.entry[1].request.url"),
        (put(patient(id="b"), ifMatch="3"), 400, "Bundle.entry[1].request.ifMatch"),
        (post(patient(), None, ifNoneExist="_count=2"), 400, "Bundle.entry[1].request.ifNoneExist"),
        (post(report("Patient?identifier=http://a.example/mrn|absent")), 412, "Bundle.entry[1]"),
    ],
)
def test_errors_of_a_transaction_name_the_entry(door: Door, bad: dict[str, Any], status: int, place: str):
    answer = send(door, "transaction", post(patient()), bad)
    assert outcome(answer, status)["expression"][0].startswith(place), answer.text


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "collection", "entry": []},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [5]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [None]},
        {"resourceType": "Bundle", "type": "transaction", "entree": []},
        {"resourceType": "Bundle", "type": ["transaction"]},
        {"resourceType": "Patient"},
    ],
)
def test_what_is_no_batch_or_transaction_is_refused(door: Door, bundle: dict[str, Any]):
    answer = door.post("", json=bundle)
    assert answer.status_code in (400, 422)
    outcome(answer, answer.status_code)


def test_too_many_entries_are_refused(door: Door):
    outcome(send(door, "batch", *[ask("GET", "Patient/1")] * 1001), 413)


def test_two_writes_of_one_resource_refuse_the_transaction(door: Door):
    name, value = unique("t"), unique("m")
    condition = f"identifier={MRN}|{value}"
    for twice in (
        [put(patient(id=name)), put(patient(id=name))],
        [put(patient(id=name)), ask("DELETE", f"Patient/{name}")],
        [post(patient(value), None, ifNoneExist=condition), post(patient(value), None, ifNoneExist=condition)],
    ):
        assert outcome(send(door, "transaction", *twice), 409)["expression"][0].startswith("Bundle.entry[")
    same = [post(patient(), URN), post(patient(), URN)]
    assert send(door, "transaction", *same).status_code in (400, 422)


def test_conditional_create_in_a_transaction_gives_the_matchs_id_to_references(door: Door):
    value = unique("m")
    there = door.create(patient(value))
    made = transact(
        door, post(patient(value), URN, ifNoneExist=f"identifier={MRN}|{value}"), post(report(URN))
    )  # fmt: skip
    assert made[0]["response"]["status"] == "200 OK"
    assert located(made[0]) == f"/Patient/{there['id']}"
    assert door.get(located(made[1])).get_json(force=True)["subject"]["reference"] == f"Patient/{there['id']}"


def test_conditional_references_find_their_one_target(door: Door):
    value = unique("m")
    there = door.create(patient(value))
    made = transact(door, post(report(f"Patient?identifier={MRN}|{value}")))
    assert door.get(located(made[0])).get_json(force=True)["subject"]["reference"] == f"Patient/{there['id']}"
    door.create(patient(value))
    outcome(send(door, "transaction", post(report(f"Patient?identifier={MRN}|{value}"))), 412)


def test_references_to_this_record_by_full_address_are_relative_afterwards(door: Door):
    there = door.create(patient())
    made = transact(door, post(report(f"{BASE}/Patient/{there['id']}")))
    assert door.get(located(made[0])).get_json(force=True)["subject"]["reference"] == f"Patient/{there['id']}"


def test_batch_answers_each_entry_by_itself_in_order(door: Door):
    name = unique("t")
    made = entries(
        send(
            door,
            "batch",
            post({"resourceType": "Patient", "gender": "M"}),
            put(patient(id=name)),
            {"resource": 5, "request": {"method": "POST", "url": "Patient"}},
            ask("GET", f"Patient/{name}"),
            ask("GET", "Patient/absent"),
            ask("GET", "Patient?nmae=x"),
            ask("GET", f"{BASE}/Patient/{name}/_history"),
            ask("GET", f"Patient/{name}/_history/1"),
            ask("GET", f"Patient/{name}", ifNoneMatch='W/"1"'),
            ask("DELETE", f"Patient/{name}"),
            ask("PATCH", f"Patient/{name}"),
            ask("GET", "metadata"),
        )
    )
    statuses = [e["response"]["status"][:3] for e in made]
    assert statuses == ["422", "201", "400", "200", "404", "400", "200", "200", "304", "204", "405", "404"]
    for position in (0, 2, 4, 5, 10, 11):
        issue = made[position]["response"]["outcome"]["issue"][0]
        assert issue["expression"][0].startswith(f"Bundle.entry[{position}]")
        assert issue["details"]["text"]
    assert made[6]["resource"]["type"] == "history"
    assert "resource" not in made[8]


def test_a_search_in_a_batch_can_be_walked(door: Door):
    family = unique("Walked")
    for _ in range(3):
        door.create(patient(name=[{"family": family}]))
    first = entries(send(door, "batch", ask("GET", f"Patient?family={family}&_count=2")))[0]["resource"]
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = entries(send(door, "batch", ask("GET", following)))[0]["resource"]
    assert len(first["entry"]) + len(second["entry"]) == 3


def test_numbers_in_bundles_keep_their_digits(door: Door):
    body = (
        '{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Observation"},"resource":'
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":6.30}}}]}'
    )
    made = entries(door.post("", data=body.encode()))
    assert '"value":6.30' in door.get(located(made[0])).text


@pytest.mark.parametrize(
    "spoilt",
    [
        '{"resourceType":"Bundle","type":"batch","type":"transaction"}',
        '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1","url":"Patient/2"}}]}',
        '{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"},"resource":'
        '{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}',
    ],
)
def test_members_given_twice_around_the_entries_are_refused(door: Door, spoilt: str):
    outcome(door.post("", data=spoilt.encode()), 400, "structure")


def test_the_examples_of_the_specification_can_be_sent_as_they_are(door: Door):
    """https://hl7.org/fhir/R4/bundle-transaction.json, shortened."""
    bundle = {
        "resourceType": "Bundle", "id": "bundle-transaction", "meta": {"lastUpdated": "2014-08-18T01:43:30Z"},
        "type": "transaction",
        "entry": [
            {"fullUrl": URN, "resource": {"resourceType": "Patient", "name": [{"family": "Chalmers"}]},
             "request": {"method": "POST", "url": "Patient"}},
            {"fullUrl": "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059",
             "resource": patient("234234"),
             "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={MRN}|234234"}},
            {"fullUrl": "http://example.org/fhir/Patient/123",
             "resource": {"resourceType": "Patient", "id": "123", "active": True},
             "request": {"method": "PUT", "url": "Patient/123"}},
            {"request": {"method": "DELETE", "url": "Patient/234"}},
            {"request": {"method": "GET", "url": "Patient?name=Chalmers"}},
            {"request": {"method": "GET", "url": "Patient/12334", "ifNoneMatch": 'W/"4"',
                         "ifModifiedSince": "2015-08-31T08:14:33+10:00"}},
        ],
    }  # fmt: skip
    made = entries(door.post("", data=json.dumps(bundle)))
    assert [e["response"]["status"][:3] for e in made][:2] == ["201", "201"]
    assert made[5]["response"]["status"] == "404"
