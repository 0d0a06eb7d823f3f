"""Whether a caller may have a study, and the note that it was given: once per session and study, not per frame."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

from fhir_server.access.caller import Caller
from fhir_server.access.predicate import make_access_rule
from fhir_server.errors import Forbidden, NotFound
from fhir_server.imaging import qido_rows
from fhir_server.imaging.regional_identity import RegionalIdentity, make_identity
from fhir_server.imaging.services import Disclosure, ImagingServices
from fhir_server.storage.imaging_rows import StudyRow

#: Who (caller, session, the patient that the caller is bound to) and which study.
Key = tuple[str, str, str, str]

_REMEMBERED_S = 60.0  # how long a decision stands within a session: a study is hundreds of requests
_DISCLOSED_S = 3600.0
_ENTRIES_MAX = 10_000


@dataclass(frozen=True)
class OpenedStudy:
    """A study that the caller may read, with the identity its answers carry."""

    row: StudyRow
    document: dict[str, Any]
    identity: RegionalIdentity

    @property
    def named_endpoints(self) -> list[str]:
        """Archives to ask for what no harvest has seen. What only a client wrote may name none: it could claim any
        study that an archive holds."""
        return qido_rows.endpoint_ids(self.document) if self.row.composed else []


class StudyAccess:
    """Decides, remembers for a minute, and discloses. Thread-safe; one per process."""

    def __init__(self, services: ImagingServices) -> None:
        self._services = services
        self._turn = threading.Lock()
        self._opened: dict[Key, tuple[float, OpenedStudy]] = {}
        self._disclosed: dict[Key, float] = {}

    def open(self, caller: Caller, study_uid: str, asked: str) -> OpenedStudy:
        """The study, disclosed; NotFound when there is none that the caller may know of."""
        key = (caller.caller_id, caller.session, caller.patient_id or "", study_uid)
        opened = self._remembered(key) or self._remember(key, self._find(caller, study_uid))
        self._disclose(key, caller, opened, asked)
        return opened

    def identities(self, caller: Caller, rows: list[StudyRow]) -> dict[str, RegionalIdentity]:
        """Regional identities by Patient id, for the patients of these studies."""
        ids = [row.patient_id for row in rows if row.patient_id]
        found = self._services.studies.get_patients(ids, make_access_rule(caller, "r")) if _reads_people(caller) else {}
        return {i: make_identity(i, found[i].body if i in found else None) for i in ids}

    def _remembered(self, key: Key) -> OpenedStudy | None:
        entry = self._opened.get(key)
        return entry[1] if entry is not None and time.monotonic() - entry[0] < _REMEMBERED_S else None

    def _find(self, caller: Caller, study_uid: str) -> OpenedStudy:
        rule = make_access_rule(caller, "r")
        rule.require_type("ImagingStudy")
        row = self._services.studies.find_study(study_uid, rule)
        if row is None:
            raise NotFound("There is no such study.")
        identity = self.identities(caller, [row]).get(row.patient_id or "", make_identity(None, None))
        return OpenedStudy(row, json.loads(row.body), identity)

    def _remember(self, key: Key, opened: OpenedStudy) -> OpenedStudy:
        with self._turn:
            if len(self._opened) >= _ENTRIES_MAX:
                self._opened.clear()
            self._opened[key] = (time.monotonic(), opened)
        return opened

    def _disclose(self, key: Key, caller: Caller, opened: OpenedStudy, asked: str) -> None:
        with self._turn:
            if time.monotonic() - self._disclosed.get(key, float("-inf")) < _DISCLOSED_S:
                return
        self._services.disclose(Disclosure(caller, "open", asked, (opened.row,)))
        with self._turn:
            if len(self._disclosed) >= _ENTRIES_MAX:
                self._disclosed.clear()
            self._disclosed[key] = time.monotonic()


def _reads_people(caller: Caller) -> bool:
    try:
        make_access_rule(caller, "r").require_type("Patient")
    except Forbidden:
        return False
    return True
