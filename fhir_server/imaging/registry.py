"""Archives as operators register them; each becomes an Endpoint of the record (https://hl7.org/fhir/R4/endpoint.html).

The Endpoint's address is the region's own DICOMweb door, under the region's access rule; the archive's inner address
stays in the registry.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from fhir_server.errors import BadRequest
from fhir_server.fhir.documents import make_document
from fhir_server.interactions.write import store_resource
from fhir_server.storage.archives import ArchiveRecord, add_archive
from fhir_server.storage.database import Connection
from fhir_server.storage.keys import new_resource_id
from fhir_server.storage.unit_of_work import Storage
from terminology.systems import ODS_ORGANIZATION_CODE

KINDS = ("dicom-wado-rs", "dimse", "image-store")
_CONNECTION_TYPE = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
_ENDPOINT_NAME = "urn:imaging-record:endpoint"


@dataclass(frozen=True)
class NewArchive:
    """What an operator says of an archive. `address` is its DICOMweb root, or HOST:PORT for `dimse`."""

    name: str
    trust: str
    trust_name: str
    kind: str
    address: str
    aet: str
    patient_issuer: str
    accession_issuer: str


def add_endpoint(storage: Storage, new: NewArchive, door: str) -> ArchiveRecord:
    """Register an archive and its Endpoint; `door` is the region's DICOMweb root. BadRequest or DuplicateKey."""
    _require_sane(new)
    record = ArchiveRecord(
        new_resource_id(), new.name, new.trust, new.kind, new.address, new.aet, new.patient_issuer,
        new.accession_issuer, time.time_ns() // 1000,
    )  # fmt: skip

    def work(connection: Connection) -> None:
        add_archive(connection, record)
        document = make_document(_endpoint(new, door))
        store_resource(storage.unit_of_work(connection), document, resource_id=record.endpoint_id, composed=True)

    storage.database.write(work)
    return record


def _endpoint(new: NewArchive, door: str) -> dict[str, object]:
    return {
        "resourceType": "Endpoint",
        "identifier": [{"system": _ENDPOINT_NAME, "value": new.name}],
        "status": "active",
        "connectionType": {"system": _CONNECTION_TYPE, "code": "dicom-wado-rs"},
        "name": new.name,
        "managingOrganization": {
            "identifier": {"system": ODS_ORGANIZATION_CODE, "value": new.trust}, "display": new.trust_name,
        },
        "payloadType": [{"text": "DICOM"}],
        "payloadMimeType": ["application/dicom"],
        "address": door,
    }  # fmt: skip


def _require_sane(new: NewArchive) -> None:
    if new.kind not in KINDS:
        raise BadRequest(f"An endpoint is one of {', '.join(KINDS)}.")
    if not new.name.strip():
        raise BadRequest("An endpoint needs a name.")
    if new.kind == "dicom-wado-rs" and urlsplit(new.address).scheme not in ("http", "https"):
        raise BadRequest("--url is the archive's DICOMweb root, such as https://pacs.example/dicom-web.")
    if new.kind == "dimse":
        host, _, port = new.address.removeprefix("dicom://").rpartition(":")
        if not host or not port.isdecimal() or not new.aet:
            raise BadRequest("A dimse endpoint needs --url HOST:PORT and --aet TITLE.")
