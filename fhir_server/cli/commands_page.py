"""The page docs/reference/commands.md, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

_HEAD = """\
# Commands

`imaging-record COMMAND --help` says the same. An option wins over its `IMAGING_RECORD_` variable
([settings](settings.md)); every command that touches the store takes `--database`. A command that fails prints one
line on stderr and exits with 1; a misspelt option exits with 2.

This page is written by `imaging-record reference`.
"""


def commands_page(group: click.Group) -> str:
    """Every command that `--help` lists, with its arguments and options; subcommands under their group."""
    context = click.Context(group, info_name="imaging-record")
    return "\n".join([_HEAD, *_of_group(context, group)])


def _of_group(context: click.Context, group: click.Group) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _of_group(below, command)
        else:
            yield from _of_command(below, command)


def _of_command(context: click.Context, command: click.Command) -> Iterator[str]:
    usage = " ".join([context.command_path, *(_placeholder(p) for p in command.params if _is_argument(p))])
    yield f"## {usage}\n"
    yield f"{_plain(command.help or '')}\n"
    rows = [_row(option) for option in command.params if isinstance(option, click.Option)]
    if rows:
        yield "| option | meaning |\n|---|---|"
        yield "\n".join(rows) + "\n"


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def _placeholder(argument: click.Parameter) -> str:
    name = (argument.metavar or argument.name or "").upper()
    return name if argument.required else f"[{name}{'...' if argument.nargs == -1 else ''}]"


def _row(option: click.Option) -> str:
    value = "" if option.is_flag else f" {_value(option)}"
    names = " / ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))
    notes = [_plain(option.help or ""), "Required." if option.required else "", _default(option)]
    return f"| {names} | {' '.join(note for note in notes if note)} |"


def _value(option: click.Option) -> str:
    """What stands for the option's value: its metavar, its choices, or the name of its type."""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "\\|".join(str(choice) for choice in option.type.choices)
    return option.type.name.upper()


def _default(option: click.Option) -> str:
    shown = option.show_default and isinstance(option.default, str | int)
    return f"(default {option.default})" if shown else ""


def _plain(text: str) -> str:
    return re.sub(r"\s*\n\s*(?=\S)", " ", text.strip()).replace("|", "\\|")
