"""The resources of WADO-RS by path (PS3.18 table 10.4.1-1 and following): nothing else is ever asked of an archive."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fhir_server.errors import BadRequest, NotFound

_UID = r"[0-9]+(?:\.[0-9]+)*"
_RESOURCE = re.compile(
    rf"(?P<study>{_UID})(?:/series/(?P<series>{_UID})(?:/instances/(?P<instance>{_UID})"
    r"(?:/frames/(?P<frames>[0-9]+(?:,[0-9]+)*))?)?)?"
    r"(?:/(?P<what>metadata|rendered|thumbnail|bulkdata|bulk)(?P<bulk>(?:/[0-9A-Za-z.\-_]+)*))?"
)
_UID_LENGTH_MAX = 64


@dataclass(frozen=True)
class Target:
    """One resource of one study. `path` is below the DICOMweb root; `what` is "" for the objects or frames."""

    path: str
    study_uid: str
    series_uid: str | None
    instance_uid: str | None
    what: str

    @property
    def is_whole(self) -> bool:
        """Whether it stands for the whole study, so that a copy of a part of it would mislead."""
        return self.series_uid is None and self.what in ("", "metadata")

    @property
    def is_many(self) -> bool:
        """Whether it is the objects of a study or series."""
        return self.instance_uid is None and self.what == ""


def read_target(path: str) -> Target:
    """Read what follows `/studies/`. NotFound for a resource that does not exist, BadRequest for a UID too long."""
    match = _RESOURCE.fullmatch(path)
    if match is None or ".." in path:
        raise NotFound("There is no such DICOMweb resource.")
    uids = [uid for uid in (match["study"], match["series"], match["instance"]) if uid]
    if any(len(uid) > _UID_LENGTH_MAX for uid in uids):
        raise BadRequest("A UID has at most 64 characters.")
    what = match["what"] or ""
    if (match["bulk"] and what not in ("bulk", "bulkdata")) or (what == "metadata" and match["frames"]):
        raise NotFound("There is no such DICOMweb resource.")
    return Target(f"studies/{path}", match["study"], match["series"], match["instance"], what)
