"""read by id, signed in and audited, against the bare baseline: the same bytes, workers, threads and connections."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg

from fhir_server.access.secrets import client_secret_digest
from fhir_server.settings import Settings
from fhir_server.storage.accounts import Accounts, ClientRecord, now_us
from fhir_server.wiring import open_database
from tests.benchmarks.baseline import DATABASE_VARIABLE, TABLE
from tests.benchmarks.load import Load, read_load
from tests.benchmarks.processes import baseline_arguments, cpu_seconds, running, serve_arguments, settle
from tests.support.ports import free_port

WORKERS, THREADS, CONNECTIONS = 2, 16, 32
_SECRET = "benchmark-secret"  # of a store that lives for minutes on loopback


@dataclass(frozen=True)
class Side:
    """One server's result; CPU is of the server and of the database, per request."""

    load: Load
    cpu_ms: float


def measure(name: str, database: str, database_pids: list[int], *, patients: int, seconds: int, rounds: int) -> None:
    """Print the ratio for one database, over `rounds` alternating runs of each side."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        Accounts(open_database(Settings.from_environment(database=database, data_dir=data))).add_client(
            ClientRecord("bench", "bench", client_secret_digest(_SECRET), None, "system/*.cruds", None, now_us())
        )
        ours_port, bare_port = free_port(), free_port()
        environment = {"IMAGING_RECORD_DATA_DIR": folder, "IMAGING_RECORD_WEB_THREADS": str(THREADS),
                       "IMAGING_RECORD_TOKEN_LIFETIME_S": "3600"}  # fmt: skip
        with running(serve_arguments(database, ours_port, WORKERS), ours_port, environment, data / "log") as ours:
            headers = {"Authorization": f"Bearer {_token(ours_port)}"}
            paths = _load_patients(ours_port, headers, patients)
            _fill_baseline(database, ours_port, headers, paths)
            with running(
                baseline_arguments(bare_port, WORKERS, THREADS), bare_port, {DATABASE_VARIABLE: database}, data / "log2"
            ) as bare:
                sides: dict[str, list[Side]] = {"bare": [], "ours": []}
                for _ in range(rounds):
                    sides["bare"].append(_run(bare_port, paths, {}, [bare, *database_pids], seconds))
                    sides["ours"].append(_run(ours_port, paths, headers, [ours, *database_pids], seconds))
        _report(name, sides)


def _run(port: int, paths: list[str], headers: dict[str, str], pids: list[int], seconds: int) -> Side:
    read_load(port, paths, headers, connections=CONNECTIONS, seconds=1)  # warm
    before = cpu_seconds(pids)
    load = read_load(port, paths, headers, connections=CONNECTIONS, seconds=seconds)
    settle(3)  # the disclosures of the run are filed: their cost counts
    return Side(load, (cpu_seconds(pids) - before) * 1000 / load.requests)


def _report(name: str, sides: dict[str, list[Side]]) -> None:
    best = {k: max(v, key=lambda s: s.load.per_second) for k, v in sides.items()}
    for kind, side in best.items():
        load = side.load
        print(
            f"{name:<11} read {kind:<5} {load.per_second:8.0f}/s  p50 {load.p50_ms:6.2f} ms  p99 {load.p99_ms:6.2f} ms"
            f"  CPU {side.cpu_ms:5.2f} ms  errors {load.errors}"
        )
    pairs = [o.load.per_second / b.load.per_second for b, o in zip(sides["bare"], sides["ours"], strict=True)]
    ratio = best["ours"].load.per_second / best["bare"].load.per_second
    print(
        f"{name:<11} read, ours to the bare baseline: {ratio:.2f} of its requests a second in the best runs "
        f"(pairs {' '.join(f'{p:.2f}' for p in pairs)}), {best['ours'].cpu_ms / best['bare'].cpu_ms:.2f} times its CPU"
    )


def _token(port: int) -> str:
    form = f"grant_type=client_credentials&client_id=bench&client_secret={_SECRET}".encode()
    for _ in range(60):
        try:
            with urlopen(f"http://127.0.0.1:{port}/auth/token", form, timeout=10) as answer:
                return str(json.load(answer)["access_token"])
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the server issues no token")


def _load_patients(port: int, headers: dict[str, str], count: int) -> list[str]:
    paths: list[str] = []
    for start in range(0, count, 100):
        entries = [
            {"resource": _patient(i), "request": {"method": "POST", "url": "Patient"}}
            for i in range(start, min(start + 100, count))
        ]
        body = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
        request = Request(f"http://127.0.0.1:{port}/fhir", body, {**headers, "Content-Type": "application/fhir+json"})
        with urlopen(request, timeout=120) as answer:
            for entry in json.load(answer)["entry"]:
                location = entry["response"]["location"]
                paths.append("/fhir/" + location.split("/fhir/")[1].split("/_history")[0])
    return paths


def _patient(i: int) -> dict[str, object]:
    """About 2 KB, as a Patient of several trusts is."""
    return {
        "resourceType": "Patient",
        "active": True,
        "identifier": [
            {
                "use": "usual",
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
                "system": f"https://region.example/issuer/T{t}/mrn",
                "value": f"M{i:07d}{t}",
                "assigner": {"display": f"Trust {t} (synthetic)"},
            }
            for t in range(6)
        ],
        "name": [{"use": "official", "family": f"Family{i}", "given": ["Given", "Middle"], "prefix": ["Mx"]}],
        "gender": "other",
        "birthDate": f"19{i % 90 + 10}-0{i % 9 + 1}-1{i % 9}",
        "address": [{"line": ["1 Example Road", "Exampleton"], "city": "Nottingham", "postalCode": "ZZ99 3WZ"}],
        "telecom": [{"system": "phone", "value": "01632 960000", "use": "home"}],
    }


def _fill_baseline(database: str, port: int, headers: dict[str, str], paths: list[str]) -> None:
    rows = []
    for path in paths:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", headers=headers), timeout=30) as answer:
            rows.append((path.rpartition("/")[2], answer.read()))
    create = f"CREATE TABLE IF NOT EXISTS {TABLE} (id TEXT PRIMARY KEY, body %s NOT NULL)"
    if database.startswith("sqlite"):
        with sqlite3.connect(database.removeprefix("sqlite:///"), timeout=60) as connection:
            connection.execute(create % "BLOB")
            connection.executemany(f"INSERT INTO {TABLE} VALUES (?, ?)", rows)
        return
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        connection.execute(create % "BYTEA")
        connection.cursor().executemany(f"INSERT INTO {TABLE} VALUES (%s, %s)", rows)
        connection.commit()
