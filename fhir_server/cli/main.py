"""The console script `imaging-record`: one command for each file of this folder, imported only when it is run."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from fhir_server.errors import RecordError
from fhir_server.settings import SettingsError

_FOLDER = Path(__file__).parent
_HIDDEN_MARK = "Internal: "


class OneFileEach(click.Group):
    """A group that finds its commands as files; the help needs only their docstrings, so it imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, summary in _summaries().items() if not summary.startswith(_HIDDEN_MARK)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _summaries():
            return None
        command: click.Command = import_module(f"fhir_server.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        summaries = _summaries()
        with formatter.section("Commands"):
            formatter.write_dl([(name, summaries[name]) for name in self.list_commands(ctx)])


def _summaries() -> dict[str, str]:
    """Command name -> first line of its module's docstring, for each module that defines `command`."""
    trees = {path.stem.replace("_", "-"): ast.parse(path.read_bytes()) for path in sorted(_FOLDER.glob("*.py"))}
    return {name: (ast.get_docstring(tree) or "").partition("\n")[0] for name, tree in trees.items() if _defines(tree)}


def _defines(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "command" for node in tree.body)


@click.command(cls=OneFileEach, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="imaging-record", prog_name="imaging-record")
def group(**_: Any) -> None:
    """The shared regional imaging record."""


def main() -> None:
    """Run a command; an error of ours becomes one plain line and exit code 1."""
    try:
        group.main(prog_name="imaging-record")
    except (RecordError, SettingsError) as error:
        click.echo(f"imaging-record: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
