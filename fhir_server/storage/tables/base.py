"""The one MetaData that every table of the record hangs on, and column types that differ between the two databases."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

#: Microseconds since 1970-01-01T00:00:00Z. An integer sorts, indexes and compares alike on SQLite and PostgreSQL.
Instant = BigInteger().with_variant(Integer(), "sqlite")

#: A 64-bit key; on SQLite the spelling INTEGER makes it the rowid.
Key = BigInteger().with_variant(Integer(), "sqlite")

#: Text compared byte for byte, so that a prefix is a range of the index on both databases.
Bytewise = Text(collation="C").with_variant(Text(collation="BINARY"), "sqlite")

Blob = LargeBinary()
