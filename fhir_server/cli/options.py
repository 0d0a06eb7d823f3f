"""Options that commands share, and the settings that come of them."""

from __future__ import annotations

from typing import Any

import click

from fhir_server.settings import Settings

#: Every command takes it; IMAGING_RECORD_DATABASE says the same.
database = click.option(
    "--database", metavar="URL", help="The store: an SQLAlchemy URL (or IMAGING_RECORD_DATABASE; else var/record.db)."
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")


def settings(**overrides: Any) -> Settings:
    """The settings of this command: its options (None means not given) over the environment."""
    return Settings.from_environment(**overrides)
