"""What senders send is filed or quarantined with a reason, or refused to their face: the sums agree, whatever comes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hl7.mllp import Frame, MllpFramer, make_frame
from tests.journeys import region
from tests.journeys.senders import exam_story
from tests.journeys.served import ServedRecord, eventually

pytestmark = pytest.mark.timeout(600)
SIZE_MAX = 200_000


@dataclass(frozen=True)
class Case:
    """What is sent, the acknowledgement code it must get, and the state and reason it must end in ("": not kept)."""

    name: str
    payload: bytes
    code: str
    state: str = ""
    reason: str = ""


def _msh(
    control_id: str, facility: str = "RX1", event: str = "ADT^A08", processing: str = "P", charset: str = ""
) -> str:
    fields = [
        "MSH",
        "^~\\&",
        "RIS",
        facility,
        "REGION",
        "RX1",
        "20260302090000",
        "",
        event,
        control_id,
        processing,
        "2.4",
    ]
    return "|".join([*fields, "", "", "", "", "", charset]).rstrip("|") + "\r"


def _adt(control_id: str, name: bytes = b"TESTER^ROBIN", **header: str) -> bytes:
    pid = b"PID|1||C%d^^^RX1^MR||" % (sum(control_id.encode()) * 7) + name + b"||19600102|F\r"
    return _msh(control_id, **header).encode() + b"EVN|A08|20260302090000\rPV1||O\r".replace(b"PV1", pid + b"PV1")


CASES = (
    Case("an ordinary message", _adt("OK1"), "AA", "filed"),
    Case("a sender nobody registered", _adt("STRANGER", facility="XYZ"), "AA", "quarantined", "unknown-sender"),
    Case("no header", b"PID|1||C1^^^RX1^MR\r", "AR"),
    Case("garbage", bytes(range(1, 11)) + b"\xff\xfe" * 40, "AR"),
    Case("an empty frame", b"", "AR"),
    Case("a test message on a production feed", _adt("TEST1", processing="T"), "AE"),
    Case("too large", _adt("BIG1") + b"NTE|1||" + b"x" * SIZE_MAX + b"\r", "AR"),
    Case("a type that is not mapped", _adt("TYPE1", event="BAR^P01"), "AA", "quarantined", "unsupported-message-type"),
    Case("a header alone", _msh("ALONE1").encode(), "AA", "quarantined"),
    Case("Latin-1 that is declared", _adt("LATIN1", b"M\xfcller^J\xf6rg", charset="8859/1"), "AA", "filed"),
    Case("UTF-8 that is not", _adt("BROKEN1", b"M\xfcller^J\xf6rg", charset="UNICODE UTF-8"), "AA"),
    Case("a character set nobody knows", _adt("CHARSET1", b"MULLER^JORG", charset="KLINGON"), "AA"),
    Case("lines that end in LF", _adt("LF1").replace(b"\r", b"\n"), "AA", "filed"),
    Case("control characters in a name", _adt("CTRL1", b"TES\x01TER^RO\x07BIN"), "AA"),
    Case("an acknowledgement", _msh("ACK1", event="ACK").encode() + b"MSA|AA|X\r", "AA", "ignored", "acknowledgement"),
)
KEPT = tuple(case for case in CASES if case.code == "AA")
_UNMAPPED = {"quarantined", "filed", "filed-with-warnings"}


class Line:
    """A connection that shows what comes back."""

    def __init__(self, record: ServedRecord) -> None:
        self._socket = socket.create_connection(("127.0.0.1", record.mllp_port), timeout=60)
        self._framer = MllpFramer()

    def exchange(self, payload: bytes) -> dict[str, str]:
        """MSA-1 and MSA-2 of the one answer."""
        self._socket.sendall(make_frame(payload))
        while data := self._socket.recv(65536):
            for event in self._framer.feed(data):
                assert isinstance(event, Frame)
                return _acknowledgement(event.payload)
        raise AssertionError("the connection was closed without an answer")

    def close(self) -> None:
        self._socket.close()


def _acknowledgement(payload: bytes) -> dict[str, str]:
    segments = [line.split("|") for line in payload.decode("ascii", "replace").split("\r") if line]
    header, answer = segments[0], next(s for s in segments if s[0] == "MSA")
    assert header[0] == "MSH"
    assert header[8].startswith("ACK")
    return {"code": answer[1], "control_id": answer[2] if len(answer) > 2 else ""}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[ServedRecord]:
    folder = tmp_path_factory.mktemp("served")
    with ServedRecord(folder, database_url, mllp_message_bytes_max=SIZE_MAX) as running:
        region.register(running.start(web_workers=1))
        yield running


@pytest.fixture(scope="module")
def answers(record: ServedRecord) -> dict[str, dict[str, str]]:
    """The answer to each case: all over one connection, with ordinary exams on another between them."""
    line, other, heard = Line(record), Line(record), {}
    story = [payload for number in range(4) for _, payload in exam_story("RWE", number)]
    for case in CASES:
        heard[case.name] = line.exchange(case.payload)
        assert other.exchange(story.pop(0))["code"] == "AA"
    line.close()
    other.close()
    region.wait_until_filed(record)
    return heard


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_sender_hears_the_right_code(answers: dict[str, dict[str, str]], case: Case):
    assert answers[case.name]["code"] == case.code
    if case.payload.startswith(b"MSH"):
        assert answers[case.name]["control_id"] == _control_id(case.payload)


def _control_id(payload: bytes) -> str:
    return payload.split(b"|")[9].decode()


@pytest.mark.parametrize("case", KEPT, ids=lambda case: case.name.replace(" ", "-"))
def test_accepted_message_ends_where_it_should(answers: dict[str, dict[str, str]], record: ServedRecord, case: Case):
    state, reason = region.fate(record, _control_id(case.payload))
    assert state in ({case.state, f"{case.state}-with-warnings"} if case.state else _UNMAPPED)
    assert not case.reason or reason == case.reason
    assert bool(reason) == (state in ("quarantined", "ignored"))


def test_sums_agree(answers: dict[str, dict[str, str]], record: ServedRecord):
    states = region.message_states(record)
    assert sum(states.values()) == len(KEPT) + len(CASES), "accepted: the odd ones, and an ordinary one after each"
    assert not [reason for state, reason in states if state == "received"]
    assert not [state for state, reason in states if reason == "internal-error"]


def test_reasons_say_nothing_of_patients(answers: dict[str, dict[str, str]], record: ServedRecord):
    log = record.log.read_text()
    assert not [name for name in ("ROBIN", "TESTER", "JORG", "Müller") if name in log]


def test_operators_see_the_sums(answers: dict[str, dict[str, str]], record: ServedRecord):
    assert record.get("/readyz").status_code == 200
    filed = eventually(lambda: _metric(record, 'feed="RWE RIS",outcome="filed'), "filed messages are counted")
    assert filed == len(CASES)
    assert _metric(record, 'outcome="quarantined"') == sum(
        count for (state, _), count in region.message_states(record).items() if state == "quarantined"
    ) - _metric_of_strangers(record)


def _metric(record: ServedRecord, labels: str) -> int:
    lines = [
        line for line in record.get("/metrics").text.splitlines() if line.startswith("imaging_record_feed_messages")
    ]
    return round(sum(float(line.rpartition(" ")[2]) for line in lines if labels in line))


def _metric_of_strangers(record: ServedRecord) -> int:
    """A stranger's message is quarantined as it is received, not by filing."""
    return sum(n for (_, reason), n in region.message_states(record).items() if reason == "unknown-sender")
