"""``dmask config``: check a settings file, or print one with every setting and its reason."""

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from typing import Annotated, Any, Final, get_args

import typer
from pydantic import BaseModel

from dmask_node.cli.output import ConfigOption, JsonOption, answer, errors_told
from dmask_node.config import Settings, load_settings

config_app = typer.Typer(help="Look at settings.", no_args_is_help=True)

_HEAD: Final = """\
# Settings of dmask_node: every one of them, each with its default unless it says otherwise.
# Copy to /etc/dmask/dmask.toml, keep what you change, delete the rest. Unknown keys are refused.
# DMASK_RECEIVE__PORT=11113 in the environment overrides port in [receive], and so on.
"""
_IN_A_HOSPITAL: Final = {"state_dir": "/var/lib/dmask"}
"""Where a default depends on the machine, what the example says."""


@config_app.command()
def check(
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a settings file: all mistakes at once, exit code 1 if there are any."""
    with errors_told(as_json=as_json):
        load_settings(config)
    answer({"settings": "good"}, as_json=as_json)


@config_app.command()
def example(
    as_json: Annotated[bool, typer.Option("--json", help="The defaults as JSON.")] = False,
) -> None:
    """Print config/dmask.example.toml: every setting with its default and its reason."""
    if as_json:
        answer(json.loads(Settings().model_dump_json()), as_json=True)
    else:
        sys.stdout.write(example_toml())


def example_toml() -> str:
    """Return an example file: every setting with its default, commented by its docstring."""
    lines = [_HEAD]
    for name, field in Settings.model_fields.items():
        room = field.annotation
        if isinstance(field.default, dict):  # named tables: the one that is there by default
            ((key, first),) = field.default.items()
            lines += _table(f"{name}.{key}", type(first))
            continue
        assert isinstance(room, type)
        assert issubclass(room, BaseModel)
        lines += _table(name, room)
    return "\n".join(lines)


def _table(name: str, room: type[BaseModel]) -> Iterator[str]:
    yield f"[{name}]"
    yield _comment(" ".join((room.__doc__ or "").split()))
    defaults = room()
    words = _docstrings(room)
    nested = []
    for key in room.model_fields:
        value = getattr(defaults, key)
        if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            nested.append((key, value[0]))
            continue
        yield ""
        yield _comment(words[key])
        listed = _listed(room, key)
        if listed is not None:
            yield f"# [[{name}.{key}]]"
            yield from _commented_out(listed)
            continue
        yield _line(key, _IN_A_HOSPITAL.get(key, value))
    for key, first in nested:
        yield ""
        yield _comment(words[key])
        yield f"[[{name}.{key}]]"
        for inner, text in _docstrings(type(first)).items():
            yield _comment(text)
            yield _line(inner, getattr(first, inner))
    yield ""


def _listed(room: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return of which tables a setting is a list; None where it is none."""
    first = (*get_args(room.model_fields[key].annotation), None)[0]
    return first if isinstance(first, type) and issubclass(first, BaseModel) else None


def _commented_out(model: type[BaseModel]) -> Iterator[str]:
    """Write down a table that is not there by default."""
    for key, text in _docstrings(model).items():
        yield _comment(text)
        field = model.model_fields[key]
        yield f"# {_line(key, None if field.is_required() else field.default)}".replace("# #", "#")


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring that stands below each field."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(after.value, ast.Constant)
            found[field.target.id] = " ".join(str(after.value.value).split())
    return found


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, 96))


def _line(key: str, value: object) -> str:
    return f'# {key} = "..."' if value is None else f"{key} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value))
