"""Which mapping a message gets, and why one gets none."""

import pytest

from hl7.fragments import Unmappable
from hl7.messages import map_payload
from hl7.profile import Profile

_PROFILE = Profile("https://record.example/issuer/RX1/ris", "RX1")
_PID = "PID|1||M1^^^RX1^MR||A"


def _map(message_type: str, *more: str, processing_id: str = "P", profile: Profile = _PROFILE):
    head = f"MSH|^~\\&|PAS|RX1|REC|REGION|20260301090000||{message_type}|1|{processing_id}|2.4"
    return map_payload("\r".join([head, *more]).encode(), profile)


def _reason(*arguments: str, **options: str) -> str:
    with pytest.raises(Unmappable) as caught:
        _map(*arguments, **options)
    return caught.value.code


@pytest.mark.parametrize("message_type", ["ADT^A08", "ADT^A08^ADT_A01", "ADT^A08^ADT_A08", "adt^a08", "ADT_A08"])
def test_structure_follows_from_type_and_event(message_type):
    assert _map(message_type, _PID).message_type == "ADT^A08"


def test_event_is_read_from_evn_when_the_header_lacks_it():
    assert _map("ADT", "EVN|A31", _PID).message_type == "ADT^A31"


@pytest.mark.parametrize("message_type", ["", "ADT", "ADT^A99", "SIU^S12", "MDM^T02", "ACK", "^", "ORU^R99"])
def test_unknown_message_type_is_unmappable(message_type):
    assert _reason(message_type, _PID) == "unsupported-message-type"


@pytest.mark.parametrize("processing_id", ["T", "D", "X"])
def test_training_and_debugging_messages_are_not_filed(processing_id):
    assert _reason("ADT^A08", _PID, processing_id=processing_id) == "processing-id"


def test_profile_may_accept_training_messages():
    profile = Profile("https://record.example/issuer/RX1/ris", "RX1", processing_ids=frozenset({"T"}))
    assert _map("ADT^A08", _PID, processing_id="T^A", profile=profile).patient is not None


def test_two_messages_in_one_frame_are_not_mapped_as_one():
    assert _reason("ADT^A08", _PID, "MSH|^~\\&|PAS|RX1|||2026||ADT^A08|2|P|2.4", _PID) == "several-messages"


def test_message_without_patient_is_unmappable():
    assert _reason("ADT^A08") == "no-patient-segment"
    assert _reason("ORU^R01", "OBR|1") == "no-patient-segment"


def test_order_without_orders_is_unmappable():
    assert _reason("ORM^O01", _PID) == "no-order-segment"
    assert _reason("ORM^O01", _PID, "ORC|NW") == "no-order-identifier"
    assert _reason("ORU^R01", _PID, "OBR|1||||") == "no-report-identifier"


def test_bytes_without_header_are_unmappable():
    with pytest.raises(Unmappable) as caught:
        map_payload(b"not a message", _PROFILE)
    assert caught.value.code == "no-message-header"


def test_message_without_time_never_wins_over_a_dated_one():
    message = map_payload(b"MSH|^~\\&|PAS|RX1|||||ADT^A08|1|P|2.4\r" + _PID.encode(), _PROFILE)
    assert message.message_time.year == 1970
    assert [warning.code for warning in message.warnings] == ["no-message-time"]
