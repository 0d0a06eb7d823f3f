"""HL7 v2 under generated input: any split of bytes gives the same frames, any text survives, any damage is answered."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hl7.acknowledgement import make_acknowledgement
from hl7.conformance import find_warnings
from hl7.escapes import Delimiters, escape, unescape
from hl7.fragments import Fragment, MappedMessage, Unmappable
from hl7.message import NoMessageHeader, parse_message, peek_header
from hl7.messages import map_payload
from hl7.mllp import Frame, MllpFramer, Noise, Oversize, make_frame
from hl7.profile import Profile
from hl7.reading import joined
from tests.unit.hl7.samples import SAMPLES

_SAMPLES = [path.read_bytes() for path in sorted(SAMPLES.glob("*.hl7"))]
_PROFILES = (
    Profile("https://record.example/issuer/RX1/ris", "RX1"),
    Profile(
        "https://record.example/issuer/RX1/ris",
        "RX1",
        report_per_code=True,
        report_merge="line-merge",
        sender_is_filler=False,
        nhs_number_in_pid_19=True,
        report_date_in_obr_7=True,
        study_uid_from=("ZX1-2", "ZDS-1"),
    ),
)
_payloads = st.lists(st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\x0b\x1c")), max_size=5)


def _split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def _fed(data: bytes, cuts: list[int], max_bytes: int = 1000) -> list[object]:
    framer = MllpFramer(max_bytes)
    return [event for part in _split(data, cuts) for event in framer.feed(part)]


@given(_payloads, st.lists(st.integers(0, 300)))
def test_any_split_of_frames_gives_the_same_payloads(payloads, cuts):
    data = b"".join(make_frame(payload) for payload in payloads)
    assert _fed(data, cuts) == [Frame(payload) for payload in payloads]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)), st.integers(1, 30))
def test_any_split_of_any_bytes_gives_the_same_events(data, cuts, max_bytes):
    # Bytes from a small alphabet meet the special ones often.
    data = bytes(b"\x0b\x1c\rMa\x00"[byte % 6] for byte in data)
    assert _without_noise(_fed(data, cuts, max_bytes)) == _without_noise(_fed(data, [], max_bytes))
    assert _noise(_fed(data, cuts, max_bytes)) == _noise(_fed(data, [], max_bytes))


def _without_noise(events: list[object]) -> list[object]:
    return [event for event in events if not isinstance(event, Noise)]


def _noise(events: list[object]) -> int:
    return sum(event.count for event in events if isinstance(event, Noise))


@given(st.binary(max_size=300), st.integers(1, 50))
def test_every_byte_is_in_a_frame_or_counted(data, max_bytes):
    data = bytes(b"\x0b\x1c\rMa\x00"[byte % 6] for byte in data) + b"\x1c\r"
    events = _fed(data, [], max_bytes)
    frames = [event for event in events if isinstance(event, Frame | Oversize)]
    held = sum(len(frame.payload) if isinstance(frame, Frame) else frame.size for frame in frames)
    # A frame costs two bytes, and a third where CR follows.
    assert len(data) - 3 * len(frames) <= held + _noise(events) <= len(data) - 2 * len(frames)


_text = st.text(st.characters(blacklist_categories=["Cs", "Cc"]) | st.sampled_from("|^~\\&\n#$%\t\x0b\x1c"))


@given(_text)
def test_any_text_survives_escaping(text):
    assert unescape(escape(text)) == text


@given(_text)
def test_escaped_text_breaks_no_message(text):
    escaped = escape(text)
    assert not set(escaped) & set("|^~&\r\n\x0b\x1c")


@given(_text, st.permutations(list("#$%!*")))
def test_any_text_survives_under_other_delimiters(text, marks):
    odd = Delimiters(*marks)
    assert unescape(escape(text, odd), odd) == text


@given(st.text(max_size=200) | st.text("\\XH.brsp0A\n^&|", max_size=60))
def test_unescaping_anything_raises_nothing(text):
    assert isinstance(unescape(text), str)


_JUNK = st.sampled_from(
    [b"|", b"^", b"~", b"&", b"\\", b'""', b"\r", b"\n", b"\x00", b"\xff", b"\xc3\xa9", b"0", b"99999999999999999999",
     b"PID|", b"OBR|", b"OBX|", b"ORC|", b"MRG|", b"MSH|", b"20261301", b"\\X", b"\\.sp9999999999\\", b"-1", b" "]
)  # fmt: skip


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A sample with pieces cut out, put in and doubled, and perhaps cut short."""
    raw = draw(st.sampled_from(_SAMPLES))
    for _ in range(draw(st.integers(1, 8))):
        at, length = draw(st.integers(0, len(raw))), draw(st.integers(0, 20))
        piece = draw(_JUNK | st.binary(max_size=8) | st.just(raw[at : at + length]))
        raw = raw[:at] + piece + raw[at + length * draw(st.integers(0, 1)) :]
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_damaged(), st.sampled_from(_PROFILES))
def test_any_damage_is_mapped_or_unmappable(raw, profile):
    try:
        message = map_payload(raw, profile)
    except Unmappable as reason:
        assert reason.code
        return
    assert isinstance(message, MappedMessage)
    for fragment in message.fragments:
        assert fragment.key.value
        assert fragment.content["resourceType"] == fragment.resource_type


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_damaged())
def test_any_damage_behind_a_header_can_be_answered(raw):
    try:
        header = peek_header(raw)
    except NoMessageHeader:
        assume(False)
    ack = make_acknowledgement(header, "AE", "not filed")
    assert b"\rMSA|AE|" + escape(header.control_id).encode("latin-1", "replace") in ack
    assert parse_message(ack).first("MSA").get(1) == "AE"
    find_warnings(parse_message(raw))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(_PROFILES))
def test_any_bytes_behind_a_header_are_mapped_or_unmappable(tail, profile):
    raw = b"MSH|^~\\&|A|RX1|||20260101||ADT^A08|1|P|2.4\rPID|1||1^^^RX1^MR||" + tail
    try:
        map_payload(raw, profile)
    except Unmappable as reason:
        assert reason.code


def _comparable(fragment: Fragment) -> tuple[object, ...]:
    lists = {name: sorted(map(repr, value)) for name, value in fragment.content.items() if isinstance(value, list)}
    return fragment.key, lists, fragment.content.get("status"), fragment.event_time, fragment.status_rank


@settings(deadline=None)
@given(st.permutations([f for raw in _SAMPLES[-9:] for f in map_payload(raw, _PROFILES[0]).fragments]))
def test_joining_is_the_same_in_any_order(fragments):
    first = next(f for f in fragments if f.resource_type == "DiagnosticReport")
    same = [f for f in fragments if f.key == first.key]
    forwards, backwards = same[0], same[-1]
    for fragment in same[1:]:
        forwards = joined(forwards, fragment)
    for fragment in reversed(same[:-1]):
        backwards = joined(backwards, fragment)
    assert _comparable(forwards)[2:] == _comparable(backwards)[2:]
