"""Every setting of the record: its name, type, default and meaning, read once from IMAGING_RECORD_* variables."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

PREFIX = "IMAGING_RECORD_"
OFF = "off"


class SettingsError(ValueError):
    """A setting is unknown or its value cannot be used; the text names the environment variable and the rule."""


@dataclass(frozen=True)
class Address:
    """A host and a TCP port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse_address(text: str) -> Address | None:
    """`HOST:PORT` (or `[IPv6]:PORT`) as an Address, `off` as None; a ValueError says what is wrong."""
    if text == OFF:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError("expected HOST:PORT or off")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


def setting(default: Any, doc: str, *, choices: tuple[str, ...] = (), minimum: float | None = None) -> Any:
    """One field of Settings; `doc` is one sentence for operators and `minimum` is inclusive."""
    return dataclasses.field(default=default, metadata={"doc": doc, "choices": choices, "minimum": minimum})


@dataclass(frozen=True)
class Settings:
    """All settings, by room. The environment variable of `web_workers` is IMAGING_RECORD_WEB_WORKERS, and so on."""

    # Where it keeps things
    database: str = setting("", "SQLAlchemy URL of the store; empty means the SQLite file `record.db` in `data_dir`.")
    data_dir: Path = setting(Path("var"), "Folder of the embedded database, disclosure spool, image store and metrics.")
    assets_dir: Path = setting(Path(".assets"), "Folder of the installed browser assets (viewer and design system).")

    # Doors
    http: str = setting("127.0.0.1:8080", "Where the portal, FHIR and DICOMweb listen: HOST:PORT, or off.")
    mllp: str = setting("127.0.0.1:2575", "Where HL7 v2 feeds connect (MLLP): HOST:PORT, or off.")
    dicom: str = setting("127.0.0.1:11112", "Where the DICOM store listens: HOST:PORT, or off.")
    aet: str = setting("IMAGINGRECORD", "Our DICOM application entity title, at most 16 characters.")
    base_url: str = setting("", "Public address before `/fhir`; empty takes it from the request.")
    web_workers: int = setting(2, "Web processes that share the HTTP port.", minimum=1)
    web_threads: int = setting(16, "Requests that one web process answers at the same time.", minimum=1)
    stop_timeout_s: float = setting(10.0, "Seconds a child may take to finish its work before it is killed.", minimum=0)

    # The region
    region_name: str = setting("Regional imaging record", "The name people see at the top of every page.")
    host_ods_code: str = setting("QHOST", "ODS code of the organisation that hosts the record.")

    # Limits
    body_bytes_max: int = setting(16 * 1024 * 1024, "Largest HTTP request body, in bytes (DICOM stores excepted).")
    mllp_message_bytes_max: int = setting(16 * 1024 * 1024, "Largest HL7 v2 message, in bytes.")
    mllp_connections_max: int = setting(256, "MLLP connections open at the same time.", minimum=1)
    mllp_idle_timeout_s: float = setting(900.0, "Seconds after which a silent MLLP connection is closed.")
    store_bytes_max: int = setting(2 * 1024 * 1024 * 1024, "Largest DICOM object or STOW-RS request, in bytes.")

    # Feeds
    feed_quiet_s: float = setting(
        300.0, "Seconds without a message after which pages say that a feed is quiet.", minimum=1
    )

    # FHIR
    search_page_default: int = setting(50, "Matches on a search page when `_count` is absent.", minimum=1)
    search_page_max: int = setting(1000, "Matches on a search page at most, whatever `_count` says.", minimum=1)
    include_max: int = setting(
        1000, "Resources that one `_include` or `_revinclude` adds to a page at most.", minimum=1
    )
    bundle_entries_max: int = setting(1000, "Entries of a batch or transaction at most.", minimum=1)
    search_timezone: str = setting("Europe/London", "IANA zone of a searched date or time that names no offset.")
    validation_level: str = setting(
        "standard",
        "How a resource from a client is checked before it is stored: `full` adds every FHIRPath invariant of R4, at "
        "some milliseconds a resource.",
        choices=("standard", "full"),
    )

    # Who is calling
    token_lifetime_s: int = setting(300, "Seconds an access token lives.", minimum=1)
    viewer_token_lifetime_s: int = setting(900, "Seconds a viewer launch stays open without a renewal.", minimum=1)
    session_idle_s: int = setting(1800, "Seconds after which an unused portal session ends.", minimum=1)
    session_lifetime_s: int = setting(43200, "Seconds after which a portal session ends in any case.", minimum=1)
    password_length_min: int = setting(12, "Shortest password, in characters.", minimum=8)
    password_failures_max: int = setting(5, "Wrong passwords in a row before a user must wait.", minimum=1)
    password_lockout_s: int = setting(300, "Seconds a user must wait after too many wrong passwords.", minimum=0)

    # Audit
    spool_sync_ms: int = setting(50, "Milliseconds between syncs of the disclosure spool: what a power cut may lose.")

    # Images
    harvest_interval_s: float = setting(60.0, "Seconds between looks at a PACS for recent studies.", minimum=1)
    harvest_recent_days: int = setting(3, "Days of study dates that each such look covers.", minimum=1)
    harvest_sweep_interval_s: float = setting(
        86400.0, "Seconds between the wider looks that find late changes.", minimum=1
    )
    harvest_sweep_days: int = setting(30, "Days of study dates that a wider look covers.", minimum=1)
    probe_interval_s: float = setting(10.0, "Seconds between health probes of a PACS.", minimum=1)
    pacs_list_timeout_s: float = setting(2.0, "Seconds a PACS may take to list studies.", minimum=0.1)
    pacs_first_byte_timeout_s: float = setting(
        5.0, "Seconds a PACS may take to the first byte of an image.", minimum=0.1
    )
    pacs_idle_timeout_s: float = setting(20.0, "Seconds a PACS may pause in the middle of an image.", minimum=0.1)
    pacs_connections_max: int = setting(8, "Connections to one PACS at the same time, to protect it.", minimum=1)

    # Operations
    demo_patients: int = setting(40, "People in the demo region's story.", minimum=1)
    demo_pacs_port: int = setting(18200, "First of the sixteen ports of the demo region's emulated PACSs.", minimum=1)
    demo_exams_per_minute: float = setting(6.0, "New exams a minute in the demo region.", minimum=0)

    log_level: str = setting(
        "INFO", "Least serious log event that is written.", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )

    def __post_init__(self) -> None:
        if not self.database:
            object.__setattr__(self, "database", f"sqlite:///{self.data_dir / 'record.db'}")
        for field in dataclasses.fields(self):
            problem = _problem(field, getattr(self, field.name))
            if problem:
                raise SettingsError(f"{variable(field.name)}: {problem}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
        """Settings from IMAGING_RECORD_* variables (of `os.environ` by default).

        `overrides` (command-line options; None means not given) win. A variable that no setting has is an error.
        """
        environment = os.environ if environment is None else environment
        values = {_name(key): text for key, text in environment.items() if key.startswith(PREFIX)}
        values |= {name: value for name, value in overrides.items() if value is not None}
        types = get_type_hints(cls)
        return cls(**{name: _convert(name, types[name], value) for name, value in values.items()})

    def to_environment(self) -> dict[str, str]:
        """The same settings as IMAGING_RECORD_* variables, for child processes."""
        return {variable(field.name): str(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @property
    def http_address(self) -> Address | None:
        return parse_address(self.http)

    @property
    def mllp_address(self) -> Address | None:
        return parse_address(self.mllp)

    @property
    def dicom_address(self) -> Address | None:
        return parse_address(self.dicom)

    @property
    def metrics_dir(self) -> Path:
        """Where the processes of one `serve` keep their counters; emptied when it starts.

        The files are memory-mapped, and a mapped file on a full disk kills its process: they live in memory where the
        system offers that, never beside the data.
        """
        name = hashlib.sha256(str(self.data_dir.absolute()).encode()).hexdigest()[:16]
        shared = Path("/dev/shm")  # noqa: S108  (named by user and store, and cleaned at start)
        folder = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
        return folder / f"imaging-record-metrics-{os.getuid()}-{name}"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _name(key: str) -> str:
    names = {variable(field.name): field.name for field in dataclasses.fields(Settings)}
    if key not in names:
        close = difflib.get_close_matches(key, names, n=1)
        raise SettingsError(f"{key}: no such setting" + (f"; did you mean {close[0]}?" if close else ""))
    return names[key]


def _convert(name: str, kind: type, value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        return value.strip().lower() in {"1", "true", "yes", "on"}
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{variable(name)}: expected {kind.__name__}") from error


def _problem(field: dataclasses.Field[Any], value: Any) -> str:
    """What is wrong with one value, or the empty string."""
    choices, minimum = field.metadata["choices"], field.metadata["minimum"]
    if choices and value not in choices:
        return f"expected one of {', '.join(choices)}"
    if minimum is not None and value < minimum:
        return f"expected {minimum} or more"
    return _FORMS[field.name](value) if field.name in _FORMS else ""


def _address_problem(text: str) -> str:
    try:
        parse_address(text)
    except ValueError as error:
        return str(error)
    return ""


def _zone_problem(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return "expected the name of an IANA time zone"
    return ""


_FORMS: dict[str, Callable[[str], str]] = {
    "http": _address_problem,
    "mllp": _address_problem,
    "dicom": _address_problem,
    "search_timezone": _zone_problem,
    "aet": lambda text: "" if 0 < len(text) <= 16 and text.isascii() else "expected 1 to 16 ASCII characters",
    "base_url": lambda text: "expected no final slash" if text.endswith("/") else "",
}


def reference_page() -> str:
    """The page docs/reference/settings.md, made from the fields above."""
    types = get_type_hints(Settings)
    rows = [_reference_row(field, types[field.name]) for field in dataclasses.fields(Settings)]
    return "\n".join([_REFERENCE_HEAD, *rows, ""])


def _reference_row(field: dataclasses.Field[Any], kind: type) -> str:
    default = f"`{field.default}`" if str(field.default) else "(empty)"
    choices = field.metadata["choices"]
    doc = field.metadata["doc"] + (f" One of {', '.join(choices)}." if choices else "")
    return f"| `{variable(field.name)}` | {kind.__name__} | {default} | {doc} |"


_REFERENCE_HEAD = """\
# Settings

Every setting is an environment variable, read once when a process starts. An option of a command
(`imaging-record serve --http ...`) wins over its variable. A variable that begins with `IMAGING_RECORD_` and is not
listed here stops the start, so that a misspelt setting is never silently ignored.

This page is written by `imaging-record reference`.

| variable | type | default | meaning |
|---|---|---|---|"""
