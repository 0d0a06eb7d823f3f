"""Metadata on its way out: regional identifier in, local identifiers and inner addresses out, links to us. Pure.

Works on the DICOM JSON model (PS3.18 annex F). A link that we cannot serve is removed rather than leaked.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

from fhir_server.imaging import dicom_json as tags
from fhir_server.imaging.dicom_json import element
from fhir_server.imaging.ports import DicomJson
from fhir_server.imaging.regional_identity import RegionalIdentity

_LOCAL_IDENTITY = (tags.OTHER_PATIENT_IDS, tags.OTHER_PATIENT_IDS_SEQUENCE, tags.ISSUER_OF_PATIENT_ID_QUALIFIERS)


class Rewriter:
    """Rewrites the rows of one study. `inner_root` is the archive's DICOMweb root (or its path), `outer_root` ours."""

    def __init__(self, study_uid: str, inner_root: str, outer_root: str, identity: RegionalIdentity) -> None:
        self._study = f"studies/{study_uid}"
        self._inner = urlsplit(inner_root).path.rstrip("/")
        self._outer = outer_root
        self._identity = identity.id_elements()

    def rewrite(self, row: DicomJson, request_path: str) -> DicomJson:
        """The row as the caller may see it; `request_path` is what relative links are relative to."""
        base = f"{self._inner}/{request_path}"
        found = {tag: self._element(e, base) for tag, e in row.items() if tag not in _LOCAL_IDENTITY}
        found.update(self._identity)
        found[tags.SPECIFIC_CHARACTER_SET] = element("CS", "ISO_IR 192")
        if tags.RETRIEVE_URL in found:
            found[tags.RETRIEVE_URL] = element("UR", self._retrieve_url(found))
        return dict(sorted(found.items()))

    def _element(self, value: Any, base: str) -> Any:
        if not isinstance(value, dict):
            return value
        if "BulkDataURI" in value:
            ours = self._link(str(value["BulkDataURI"]), base)
            return {**value, "BulkDataURI": ours} if ours else {"vr": value.get("vr", "UN")}
        if value.get("vr") == "SQ":
            items = [self._item(item, base) for item in value.get("Value", ())]
            return {**value, "Value": items} if items else value
        return value

    def _item(self, item: Any, base: str) -> Any:
        return {tag: self._element(e, base) for tag, e in item.items()} if isinstance(item, dict) else item

    def _link(self, uri: str, base: str) -> str:
        """Our URL for an archive's link into this very study; "" for any other."""
        path = urlsplit(urljoin(base, uri)).path
        position = path.find(f"/{self._study}/")
        return f"{self._outer}{path[position:]}" if position >= 0 and ".." not in path else ""

    def _retrieve_url(self, row: DicomJson) -> str:
        series, instance = tags.text(row, tags.SERIES_INSTANCE_UID), tags.text(row, tags.SOP_INSTANCE_UID)
        url = f"{self._outer}/{self._study}"
        if series:
            url += f"/series/{series}"
        return f"{url}/instances/{instance}" if instance else url
