"""The closed family of errors: what went wrong, its HTTP status and FHIR issue code, and whether to try again.

FHIR R4 OperationOutcome (https://hl7.org/fhir/R4/operationoutcome.html) and issue types
(https://hl7.org/fhir/R4/valueset-issue-type.html). `api/errors` is the one place that renders them.
Texts must never carry patient data: name the element and the rule, not the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One OperationOutcome.issue: `expression` is a FHIRPath such as `Patient.name[0].given`, or `http.<header>`."""

    code: str
    text: str
    expression: str | None = None
    severity: str = "error"


class RecordError(Exception):
    """Base of the family. `issues` are shown to the caller; `retry` says that the same request may succeed later."""

    status = 500
    code = "exception"
    retry = False

    def __init__(self, text: str = "", expression: str | None = None, *, issues: Sequence[Issue] = ()) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues) or (Issue(self.code, text, expression),)
        super().__init__(self.issues[0].text)


class BadRequest(RecordError):
    """The request cannot be understood (400)."""

    status, code = 400, "invalid"


class BadStructure(BadRequest):
    """The body is not well-formed JSON or not a FHIR resource (400)."""

    code = "structure"


class UnsupportedParameter(BadRequest):
    """An unknown or unsupported search parameter, modifier or prefix (400, design decision 8)."""

    code = "not-supported"


class Unauthenticated(RecordError):
    """No caller, or a token that is not (or no longer) good (401)."""

    status, code = 401, "login"


class Forbidden(RecordError):
    """The caller is known and may not do this (403)."""

    status, code = 403, "forbidden"


class NotFound(RecordError):
    """There is no such thing, or the caller may not know that there is (404)."""

    status, code = 404, "not-found"


class MethodNotAllowed(RecordError):
    """The interaction is not offered at this place (405)."""

    status, code = 405, "not-supported"


class NotAcceptable(RecordError):
    """No representation that the caller accepts (406)."""

    status, code = 406, "not-supported"


class Conflict(RecordError):
    """The write contradicts the state of the record, e.g. a feed owns the resource (409)."""

    status, code = 409, "conflict"


class DuplicateKey(Conflict):
    """The identity is already taken (409)."""

    code = "duplicate"


class Gone(RecordError):
    """It was there and has been deleted (410)."""

    status, code = 410, "deleted"


class PreconditionFailed(RecordError):
    """If-Match names another version, or a conditional interaction matched several resources (412)."""

    status, code = 412, "conflict"


class MultipleMatches(PreconditionFailed):
    """A condition that must identify one resource matched several (412)."""

    code = "multiple-matches"


class TooLarge(RecordError):
    """A stated size limit is exceeded (413)."""

    status, code = 413, "too-long"


class UnsupportedMediaType(RecordError):
    """The body's content type is not one we read (415)."""

    status, code = 415, "not-supported"


class Unprocessable(RecordError):
    """Well-formed, and against the rules of FHIR or of this record (422)."""

    status, code = 422, "invariant"


class Throttled(RecordError):
    """Too many requests (429)."""

    status, code, retry = 429, "throttled", True


class Unavailable(RecordError):
    """Something we need does not answer now: a PACS, the database (503)."""

    status, code, retry = 503, "transient", True


class UpstreamFailed(RecordError):
    """A partner answered, and wrongly (502)."""

    status, code, retry = 502, "transient", True


class UpstreamTimeout(RecordError):
    """A partner did not answer in time (504)."""

    status, code, retry = 504, "timeout", True
