"""What is made from the code and documented cannot drift apart, and links between pages lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("settings.md", "log-events.md", "metrics.md")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code makes them now, in a process of its own: tests declare log events too."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, "-m", "fhir_server.cli.main", "reference", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_reference_page_is_what_the_code_says(written, page):
    kept = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert kept == (written / page).read_text(encoding="utf-8"), "run imaging-record reference"


def test_links_between_pages_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
