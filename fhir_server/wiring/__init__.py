"""The composition root: it makes the services from the settings, and is the only room here that imports adapters."""

from fhir_server.wiring.demo import demo_cases, demo_trusts, run_region
from fhir_server.wiring.doors import register_doors
from fhir_server.wiring.imaging import archive_issuers, dicomweb_door, trust_name
from fhir_server.wiring.processes import prepare, run_dicom, run_feeds, run_jobs
from fhir_server.wiring.services import Services, database_url, make_services, open_database

__all__ = [
    "Services",
    "archive_issuers",
    "database_url",
    "demo_cases",
    "demo_trusts",
    "dicomweb_door",
    "make_services",
    "open_database",
    "prepare",
    "register_doors",
    "run_dicom",
    "run_feeds",
    "run_jobs",
    "run_region",
    "trust_name",
]
