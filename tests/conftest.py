"""Fixtures that start real servers, each pytest-xdist worker its own; a missing program skips with a plain reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import BrowserContext, Playwright

from tests.support import browser as chromium
from tests.support import stores
from tests.support.orthanc import Orthanc, find_dicomweb_plugin
from tests.support.postgresql import Cluster, Missing

T = TypeVar("T")


def _or_skip(make: Callable[[], T]) -> T:
    try:
        return make()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[Cluster]:
    """A private PostgreSQL server for this test process."""
    cluster = _or_skip(Cluster)
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def postgresql_url(postgresql_cluster: Cluster) -> Iterator[str]:
    """An empty PostgreSQL database for this module."""
    name = postgresql_cluster.create_database()
    yield postgresql_cluster.url(name)
    postgresql_cluster.drop_database(name)


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty SQLite file for this module."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'record.db'}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database for this module: every test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster: Cluster) -> str:
    """A migrated PostgreSQL database to copy from."""
    return stores.make_postgresql_template(postgresql_cluster)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    return stores.make_sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def postgresql_store_url(postgresql_cluster: Cluster, postgresql_template: str) -> Iterator[str]:
    """A migrated PostgreSQL store for this module."""
    name = postgresql_cluster.create_database(postgresql_template)
    yield postgresql_cluster.url(name)
    postgresql_cluster.drop_database(name)


@pytest.fixture(scope="module")
def sqlite_store_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated SQLite store for this module."""
    return stores.copy_sqlite(sqlite_template, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty store for this module: every test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_store_url")
    return url


@pytest.fixture(scope="module")
def start_orthanc() -> Iterator[Callable[..., Orthanc]]:
    """Starts a PACS: `start_orthanc("RX1PACS")`; all of a module are removed at its end."""
    running: list[Orthanc] = []

    def start(name: str = "TRUSTPACS", **keys: object) -> Orthanc:
        running.append(_or_skip(lambda: Orthanc(name, **keys)))  # type: ignore[arg-type]
        return running[-1]

    _or_skip(find_dicomweb_plugin)
    yield start
    for pacs in running:
        pacs.remove()


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    """Playwright's driver for this test process."""
    _or_skip(chromium.find_program)
    with chromium.running_playwright() as playwright:
        yield playwright


@pytest.fixture
def browser(playwright_driver: Playwright, tmp_path: Path) -> Iterator[BrowserContext]:
    """A fresh Chromium: `page = browser.new_page()`."""
    with chromium.fresh_browser(playwright_driver, tmp_path / "profile") as context:
        yield context
