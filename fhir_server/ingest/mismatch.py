"""An order or report about somebody whose own feed gives another birth date or NHS number: filed, with an alarm.

The demographics in orders and results create who is missing and change nobody; a difference may mean that the message
is about somebody else.
"""

from __future__ import annotations

from fhir_server.identity.facts import verified_nhs_number
from fhir_server.ingest.statements import Source, patient_name
from fhir_server.storage import identities
from fhir_server.storage.unit_of_work import UnitOfWork
from hl7.fragments import MappedMessage, Warning

_BIRTH_DATE = Warning("PID-7", "demographics-mismatch", "the birth date is not the one that the patient's record has")
_NHS_NUMBER = Warning("PID-3", "demographics-mismatch", "the NHS number is not the one that the patient's record has")


def mismatches(uow: UnitOfWork, mapped: MappedMessage, source: Source) -> list[Warning]:
    """What a mention of the message's patient says differently; nothing for messages that own demographics."""
    said = [f for f in mapped.fragments if f.key == mapped.patient]
    if mapped.patient is None or not said or any(f.authoritative for f in said):
        return []
    known = identities.find(uow.connection, patient_name(mapped.patient, source))
    if known is None:
        return []
    content = said[0].content
    pairs = (
        (content.get("birthDate"), known.birth_date, _BIRTH_DATE),
        (verified_nhs_number(content), known.nhs_number, _NHS_NUMBER),
    )
    return [alarm for mentioned, own, alarm in pairs if mentioned and own and mentioned != own]
