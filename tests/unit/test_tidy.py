"""The house rules that a machine can check: sizes, names, docstrings, and no word but of the product."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("fhir_server", "adapters", "hl7", "terminology", "conformance")
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "data"}
#: Modules that are one table each; data may be long.
TABLES = re.compile(r"(/tables/|/definitions/|/migrations/|_tables?\.py$|/tables\.py$)")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|home/\w+|root|Users/\w+|farm)/[\w.]")
PRIVATE_REGISTRIES = re.compile(r"(?i)https?://[^\s\"']*(?:artifactory|/simple/|:8081/|nexus)")
TEXTS = ("*.py", "*.md", "*.cfg", "*.toml", "*.json", "*.html", "*.jinja", "*.y*ml", "*.ini", "Makefile", ".ci/*")
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, or of a source archive without git."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=False)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


@cache
def sources() -> list[Path]:
    return tracked(*(f"{room}/**.py" for room in ROOMS))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    first = function.body[0]
    doc = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0
    return (function.end_lineno or 0) - function.lineno + 1 - doc


def test_there_are_sources_to_judge():
    assert len(sources()) > 10


def test_every_module_opens_with_a_docstring():
    with_words = [path for path in sources() if path.read_bytes().strip()]
    assert [name(path) for path in with_words if not ast.get_docstring(tree(path))] == []


def test_no_function_is_longer_than_its_limit():
    long = [
        f"{name(path)}:{function.lineno} {function.name} has {body_lines(function)} lines"
        for path in sources()
        if "/migrations/versions/" not in f"/{name(path)}"  # a schema, written down as it was
        for function in functions(tree(path))
        if body_lines(function) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_module_is_longer_than_its_limit():
    lengths = {name(path): path.read_bytes().count(b"\n") for path in sources() if not TABLES.search(f"/{name(path)}")}
    assert {path: lines for path, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_no_module_has_a_name_that_says_nothing():
    parts = {name(path): {*path.relative_to(ROOT).with_suffix("").parts} for path in sources()}
    assert [path for path, words in parts.items() if words & BANNED_NAMES] == []


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, PRIVATE_REGISTRIES], ids=["machine paths", "private registries"])
def test_repository_speaks_of_the_product_alone(pattern):
    texts = tracked(*TEXTS)
    mine = Path(__file__).resolve()
    found = [
        f"{name(path)}:{number}"
        for path in texts
        if path.resolve() != mine and path.stat().st_size < 2_000_000
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_log_texts_are_constants():
    """Fields carry what varies: a text made of values could carry a name or a number of a person."""
    made = [
        f"{name(path)}:{call.lineno}"
        for path in sources()
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in LOG_METHODS
        if isinstance(call.func.value, ast.Name) and call.func.value.id in {"log", "logger", "logging", "_log", "LOG"}
        if call.args and not isinstance(call.args[0], ast.Constant)
    ]
    assert made == []
