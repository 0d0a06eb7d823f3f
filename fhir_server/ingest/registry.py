"""Trusts and feeds as operators register them; a trust becomes an Organization of the record too."""

from __future__ import annotations

import ipaddress
import re
import time

from fhir_server.composition.recompose import Recomposition
from fhir_server.errors import BadRequest
from fhir_server.fhir.documents import make_document
from fhir_server.ingest.site_profiles import default_profile, load_profile
from fhir_server.interactions.write import store_resource
from fhir_server.storage import contributions, feeds
from fhir_server.storage.business_keys import create_id, find_id
from fhir_server.storage.contribution_rows import Contribution, Name
from fhir_server.storage.database import Connection
from fhir_server.storage.feeds import FeedRecord, TrustRecord
from fhir_server.storage.unit_of_work import Storage, UnitOfWork
from terminology.systems import ODS_ORGANIZATION_CODE, ODS_SITE_CODE, ORGANIZATION_TYPE

_ODS = re.compile(r"[A-Z0-9]{3,10}")


def add_trust(storage: Storage, ods: str, name: str) -> TrustRecord:
    """Register a trust (or rename it) and its Organization. Raises BadRequest for what is no ODS code."""
    if not _ODS.fullmatch(ods):
        raise BadRequest("An ODS code has 3 to 10 capital letters and digits.")
    if not name.strip():
        raise BadRequest("A trust needs a name.")
    record = TrustRecord(ods, name.strip())
    storage.database.write(lambda connection: _add_trust(storage.unit_of_work(connection), record))
    return record


def _add_trust(uow: UnitOfWork, record: TrustRecord) -> None:
    feeds.add_trust(uow.connection, record)
    key = Name(ODS_ORGANIZATION_CODE, record.ods)
    kind = {"coding": [{"system": ORGANIZATION_TYPE, "code": "prov", "display": "Healthcare Provider"}]}
    content = {
        "resourceType": "Organization", "active": True, "name": record.name, "type": [kind],
        "identifier": [{"system": key.system, "value": key.value}],
    }  # fmt: skip
    said = Contribution(
        f"registry-{record.ods}", "Organization", key, content, event_time=uow.now, message_time=uow.now,
        status_rank=1, source="registry",
    )  # fmt: skip
    uow.lock(f"Organization|{key.system}|{key.value}")
    contributions.remove(uow.connection, [said.contribution_id])
    contributions.add(uow.connection, [said])
    Recomposition(uow).run([("Organization", key)])


def add_site(storage: Storage, code: str, name: str, trust: str) -> str:
    """Register a site of a trust by its ODS site code, or rename it; returns the id of its Location."""
    if not _ODS.fullmatch(code) or not name.strip():
        raise BadRequest("A site needs an ODS site code and a name.")
    key = Name(ODS_SITE_CODE, code)
    document = make_document(
        {
            "resourceType": "Location",
            "identifier": [{"system": key.system, "value": key.value}],
            "status": "active",
            "name": name.strip(),
            "mode": "instance",
            "managingOrganization": {"identifier": {"system": ODS_ORGANIZATION_CODE, "value": trust}},
        }
    )

    def work(connection: Connection) -> str:
        uow = storage.unit_of_work(connection)
        resource_id, is_new = find_id(connection, "Location", key), False
        if resource_id is None:
            resource_id, is_new = create_id(connection, "Location", key)
        current = None if is_new else uow.find_current("Location", resource_id, lock=True)
        store_resource(
            uow, document, resource_id=resource_id, method="PUT" if current else "POST", composed=True, current=current
        )
        return resource_id

    return storage.database.write(work)


def end_trust(storage: Storage, ods: str, successor: str, valid_to: int | None = None) -> None:
    """The trust's records are its successor's from `valid_to` (microseconds UTC; now when absent) on.

    Resources change custodian as they are composed again.
    """
    when = time.time_ns() // 1000 if valid_to is None else valid_to
    storage.database.write(lambda connection: feeds.end_trust(connection, ods, successor, when))


def add_feed(
    storage: Storage,
    name: str,
    *,
    trust: str,
    msh_3: str = "",
    msh_4: str = "",
    profile: str | None = None,
    peers: str = "",
    production: bool = True,
) -> FeedRecord:
    """Register a feed: messages whose MSH-4 (and MSH-3, unless empty) are these belong to the trust.

    Some senders leave MSH-4 empty; their MSH-3 alone tells them apart.

    `profile` is the trust's own by default; `peers` are comma-separated addresses or networks that may send.
    Raises BadRequest, NotFound (trust, profile) or DuplicateKey.
    """
    if not name.strip() or not (msh_3.strip() or msh_4.strip()):
        raise BadRequest("A feed needs a name, and an MSH-4 or an MSH-3.")
    _require_networks(peers)
    chosen = profile or default_profile(trust)
    load_profile(chosen, trust)
    now = time.time_ns() // 1000
    record = FeedRecord(name, trust, msh_3, msh_4, chosen, peers=peers, production=production, created_at=now)
    storage.database.write(lambda connection: feeds.add_feed(connection, record))
    return record


def _require_networks(peers: str) -> None:
    try:
        for peer in filter(None, peers.split(",")):
            ipaddress.ip_network(peer.strip(), strict=False)
    except ValueError as error:
        raise BadRequest("Peers are IP addresses or networks such as 10.1.0.0/16, separated by commas.") from error
