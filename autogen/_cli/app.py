"""The commands, their arguments, and how their errors reach the user. What they do stands in a module of their own each."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

import typer
from rich.console import Console
from rich.text import Text

from .._secrets import redact
from ..version import __version__

if TYPE_CHECKING:
    from ..agentchat.conversable_agent import HumanInputMode

app = typer.Typer(
    help="Agents that solve tasks by talking to each other. New here? Try: autogen demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Models that run on this machine, without a key.", no_args_is_help=True)
app.add_typer(models_app, name="models")


class Human(str, enum.Enum):
    """When the human is asked."""

    always = "always"
    terminate = "terminate"
    never = "never"

    @property
    def mode(self) -> HumanInputMode:
        """The `human_input_mode` of an agent."""
        return self.value.upper()  # type: ignore[return-value]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autogen {__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Options that stand before a command."""


@app.command()
def demo(
    task: Annotated[Optional[str], typer.Argument(help="Another task; a small model likes small ones.")] = None,
) -> None:
    """Watch an assistant write code and a user run it. No API key: the model runs on this machine."""
    from .demo import run_demo

    raise typer.Exit(run_demo(task))


@app.command()
def chat(
    task: Annotated[str, typer.Argument(help="What is to be done.")],
    config: Annotated[Optional[str], typer.Option(help="A config list: a file, or an environment variable.")] = None,
    model: Annotated[Optional[str], typer.Option(help="One model of the list, or a local one (a GGUF file too).")] = None,
    human: Annotated[Human, typer.Option(help="When you are asked.")] = Human.terminate,
    docker: Annotated[bool, typer.Option("--docker/--no-docker", help="Where the code runs.")] = True,
    max_turns: Annotated[Optional[int], typer.Option(min=1, help="At most so many turns.")] = None,
    view: Annotated[bool, typer.Option("--view", help="Show who speaks, what it costs and what runs.")] = False,
) -> None:
    """Let an assistant and a user proxy solve a task."""
    from .chat import run_chat

    raise typer.Exit(run_chat(task, config, model, human.mode, docker, max_turns, view))


@app.command()
def doctor(
    config: Annotated[Optional[str], typer.Option(help="A config list: a file, or an environment variable.")] = None,
) -> None:
    """See what is installed, which endpoints answer, and which model would be used."""
    from .doctor import run_doctor

    raise typer.Exit(run_doctor(config))


@app.command("inspect")
def inspect_chat(
    file: Annotated[Path, typer.Argument(help="A file that a chat was held with: checkpoint=...", metavar="FILE")],
    html: Annotated[Optional[Path], typer.Option(help="Write a page there.", metavar="OUT")] = None,
    turn: Annotated[Optional[str], typer.Option(help="Only this turn, with all that was done for it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for other programs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
) -> None:
    """See what happened in a recorded chat: who said what, what it cost, what was slow, what failed."""
    from .inspect import run_inspect

    raise typer.Exit(run_inspect(file, html, turn, as_json, force))


@models_app.command("list")
def list_models() -> None:
    """Show the models that can be pulled, and those that are here."""
    from .models import show_models

    show_models()


@models_app.command("pull")
def pull_model(name: Annotated[str, typer.Argument(help="The name of a model; see: autogen models list")]) -> None:
    """Fetch the weights of a model. A pull that was interrupted goes on where it was."""
    from .models import pull_with_progress

    typer.echo(f"{name} is at {pull_with_progress(name)}")


def _told_plainly() -> tuple[type[Exception], ...]:
    """The errors that need no traceback. Those of the SDK are among them, if it was loaded at all."""
    of_the_sdk = (sys.modules["openai"].OpenAIError,) if "openai" in sys.modules else ()
    return (OSError, ValueError, RuntimeError, ImportError, *of_the_sdk)


def main() -> NoReturn:
    """Run the command line. What the user can mend is told in one paragraph; anything else is a traceback."""
    try:
        app()
    except _told_plainly() as error:
        from ..coding.approval import visible

        message = visible(str(redact(str(error)))) or type(error).__name__
        Console(stderr=True).print(Text.assemble(("autogen:", "bold red"), " ", message), soft_wrap=True)
        sys.exit(1)
    raise AssertionError("unreachable: typer ends the process")
