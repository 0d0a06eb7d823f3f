"""The viewer's distribution is served below our path, compressed, without what would fetch code from outside."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fhir_server.errors import NotFound, Unavailable
from fhir_server.imaging.viewer_assets import ViewerAssets, app_config


@pytest.fixture
def assets(tmp_path: Path) -> ViewerAssets:
    dist = tmp_path / "ohif"
    dist.mkdir()
    (dist / "index.html").write_text('<link href="/a.css"><script>window.PUBLIC_URL="/"</script><a href="//x">')
    (dist / "app.bundle.0f6159c501addfe9.js").write_text('__webpack_require__.p = "/";')
    (dist / "app.bundle.css").write_text("@font-face{src:url(/a34f.woff2)}")
    (dist / "sw.js").write_text('importScripts("https://elsewhere")')
    (dist / "picture.png").write_bytes(b"\x89PNG")
    return ViewerAssets(dist, "/viewer")


def text(assets: ViewerAssets, name: str) -> str:
    found = assets.find(name)
    assert found is not None and found.is_gzipped
    return gzip.decompress(found.content).decode()


def test_public_paths_are_moved_below_the_mount(assets: ViewerAssets) -> None:
    assert text(assets, "app.bundle.0f6159c501addfe9.js") == '__webpack_require__.p = "/viewer/";'
    page = text(assets, "index.html")
    assert 'href="/viewer/a.css"' in page and 'PUBLIC_URL="/viewer/"' in page and 'href="//x"' in page
    assert text(assets, "app.bundle.css") == "@font-face{src:url(/viewer/a34f.woff2)}"


def test_only_names_that_change_with_their_content_are_kept_for_long(assets: ViewerAssets) -> None:
    hashed, plain = assets.find("app.bundle.0f6159c501addfe9.js"), assets.find("app.bundle.css")
    assert hashed is not None and hashed.lasting
    assert plain is not None and not plain.lasting


def test_a_changed_file_is_prepared_anew(assets: ViewerAssets, tmp_path: Path) -> None:
    text(assets, "app.bundle.css")
    (tmp_path / "ohif" / "app.bundle.css").write_text("b{}")
    assert text(assets, "app.bundle.css") == "b{}"


def test_the_service_worker_is_empty(assets: ViewerAssets) -> None:
    found = assets.find("sw.js")
    assert found is not None and found.content == b""


def test_nothing_outside_the_distribution_is_served(assets: ViewerAssets, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    assert assets.find("viewer") is None
    with pytest.raises(NotFound):
        assets.find("../secret.txt")


def test_a_viewer_that_is_not_installed_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not installed"):
        ViewerAssets(tmp_path / "none", "/viewer").find("index.html")


def test_configuration_names_no_other_host() -> None:
    config = app_config("/viewer", "/dicomweb")
    assert '"wadoRoot": "/dicomweb"' in config and "http" not in config


def test_a_file_is_prepared_once_however_its_address_is_spelt(assets: ViewerAssets, tmp_path: Path) -> None:
    for name in ("app.bundle.css", "./app.bundle.css", "x/../app.bundle.css", ".//app.bundle.css"):
        text(assets, name)
    assert len(list((tmp_path / ".ohif-served-viewer").iterdir())) == 1


def test_a_name_that_no_file_can_have_is_not_found(assets: ViewerAssets) -> None:
    with pytest.raises(NotFound):
        assets.find("app\0.js")
