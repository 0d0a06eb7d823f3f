"""The servers that other tests rely on really run."""

from __future__ import annotations

import requests
from sqlalchemy import create_engine, text

from fhir_server.storage.database import Database
from fhir_server.storage.migrate import check_schema
from tests.support.postgresql import Cluster


def test_database_starts_empty_and_keeps_what_is_written(database_url):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM t")).scalar() == 1
    engine.dispose()


def test_store_starts_migrated_and_empty(store_url):
    database = Database(store_url)
    check_schema(database)
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM resource")).scalar() == 0
    database.close()


def test_postgresql_survives_a_sudden_stop(postgresql_cluster: Cluster, postgresql_url):
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (n INTEGER)"))
    engine.dispose()
    postgresql_cluster.stop("immediate")
    postgresql_cluster.start()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM kept")).scalar() == 0
    engine.dispose()


def test_orthanc_answers_dicomweb_and_comes_back_after_a_stop(start_orthanc):
    pacs = start_orthanc("RX1PACS")
    assert requests.get(f"{pacs.dicomweb_url}/studies", timeout=10).json() == []
    pacs.stop()
    pacs.start()
    assert requests.get(f"{pacs.url}/system", timeout=10).json()["DicomAet"] == "RX1PACS"


def test_chromium_draws_with_webgl(browser):
    page = browser.new_page()
    page.set_content("<canvas id=c></canvas>")
    assert page.evaluate("!!document.getElementById('c').getContext('webgl2')")
