"""What the pages say is what the code does, and links between pages lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from fhir_server import errors
from fhir_server.access.policy import ROLES
from fhir_server.audit import search_parameters as audit_search
from fhir_server.imaging.search import INSTANCE_KEYS, SERIES_KEYS, STUDY_KEYS
from fhir_server.ingest import receive
from fhir_server.ingest.site_profiles import ProfileSchema
from fhir_server.search import parse, parse_criterion
from fhir_server.settings import Settings, variable
from fhir_server.storage.schema import whole_metadata
from hl7.messages import SUPPORTED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md"), *ROOT.glob("fhir_server/**/README.md")])
GENERATED = ("commands.md", "search-parameters.md", "settings.md", "log-events.md", "metrics.md")


def _read(*path: str) -> str:
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


def _reference(name: str) -> str:
    return _read("docs", "reference", name)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code makes them now, in a process of its own: tests declare log events too."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, "-m", "fhir_server.cli.main", "reference", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("page", GENERATED)
def test_reference_page_is_what_the_code_says(written, page):
    assert _reference(page) == (written / page).read_text(encoding="utf-8"), "run imaging-record reference"


# --- links and lists of pages


def _links(page: Path) -> list[tuple[str, str]]:
    """(target, anchor) of every relative link of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text)


def _anchors(page: Path) -> set[str]:
    """Headings as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_page_lead_somewhere(page):
    for target, anchor in _links(page):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        if anchor:
            assert anchor in _anchors(found), f"{target}#{anchor}"


@pytest.mark.parametrize("folder", ["tutorial", "how-to", "reference", "explanation", "adr"])
def test_every_page_is_listed_in_its_folder(folder):
    listed = {target for target, _ in _links(DOCS / folder / "README.md")}
    assert {page.name for page in (DOCS / folder).glob("*.md")} - {"README.md"} <= listed


# --- commands and settings that pages name


def _shell_lines(page: Path) -> Iterator[str]:
    """The lines of every block of shell, continued lines joined."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


def test_make_targets_in_shell_lines_exist():
    targets = set(re.findall(r"^([a-z]+):", _read("Makefile"), re.MULTILINE))
    named = {found[1] for page in PAGES for line in _shell_lines(page) if (found := re.match(r"make (\w+)", line))}
    assert {"demo", "test"} <= named <= targets


def _documented_commands() -> dict[str, str]:
    """Command -> its section of the page that is made from the code."""
    sections = re.split(r"^## imaging-record ", _reference("commands.md"), flags=re.MULTILINE)[1:]
    return {re.match(r"[a-z ]*[a-z]", section)[0]: section for section in sections}


def _called(pages: list[Path]) -> set[str]:
    """Every use of the command in shell lines, without what follows a pipe."""
    lines = [line for page in pages for line in _shell_lines(page)]
    return {call for line in lines for call in re.findall(r"imaging-record ([a-z][^|&;#]*)", line)}


def test_commands_in_shell_lines_exist_with_their_options():
    known = _documented_commands()
    for call in _called(PAGES):
        name = next((n for n in sorted(known, key=len, reverse=True) if f"{call} ".startswith(f"{n} ")), None)
        assert name is not None, call
        for option in re.findall(r"(?<=\s)--[a-z][a-z0-9-]*", call):
            assert f"`{option}" in known[name], call


def test_variables_that_pages_name_are_settings():
    known = {variable(field.name) for field in fields(Settings)}
    for page in PAGES:
        named = set(re.findall(r"IMAGING_RECORD_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
        assert named <= known, f"{page.name}: {named - known}"


# --- lists that the code decides


def test_each_error_is_documented_with_its_status_and_code():
    page = _reference("fhir-api.md")
    family = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RecordError)]
    for kind in family:
        assert f"| {kind.status} | `{kind.code}` |" in page, kind.__name__


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path in [*ROOT.glob("hl7/**/*.py"), *ROOT.glob("fhir_server/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call):
                yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _quarantine_reasons() -> set[str]:
    """Those that messages are refused with, and those that stand behind the state where it is set."""
    found = set(receive._STRANGERS)
    for name, call in _calls():
        if name in ("Unmappable", "MergeRefused") and call.args:
            found.add(_text(call.args[0]))
        for state, reason in zip(call.args, call.args[1:], strict=False):
            if getattr(state, "attr", getattr(state, "id", "")) == "QUARANTINED":
                found.add(_text(reason))
    return found - {""}


def test_each_quarantine_reason_is_documented():
    section = _reference("hl7v2.md").partition("## Quarantine")[2].partition("## ")[0]
    documented = set(re.findall(r"^\| `([a-z-]+)`", section, re.MULTILINE))
    assert documented == _quarantine_reasons()


def test_each_warning_is_documented():
    section = _reference("hl7v2.md").partition("## Warnings")[2]
    raised = {_text(call.args[1]) for name, call in _calls() if name in ("warn", "Warning") and len(call.args) > 2}
    assert raised - {""} <= set(re.findall(r"`([a-z-]+)`", section))


def test_each_message_type_is_documented():
    section = _reference("hl7v2.md").partition("## Events")[2].partition("## ")[0]
    for kind, trigger in SUPPORTED:
        assert re.search(rf"\b{kind}\b[^|]*\b{trigger}\b", section), f"{kind}^{trigger}"


def test_each_option_of_a_site_profile_is_documented():
    page = _read("docs", "how-to", "write-a-site-profile.md")
    assert [name for name in ProfileSchema().fields if f"`{name}`" not in page and f'"{name}"' not in page] == []


def test_each_role_is_documented():
    page = _read("docs", "how-to", "add-people.md")
    assert [role for role in ROLES if f"`{role}`" not in page] == []


def test_each_table_of_the_database_is_documented():
    page = _reference("database.md")
    assert [table for table in whole_metadata().tables if f"`{table}`" not in page] == []


def test_each_search_key_of_dicomweb_is_documented():
    page = _reference("dicomweb.md")
    assert [key for key in (*STUDY_KEYS, *SERIES_KEYS, *INSTANCE_KEYS) if key not in page] == []


def test_each_search_parameter_of_audit_event_is_documented():
    page = _reference("audit-event.md")
    assert [name for name in audit_search._PARSERS if f"`{name}`" not in page] == []


def test_limits_of_search_are_documented():
    page = _reference("search.md")
    for text in (
        f"{parse_criterion.HOPS_MAX} hops",
        f"more than {parse_criterion.CHAIN_TYPES_MAX} types",
        f"({parse_criterion.ALTERNATIVES_MAX} at most)",
        f"up to {parse.SORT_KEYS_MAX} parameters",
    ):
        assert text in page, text


def test_examples_of_search_can_be_searched():
    for example in re.findall(r"`([A-Z][A-Za-z]+)\?([^`]+)`", _reference("search.md").replace("\\|", "|")):
        parse.parse_search(example[0], parse_qsl(example[1]))
