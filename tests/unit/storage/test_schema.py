"""What holds for every table of the record."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

from fhir_server.storage.partitions import partition_column
from fhir_server.storage.schema import whole_metadata

TABLES = whole_metadata().sorted_tables


@pytest.mark.parametrize("table", [t for t in TABLES if partition_column(t)], ids=lambda t: t.name)
def test_primary_key_of_partitioned_table_holds_the_column_it_is_split_by(table: Table) -> None:
    assert partition_column(table) in table.primary_key.columns


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_table_has_a_primary_key(table: Table) -> None:
    assert list(table.primary_key.columns) != []
