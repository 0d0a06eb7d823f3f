"""Every message that a RIS sends can be filed without a warning, and says what its step of the exam says."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest

from adapters.emulated_trust.exam import LONDON
from adapters.emulated_trust.messages import TimedMessage, exam_messages
from adapters.emulated_trust.pdf import make_pdf
from adapters.emulated_trust.region import Region
from adapters.emulated_trust.special_cases import OLD_MRN
from adapters.emulated_trust.trusts import BY_ODS, TRUSTS, Trust
from hl7.message import Message, parse_message
from hl7.messages import map_payload
from hl7.profile import Profile

REGION = Region(seed=3, patients=40, now=datetime(2026, 7, 1, 12, 30, tzinfo=LONDON))


def _case(name: str) -> dict[str, Message]:
    return {message.event: parse_message(message.payload) for message in exam_messages(REGION.cases[name].shown)}


def _report_text(message: Message) -> str:
    return "\n".join(obx.get(5) for obx in message.all("OBX"))


@pytest.mark.parametrize("trust", TRUSTS, ids=lambda trust: trust.ods)
def test_every_message_is_filed_without_a_warning(trust: Trust) -> None:
    profile = Profile(issuer=f"https://record.example/issuer/{trust.ods}", trust=trust.ods)
    for message in REGION.messages(trust):
        assert not map_payload(message.payload, profile).warnings


@pytest.mark.parametrize("trust", TRUSTS, ids=lambda trust: trust.ods)
def test_control_ids_are_unique_and_short_enough(trust: Trust) -> None:
    headers = [parse_message(message.payload).header for message in REGION.messages(trust)]
    identifiers = [header.control_id for header in headers]
    assert len(set(identifiers)) == len(identifiers)
    assert all(len(identifier) <= 20 for identifier in identifiers)
    assert {header.sending_facility for header in headers} == {trust.ods}


def test_orders_are_written_in_each_trusts_style() -> None:
    for trust in TRUSTS:
        orders = [message for message in REGION.messages(trust) if message.event == "ordered"]
        assert {parse_message(order.payload).header.event for order in orders} == {trust.order_style}


def test_report_goes_line_by_line_with_empty_lines_kept() -> None:
    final = _case("addendum")["final"]
    lines = [obx.get(5) for obx in final.all("OBX") if obx.get(2) == "TX"]
    assert lines[0].startswith("Clinical indication: ") and "" in lines


def test_addendum_repeats_the_report_and_adds_to_it() -> None:
    said = _case("addendum")
    assert "ADDENDUM" in _report_text(said["addendum"])
    assert "ADDENDUM" not in _report_text(said["final"])


def test_correction_turns_the_side_round_under_status_c() -> None:
    said = _case("corrected")
    assert "left lower zone" in _report_text(said["final"])
    assert "right lower zone" in _report_text(said["correction"])
    assert said["correction"].first("OBR").get(25) == "C"


def test_document_report_carries_a_pdf() -> None:
    document = next(obx for obx in _case("pdf-report")["final"].all("OBX") if obx.get(2) == "ED")
    assert base64.b64decode(document.get(5, 5)).startswith(b"%PDF-1.4")


def test_unreported_exam_has_been_performed_and_not_read() -> None:
    assert "performed" in _case("unreported") and "final" not in _case("unreported")


def test_order_without_images_has_only_its_order() -> None:
    assert set(_case("order-only")) == {"ordered", "scheduled"}


def test_merge_names_the_number_that_ends() -> None:
    merges = [message for message in REGION.messages(BY_ODS["RX1"]) if message.event == "A40"]
    assert [_loser(message) for message in merges] == [OLD_MRN]


def _loser(message: TimedMessage) -> str:
    return parse_message(message.payload).first("MRG").get(1)


def test_pdf_table_points_at_its_objects() -> None:
    page = make_pdf(["One (line)", "back\\slash", "Żak"])
    start = int(page.split(b"startxref\n")[1].split(b"\n")[0])
    assert page[start:].startswith(b"xref")
    places = [int(line.split()[0]) for line in page[start:].split(b"\n")[3:8]]
    assert [page[place : place + 1] for place in places] == [b"1", b"2", b"3", b"4", b"5"]
