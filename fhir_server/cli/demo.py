"""Run the demo region: the record, with eight trusts that talk real HL7 v2 and DICOM to it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from fhir_server.access.policy import ROLES
from fhir_server.access.secrets import client_secret_digest, password_digest
from fhir_server.cli import options, serve
from fhir_server.errors import DuplicateKey
from fhir_server.imaging.registry import NewArchive, add_endpoint
from fhir_server.ingest.registry import add_feed, add_site, add_trust
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts, ClientRecord, UserRecord, now_us
from fhir_server.storage.archives import list_archives
from fhir_server.storage.database import Database
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring import (
    archive_issuers,
    database_url,
    demo_cases,
    demo_trusts,
    dicomweb_door,
    open_database,
    prepare,
)

#: Of synthetic people in a region of invented data, on loopback; printed at every start.
_PASSWORD = "imaging-demo-2026"  # noqa: S105
_CLIENT = "demo-epr"
_PEOPLE = (
    ("clinician", "clinician", "Dr Sam Ellery (ED, synthetic)", "RX1"),
    ("radiologist", "radiologist", "Dr Ines Marlowe (synthetic)", "RNQ"),
    ("ris", "ris-manager", "Robin Thackray (synthetic)", "RWE"),
    ("pacs", "pacs-manager", "Pat Oduya (synthetic)", "RX1"),
    ("ig", "information-governance", "Lee Fairburn (synthetic)", "RX1"),
)


@click.command("demo")
@options.database
@click.option("--port-offset", type=int, default=0, show_default=True, help="Added to every port.")
@click.option("--patients", type=int, help="People in the region's story.")
def command(database: str | None, port_offset: int, patients: int | None) -> None:
    """Run the record with a seeded region of eight trusts (synthetic people only) until Ctrl-C."""
    settings = _settings(database, port_offset, patients)
    prepare(settings)
    store = open_database(settings)
    try:
        _register(settings, store)
    finally:
        store.close()
    _say_where(settings)
    serve.run(settings, [serve.child_spec("region", serve.child_environment(settings))])


def _settings(database: str | None, port_offset: int, patients: int | None) -> Settings:
    chosen = options.settings(
        database=database,
        http=f"127.0.0.1:{8080 + port_offset}",
        mllp=f"127.0.0.1:{2575 + port_offset}",
        dicom=f"127.0.0.1:{11112 + port_offset}",
        demo_pacs_port=18200 + port_offset,
        demo_patients=patients,
        data_dir=Path("var") / (f"demo-{port_offset}" if port_offset else "demo"),
        harvest_interval_s=5.0,
        probe_interval_s=5.0,
        region_name="East Midlands imaging record (demo)",
    )
    return options.settings(**{**vars(chosen), "database": database_url(chosen)})


def _register(settings: Settings, database: Database) -> None:
    """The eight trusts with their feeds and archives, and people to sign in as. Repeating it changes nothing."""
    storage = Storage(database)
    known = {archive.name for archive in list_archives(database)}
    for trust in demo_trusts(settings):
        add_trust(storage, trust.ods, trust.name)
        for code, site in trust.sites.items():
            add_site(storage, code, site, trust.ods)
        _unless_there(partial(add_feed, storage, f"{trust.ods} RIS", trust=trust.ods, msh_4=trust.ods))
        name = f"{trust.ods} PACS"
        if name in known:
            continue
        kind = "dicom-wado-rs" if trust.dicomweb_url else "dimse"
        address = trust.dicomweb_url or f"{trust.dimse_host}:{trust.dimse_port}"
        issuers = archive_issuers(trust.ods)
        new = NewArchive(name, trust.ods, trust.name, kind, address, trust.aet, *issuers)
        add_endpoint(storage, new, dicomweb_door(settings))
    accounts, digest = Accounts(database), password_digest(_PASSWORD)
    if accounts.find_client(_CLIENT) is None:
        accounts.add_client(
            ClientRecord(_CLIENT, "Demo EPR", client_secret_digest(_PASSWORD), None, "system/*.cruds", None, now_us())
        )
    for name, role, display_name, ods in _PEOPLE:
        record = UserRecord(secrets.token_hex(8), name, display_name, role, ods, digest)
        _unless_there(partial(accounts.add_user, record))


def _unless_there(add: Callable[[], object]) -> None:
    with suppress(DuplicateKey):
        add()


def _say_where(settings: Settings) -> None:
    base = f"http://{settings.http}"
    click.echo(f"\n  {settings.region_name}\n")
    click.echo(f"  Portal    {base}/")
    click.echo(f"  FHIR      {base}/fhir      DICOMweb  {base}/dicomweb      Viewer  {base}/viewer")
    click.echo(f"  HL7 v2    {settings.mllp} (MLLP)      DICOM  {settings.dicom} (AE title {settings.aet})\n")
    click.echo(f"  Sign in with one of these names and the password {_PASSWORD}")
    for name, role, display_name, _ods in _PEOPLE:
        click.echo(f"    {name:<12} {ROLES[role].title:<24} {display_name}")
    click.echo(f"    {_CLIENT:<12} {'API client':<24} client_credentials at {base}/auth/token, the same secret")
    click.echo("\n  People worth looking at (synthetic)")
    for case in demo_cases(settings):
        click.echo(f"    {_spaced(case['nhs_number'])}  {case['patient']:<24} {case['what']}")
    click.echo("\n  Messages and images begin to flow now; the first studies appear within seconds. Ctrl-C ends it.\n")


def _spaced(nhs_number: str) -> str:
    return f"{nhs_number[:3]} {nhs_number[3:6]} {nhs_number[6:]}"
