"""Every setting says its reason where it is declared, and `--help` has it as an option in its room's name."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Iterator

import pytest

from share_dist.cli import main
from share_dist.config import RunConfig


def settings(kind: type, prefix: str = "") -> Iterator[tuple[str, type, str]]:
    """Every setting below a config class: its option, the class that declares it, its name there."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        option = f"{prefix}{field.name.replace('_', '-')}"
        if dataclasses.is_dataclass(hints[field.name]):
            yield from settings(hints[field.name], f"{option}.")
        else:
            yield option, kind, field.name


def reason(kind: type, name: str) -> str:
    """The text below a field in the source of its class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
    for field, below in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and field.target.id == name and isinstance(below, ast.Expr):
            return ast.literal_eval(below.value)
    return ""


@pytest.mark.parametrize(("option", "kind", "name"), list(settings(RunConfig)), ids=lambda value: str(value))
def test_a_setting_says_its_reason(option, kind, name):
    assert len(reason(kind, name).split()) >= 5, option


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit):
        main(["share", "demo", "--help"])
    said = capsys.readouterr().out
    absent = [option for option, _, _ in settings(RunConfig) if f"--{option}" not in said and option not in said]
    assert absent == []
