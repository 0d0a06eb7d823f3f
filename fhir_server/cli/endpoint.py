"""Register the archives (PACS) of the trusts."""

from __future__ import annotations

import json

import click

from fhir_server.cli import options
from fhir_server.imaging.registry import KINDS, NewArchive, add_endpoint
from fhir_server.storage.unit_of_work import Storage
from fhir_server.wiring import archive_issuers, dicomweb_door, open_database, trust_name


@click.group("endpoint")
def command() -> None:
    """Register the archives (PACS) of the trusts."""


@command.command("add")
@click.argument("name")
@click.option("--trust", required=True, help="ODS code of the trust that owns the archive.")
@click.option("--type", "kind", type=click.Choice(KINDS), default="dicom-wado-rs")
@click.option("--url", required=True, help="DICOMweb root, or HOST:PORT for dimse.")
@click.option("--aet", default="", help="The archive's AE title.")
@click.option("--patient-issuer", help="System URI of its PatientIDs (else the trust's own MRN system).")
@click.option("--accession-issuer", help="System URI of its accession numbers (else the trust's own).")
@options.database
@options.as_json
def add(
    name: str, trust: str, kind: str, url: str, aet: str, patient_issuer: str | None, accession_issuer: str | None,
    database: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Register an archive: it is harvested, probed and streamed from within seconds."""
    settings = options.settings(database=database)
    opened = open_database(settings)
    patients, accessions = archive_issuers(trust)
    new = NewArchive(
        name, trust, trust_name(opened, trust), kind, url.rstrip("/"), aet, patient_issuer or patients,
        accession_issuer or accessions,
    )  # fmt: skip
    record = add_endpoint(Storage(opened), new, dicomweb_door(settings))
    made = {"endpoint_id": record.endpoint_id, "name": name, "trust": trust, "type": kind}
    click.echo(json.dumps(made) if as_json else f"{name}: Endpoint/{record.endpoint_id}")
