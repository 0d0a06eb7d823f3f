"""A private PostgreSQL server: a fresh cluster in a temporary folder, durable as in production (fsync on)."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.ports import free_port

_SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
fsync = on
synchronous_commit = on
unix_socket_directories = '{folder}'
"""


class Missing(Exception):
    """A program that the test needs is not installed; the text says which."""


def find_programs() -> Path:
    """The folder that holds initdb and pg_ctl; Missing when PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise Missing("PostgreSQL is not installed (apt-get install postgresql)")


class Cluster:
    """A running server. Root cannot run PostgreSQL, so as root it belongs to the user `postgres`."""

    def __init__(self) -> None:
        self._programs = find_programs()
        self._as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="record-pg-"))
        if self._as_postgres:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.data = self.folder / "data"
        self.port = free_port()
        self._numbers = itertools.count(1)
        self._run("initdb", "-D", str(self.data), "-U", "record", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        self._configure()
        self.start()

    def start(self) -> None:
        """Start (again) and wait until it answers."""
        self._run(
            "pg_ctl", "-D", str(self.data), "-o", f"-p {self.port}", "-l", str(self.folder / "log"), "-w", "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is as sudden as a crash."""
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://record@127.0.0.1:{self.port}/{name}"

    def create_database(self, template: str = "template0") -> str:
        """A new database, copied from `template`; its name."""
        name = f"record_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(host="127.0.0.1", port=self.port, user="record", dbname="postgres", autocommit=True) as db:
            db.execute(statement)

    def _configure(self) -> None:
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS.format(folder=self.folder))

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_postgres, str(self._programs / program), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-500:]}")
