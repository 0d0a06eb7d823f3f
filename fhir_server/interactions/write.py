"""The one door for writes (design decision 2): validate, place, index and store a document in an open transaction.

create, update, delete, batch and transaction, the feeds' composition, harvest and imports all end here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.access.policy import TypeClass, type_class
from fhir_server.errors import BadRequest, Issue, NotFound, RecordError, Unprocessable
from fhir_server.fhir.documents import Document, decode, finish, make_meta
from fhir_server.fhir.validate import validate_resource
from fhir_server.search.extract import extract, patient_ids
from fhir_server.storage.index_rows import EMPTY, IndexRows
from fhir_server.storage.keys import new_resource_id
from fhir_server.storage.unit_of_work import CurrentResource, NewVersion, StoredVersion, UnitOfWork
from terminology.systems import ODS_ORGANIZATION_CODE

_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_SEALED = {"R": 1, "V": 2}
#: Issue codes of a body that cannot be understood (400); the others break a rule that it states legibly (422).
_NOT_UNDERSTOOD = frozenset({"structure", "value", "invalid", "not-supported", "too-long"})


class _Invalid(BadRequest):
    code = "structure"


def require_valid(document: Document, resource_type: str | None = None, level: str = "standard") -> None:
    """Raise 400 (not understood) or 422 (a rule broken) with every issue when the document is not valid R4.

    `level` is the setting `validation_level`.
    """
    issues: Sequence[Issue] = validate_resource(
        document.content, expected_type=resource_type, level="full" if level == "full" else "standard"
    )
    errors = [i for i in issues if i.severity in ("error", "fatal")]
    if not errors:
        return
    kind: type[RecordError] = _Invalid if any(i.code in _NOT_UNDERSTOOD for i in errors) else Unprocessable
    raise kind(issues=errors)


def require_known_type(resource_type: str) -> None:
    """Raise NotFound (404) when this is no R4 resource type."""
    if type_class(resource_type) is None:
        raise NotFound(f"There is no resource type {resource_type} in FHIR R4.")


def store_resource(
    uow: UnitOfWork,
    document: Document,
    *,
    resource_id: str | None = None,
    method: str = "POST",
    custodian: str | None = None,
    composed: bool = False,
    current: CurrentResource | None = None,
    validate: bool = True,
) -> StoredVersion | None:
    """Store `document` as the first version of a new resource, or as the successor of `current` (read with a lock).

    `custodian` is the controller's ODS code; shared and conformance types have none. Returns None when composed
    content says nothing new. Errors as `require_valid`.
    """
    if validate:
        require_valid(document)
    resource_type = document.resource_type
    if not _has_custodian(document):
        custodian = None
    if composed and current is not None and not current.deleted and _says_the_same(document, current, custodian):
        return None
    rid = current.resource_id if current else resource_id or new_resource_id()
    version_id = current.version_id + 1 if current else 1
    now = max(uow.now, current.last_updated + 1) if current else uow.now
    meta = make_meta(document, version_id, now, _custodian_tag(custodian))
    body, content = finish(document, rid, meta)
    new = NewVersion(
        resource_type, rid, version_id, method, body,
        custodian=custodian,
        patient_ids=patient_ids(resource_type, content),
        sealed=_sealed(content),
        composed=composed,
        index=extract(resource_type, content),
    )  # fmt: skip
    return uow.store(new, current, index_rows_of(current))


def _has_custodian(document: Document) -> bool:
    """Shared rows have no controller, unless sealed: then the trust that sealed one is who still sees it."""
    owned = type_class(document.resource_type) in (TypeClass.CLINICAL, TypeClass.SECURITY)
    return owned or _sealed(document.content) > 0


def delete_resource(uow: UnitOfWork, current: CurrentResource) -> StoredVersion:
    """Store a deletion as the successor of `current` (read with a lock, not deleted)."""
    patients = patient_ids(current.resource_type, decode(current.body or b"{}"))
    new = NewVersion(
        current.resource_type, current.resource_id, current.version_id + 1, "DELETE", None,
        custodian=current.custodian, patient_ids=patients, sealed=current.sealed, composed=current.composed,
    )  # fmt: skip
    return uow.store(new, current, index_rows_of(current))


def index_rows_of(current: CurrentResource | None) -> IndexRows:
    """The rows that the current version put in the index: extraction is a function of the document."""
    if current is None or current.body is None:
        return EMPTY
    return extract(current.resource_type, decode(current.body))


def _says_the_same(document: Document, current: CurrentResource, custodian: str | None) -> bool:
    before: dict[str, Any] = decode(current.body or b"{}")
    ignored = ("id", "meta")
    same_content = {k: v for k, v in before.items() if k not in ignored} == {
        k: v for k, v in document.content.items() if k not in ignored
    }
    return same_content and current.custodian == custodian and _labels(before) == _labels(document.content)


def _labels(content: Mapping[str, Any]) -> Any:
    return (content.get("meta") or {}).get("security")


def _custodian_tag(custodian: str | None) -> list[dict[str, str]]:
    return [] if custodian is None else [{"system": ODS_ORGANIZATION_CODE, "code": custodian}]


def _sealed(content: Mapping[str, Any]) -> int:
    """0 normal, 1 restricted, 2 very restricted, from meta.security's confidentiality (v3-Confidentiality)."""
    labels = (content.get("meta") or {}).get("security") or ()
    return max((_SEALED.get(c.get("code"), 0) for c in labels if c.get("system") == _CONFIDENTIALITY), default=0)
