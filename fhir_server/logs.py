"""Structured logs: one JSON object a line on stderr, holding only declared fields, so that no patient data slips in.

An event is declared once, beside the code that emits it, and called with its fields:

    CHILD_STARTED = event("supervision.child-started", "A child process was started.", "child", "pid")
    CHILD_STARTED(child="feeds", pid=4711)

Its name is its stable reference: operators may search for it, alert on it and look it up. A record that does not come
from an event (a library's, or `logging.getLogger(__name__).warning("constant text")`) is reduced to its place in the
source and, for our own loggers, its constant text; its arguments and the text of its exception are never written.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from fhir_server.errors import RecordError
from fhir_server.settings import SettingsError

#: Every field that may be written, with its meaning. Never an identifier of a person, a body, or a query string.
FIELDS: dict[str, str] = {
    "address": "host and port we listen on",
    "age_s": "age in seconds",
    "attempt": "count of tries so far",
    "bytes": "size in bytes",
    "caller": "key of the calling client or user, never a patient",
    "child": "name of a child process",
    "count": "number of things",
    "delay_s": "seconds until the next try",
    "endpoint": "name of a registered PACS endpoint",
    "error": "class of the error, never its text",
    "exit_code": "exit code of a process; negative for a signal",
    "feed": "name of a registered feed",
    "inbox_id": "key of a received message in the inbox",
    "interaction": "FHIR interaction, such as read or search-type",
    "issue": "FHIR issue code",
    "job": "kind of a background job",
    "job_id": "key of a background job",
    "message_type": "HL7 v2 message type and event, such as ORU^R01",
    "method": "HTTP method",
    "problem": "text of an error of our own family, which names elements and rules but no values",
    "phase": "how far an exchange came: not-connected, no-answer, cut",
    "pid": "process id",
    "reason": "reason code from a closed list, such as unknown-sender",
    "request_id": "random id of one HTTP request",
    "resource_type": "FHIR resource type",
    "role": "role of a portal user",
    "route": "name of a route, never its address",
    "seconds": "duration in seconds",
    "segment": "HL7 v2 segment name",
    "setting": "name of a setting",
    "signal": "name of a signal",
    "state": "state from a closed list",
    "status": "HTTP status",
    "table": "name of a database table",
    "trust": "ODS code of a trust",
    "version": "version of the software or the schema",
    "work_item": "key of a unit of work",
}

EVENTS: dict[str, Event] = {}
_OWN = ("fhir_server", "adapters", "hl7", "terminology", "conformance")


@dataclass(frozen=True)
class Event:
    """One declared log event; calling it writes a line. Fields that it does not declare are left out and counted."""

    reference: str
    doc: str
    fields: tuple[str, ...]
    level: int = logging.INFO

    def __call__(self, *, exc: BaseException | None = None, **values: object) -> None:
        """Write the event; `exc` adds the class and the source lines of an error, not its text."""
        known = {name: value for name, value in values.items() if name in self.fields}
        logger = logging.getLogger(f"fhir_server.events.{self.reference.partition('.')[0]}")
        info = (type(exc), exc, exc.__traceback__) if exc is not None else None
        extra = {"event": self.reference, "fields": known, "undeclared": len(values) - len(known)}
        logger.log(self.level, self.reference, exc_info=info, extra=extra)


def event(reference: str, doc: str, *fields: str, level: int = logging.INFO) -> Event:
    """Declare an event. ValueError if the reference is taken by another or a field is not in FIELDS."""
    unknown = [name for name in fields if name not in FIELDS]
    declared = Event(reference, doc, fields, level)
    if unknown or EVENTS.setdefault(reference, declared) != declared:
        raise ValueError(f"{reference}: {f'unknown fields {unknown}' if unknown else 'declared twice'}")
    return declared


class JsonFormatter(logging.Formatter):
    """A log record as one JSON line with nothing in it but declared fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", None) or "log",
            "pid": record.process,
        }
        line |= self._fields(record) if hasattr(record, "event") else self._place(record)
        if record.exc_info and record.exc_info[0] is not None:
            line |= _error(record.exc_info[1])
        return json.dumps(line, default=str, separators=(",", ":"))

    @staticmethod
    def _fields(record: logging.LogRecord) -> dict[str, Any]:
        fields: dict[str, Any] = {
            name: value for name, value in getattr(record, "fields", {}).items() if name in FIELDS
        }
        undeclared = getattr(record, "undeclared", 0)
        return fields | ({"undeclared": undeclared} if undeclared else {})

    @staticmethod
    def _place(record: logging.LogRecord) -> dict[str, Any]:
        """Where a plain record was written, and the fields and the constant text of our own loggers."""
        place: dict[str, Any] = {"logger": record.name, "source": f"{record.module}:{record.lineno}"}
        if record.name.split(".")[0] in _OWN:
            place["text"] = str(record.msg)
            place |= {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
        return place


def _error(error: BaseException | None) -> dict[str, Any]:
    """The class of an error and the source lines it came through; its text, which could quote a body, only if ours."""
    if error is None:
        return {}
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-12:]]
    line: dict[str, Any] = {"error": type(error).__name__, "frames": frames}
    if isinstance(error, RecordError | SettingsError):
        line["problem"] = str(error)
    return line


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log record of this process to `stream` (stderr by default) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These name addresses with query strings, or data sets, at INFO and DEBUG.
    for noisy in ("urllib3", "werkzeug", "pynetdicom", "pydicom", "sqlalchemy.engine", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    logging.captureWarnings(True)


def reference_page() -> str:
    """The page docs/reference/log-events.md, made from every event that was declared so far."""
    levels = {event.reference: logging.getLevelName(event.level).lower() for event in EVENTS.values()}
    rows = [
        f"| `{reference}` | {levels[reference]} | {declared.doc} | {', '.join(declared.fields) or '(none)'} |"
        for reference, declared in sorted(EVENTS.items())
    ]
    fields = [f"| `{name}` | {meaning} |" for name, meaning in sorted(FIELDS.items())]
    return "\n".join([_REFERENCE_HEAD, *rows, _REFERENCE_FIELDS, *fields, ""])


_REFERENCE_HEAD = """\
# Log events

One JSON object a line on stderr: `time` (UTC), `level`, `event`, `pid`, and the fields below. An event's name is its
stable reference. `error` and `frames` are the class and the source lines of an error; its text (`problem`) is written
only if the error is one of ours, whose texts name no values. A line whose event is `log` comes from a library and shows
only where it was written.

This page is written by `imaging-record reference`.

| event | level | meaning | fields |
|---|---|---|---|"""

_REFERENCE_FIELDS = """
## Fields

| field | meaning |
|---|---|"""
