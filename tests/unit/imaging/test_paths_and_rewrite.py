"""Only DICOMweb resources pass, and metadata leaves with our identifiers and our addresses."""

from __future__ import annotations

import json

import pytest

from fhir_server.errors import BadRequest, NotFound
from fhir_server.imaging.dicom_json import element
from fhir_server.imaging.paths import read_target
from fhir_server.imaging.regional_identity import make_identity
from fhir_server.imaging.rewrite import Rewriter

PATIENT = {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000026"}]}


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("1.2.3", ""),
        ("1.2.3/metadata", "metadata"),
        ("1.2.3/series/1.4/rendered", "rendered"),
        ("1.2.3/series/1.4/instances/1.5", ""),
        ("1.2.3/series/1.4/instances/1.5/frames/1,2,3", ""),
        ("1.2.3/series/1.4/instances/1.5/frames/1/thumbnail", "thumbnail"),
        ("1.2.3/series/1.4/instances/1.5/bulk/7fe00010", "bulk"),
        ("1.2.3/series/1.4/instances/1.5/bulkdata/00420011/1/x", "bulkdata"),
    ],
)
def test_resources_of_the_standard_are_read(path: str, what: str) -> None:
    assert (read_target(path).study_uid, read_target(path).what) == ("1.2.3", what)


@pytest.mark.parametrize(
    "path",
    ["", "abc", "1.2.3/", "1.2.3/archive", "1.2.3/instances/1.5", "1.2.3/metadata/x", "1.2.3/../1.2.4", "1..2",
     "1.2.3/series/1.4/instances/1.5/frames/0x1", "1.2.3/series/1.4/instances/1.5/frames/1/metadata",
     "1.2.3/series/1.4/instances/1.5/bulk/../../x", "1.2.3?x=1", "1.2.3/metadata\n"],
)  # fmt: skip
def test_nothing_else_is_asked_of_an_archive(path: str) -> None:
    with pytest.raises(NotFound):
        read_target(path)


def test_a_uid_has_at_most_64_characters() -> None:
    with pytest.raises(BadRequest):
        read_target("1" * 65)


def test_metadata_is_rewritten_at_every_depth() -> None:
    inner = "http://10.1.2.3:8042/dicom-web"
    row = {
        "00080005": element("CS", "ISO_IR 100"),
        "00081190": element("UR", f"{inner}/studies/1.2/series/1.3/instances/1.4"),
        "00080018": element("UI", "1.4"),
        "0020000E": element("UI", "1.3"),
        "00100020": element("LO", "LOCAL77"),
        "00101000": element("LO", "LOCAL78"),
        "00101002": {"vr": "SQ", "Value": [{"00100020": element("LO", "LOCAL79")}]},
        "7FE00010": {"vr": "OW", "BulkDataURI": f"{inner}/studies/1.2/series/1.3/instances/1.4/bulk/7fe00010"},
        "00420011": {"vr": "OB", "BulkDataURI": "../../1.4/bulk/00420011"},
        "00280000": {"vr": "OB", "BulkDataURI": "http://10.1.2.3/elsewhere/17"},
        "00409096": {"vr": "SQ", "Value": [{"00281201": {"vr": "OW", "BulkDataURI": f"{inner}/studies/1.2/bulk/9"}}]},
    }
    identity = make_identity("p1", json.dumps(PATIENT).encode())
    rewriter = Rewriter("1.2", inner, "https://record/dicomweb", identity)
    found = rewriter.rewrite(row, "studies/1.2/series/1.3/instances/1.4/metadata")
    written = json.dumps(found)
    assert "10.1.2.3" not in written and "LOCAL" not in written
    assert found["00100020"]["Value"] == ["9990000026"]
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    base = "https://record/dicomweb/studies/1.2"
    assert found["00081190"]["Value"] == [f"{base}/series/1.3/instances/1.4"]
    assert found["7FE00010"]["BulkDataURI"] == f"{base}/series/1.3/instances/1.4/bulk/7fe00010"
    assert found["00420011"]["BulkDataURI"].startswith(base)
    assert found["00280000"] == {"vr": "OB"}
    assert found["00409096"]["Value"][0]["00281201"]["BulkDataURI"] == f"{base}/bulk/9"


def test_without_an_nhs_number_the_records_own_id_is_the_regional_one() -> None:
    identity = make_identity("p1", b"{}")
    assert (identity.patient_id, identity.issuer) == ("p1", "IMAGINGRECORD")
