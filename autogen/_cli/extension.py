"""`autogen extensions`, `autogen extension new`, and the commands of extensions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from ..extensions import GROUP, find_entry_points, list_extensions, load_entry_point, load_extension
from ..version import __version__

TEMPLATES = Path(__file__).parent / "templates" / "extension"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Names of files in the project by template. `MODULE` is the import name.
FILES = {
    "pyproject.toml.jinja": "pyproject.toml",
    "README.md.jinja": "README.md",
    "ci.yml.jinja": ".github/workflows/ci.yml",
    "init.py.jinja": "MODULE/__init__.py",
    "client.py.jinja": "MODULE/client.py",
    "commands.py.jinja": "MODULE/commands.py",
    "py.typed.jinja": "MODULE/py.typed",
    "test.py.jinja": "test/test_MODULE.py",
}


class CommandGroup(TyperGroup):
    """The commands of this package, and those of extensions, which are loaded when they are named."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; None if there is none of this name."""
        return super().get_command(ctx, cmd_name) or find_extension_command(cmd_name)


def find_extension_command(name: str) -> Any:
    """Return a command of an installed package, or the group of an extension's commands; None if there is none.

    Raises:
        ExtensionError: if the package can't be loaded.
    """
    for entry in find_entry_points("autogen.commands"):
        if entry.name == name:
            return _to_command(load_entry_point(entry))
    if name not in {entry.name for entry in find_entry_points(GROUP)}:
        return None
    extension = load_extension(name)
    if not extension.commands:
        return None
    commands = {key: _to_command(app) for key, app in extension.commands.items()}
    return TyperGroup(name=name, commands=commands, help=f"Commands of the extension {name}.", no_args_is_help=True)


def _to_command(app: Any) -> Any:
    if isinstance(app, typer.Typer):
        return typer.main.get_command(app)
    if hasattr(app, "make_context"):
        return app
    single = typer.Typer(add_completion=False)
    single.command()(app)
    return typer.main.get_command(single)


def show_extensions() -> bool:
    """Print the extensions that are installed, and return False if one can't be loaded."""
    installed = list_extensions(load=True)
    if not installed:
        typer.echo("No extensions are installed.")
    for extension in installed:
        state = "" if extension.is_enabled else "  (switched off)"
        typer.echo(f"{extension.name}  {extension.group}  {extension.package} {extension.version}{state}")
        if extension.error:
            typer.echo(f"  {extension.error}", err=True)
    return not any(extension.error for extension in installed)


def create_extension(name: str, folder: Path) -> Path:
    """Write the project of a new extension, and return its folder.

    Args:
        name: Name of the extension.
        folder: Folder that the project's folder is made in.

    Raises:
        ValueError: if the name can't be used.
        FileExistsError: if the project's folder exists.
    """
    if not _NAME.fullmatch(name) or name.endswith("-"):
        raise ValueError(f"The name of an extension must be lower-case letters, digits and '-', got {name!r}.")
    import jinja2

    module = f"autogen_{name.replace('-', '_')}"
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    version = ".".join(__version__.split(".")[:2])
    values = {"name": name, "module": module, "distribution": f"autogen-{name}", "version": version}
    texts = {path: environment.get_template(file).render(values) for file, path in FILES.items()}
    project = folder / f"autogen-{name}"
    project.mkdir(parents=True)
    for path, text in texts.items():
        file = project / path.replace("MODULE", module)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return project
