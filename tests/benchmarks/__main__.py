"""`make bench`: speed as ratios inside one run, for SQLite and PostgreSQL. Figures of other machines do not compare."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks import read
from tests.support.postgresql import Cluster, Missing


def main() -> None:
    """Run the benchmarks and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8, help="length of each run")
    parser.add_argument("--rounds", type=int, default=3, help="alternating runs of each side")
    parser.add_argument("--patients", type=int, default=1000)
    options = parser.parse_args()
    size = {"patients": options.patients, "seconds": options.seconds, "rounds": options.rounds}
    with tempfile.TemporaryDirectory() as folder:
        read.measure("SQLite", f"sqlite:///{Path(folder, 'record.db')}", [], **size)
    try:
        cluster = Cluster()
    except Missing as missing:
        print(f"PostgreSQL is left out: {missing}")
        return
    try:
        pid = int((cluster.data / "postmaster.pid").read_text().split()[0])
        read.measure("PostgreSQL", cluster.url(cluster.create_database()), [pid], **size)
    finally:
        cluster.remove()


if __name__ == "__main__":
    main()
