"""Account for a write inside its own transaction: the change and its disclosure are kept together or not at all."""

from __future__ import annotations

from fhir_server.audit.chain import encode_disclosure
from fhir_server.audit.disclosure import Disclosure
from fhir_server.storage.disclosures import Connection, add_written


def record_in_tx(connection: Connection, disclosure: Disclosure) -> None:
    """Keep the disclosure in the transaction that `connection` has open; filing chains it after the commit."""
    add_written(connection, encode_disclosure(disclosure))
