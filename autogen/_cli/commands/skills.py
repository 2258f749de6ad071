"""The commands of `autogen skills` and their arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

skills_app = typer.Typer(help="Skills: folders of instructions, looked at, accepted, made.", no_args_is_help=True)

SkillsSource = Annotated[
    str, typer.Argument(help="A skill, a folder of skills, an archive, or package:folder.", metavar="SOURCE")
]
LockOption = Annotated[Path, typer.Option(help="The lock file.")]


@skills_app.command("list")
def list_skills_command(
    source: Annotated[
        Optional[str], typer.Argument(help="Where to search; by default the usual folders.", metavar="SOURCE")
    ] = None,
    lock: LockOption = Path("skills.lock.json"),
    all_products: Annotated[bool, typer.Option("--all", help="Search the folders of further products, too.")] = False,
) -> None:
    """List skills, and whether somebody has accepted them. Nothing of them is used."""
    from ..skills import list_skills

    raise typer.Exit(list_skills(source, lock, all_products))


@skills_app.command("show")
def show_skill_command(source: SkillsSource) -> None:
    """Show all that a skill has: its text, its files, invisible characters as codes."""
    from ..skills import show_skills

    raise typer.Exit(show_skills(source))


@skills_app.command("trust")
def trust_skills_command(source: SkillsSource, lock: LockOption = Path("skills.lock.json")) -> None:
    """Accept skills as they are now."""
    from ..skills import trust_skills

    raise typer.Exit(trust_skills(source, lock))


@skills_app.command("verify")
def verify_skills_command(source: SkillsSource, lock: LockOption = Path("skills.lock.json")) -> None:
    """Compare skills with those that were accepted. The exit code is 1 if one is new or has changed."""
    from ..skills import verify_skills

    raise typer.Exit(verify_skills(source, lock))


@skills_app.command("new")
def create_skill_command(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9 and single hyphens.")],
    folder: Annotated[Path, typer.Option(help="Make its folder there.")] = Path("."),
) -> None:
    """Write the folder of a new skill, to be filled in."""
    from ...skills import create_skill

    typer.echo(f"{create_skill(name, folder)} is written.")


@skills_app.command("check")
def check_skill_command(folder: Annotated[Path, typer.Argument(help="The folder of a skill.")]) -> None:
    """Show where a skill deviates from the open form. The exit code is 1 if it does."""
    from ...skills import check_skill

    problems = check_skill(folder)
    for problem in problems:
        typer.echo(f"- {problem}")
    raise typer.Exit(1 if problems else 0)


@skills_app.command("pack")
def pack_skill_command(
    folder: Annotated[Path, typer.Argument(help="The folder of a skill.")],
    target: Annotated[Path, typer.Option(help="The archive, or its folder.")] = Path("."),
) -> None:
    """Write a skill as an archive, NAME.skill."""
    from ...skills import pack_skill

    typer.echo(f"{pack_skill(folder, target)} is written.")
