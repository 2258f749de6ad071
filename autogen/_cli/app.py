"""The commands and their arguments. The implementation of each is in a module of its own."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional, cast

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
    # `main` shows errors that users can fix, and leaves the others to Python.
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
        return cast("HumanInputMode", self.value.upper())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autogen {__version__}")
        raise typer.Exit()


@app.callback()
def _add_root_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Accept the options that stand before a command."""


@app.command("demo")
def run_demo_command(
    task: Annotated[Optional[str], typer.Argument(help="Another task; a small model likes small ones.")] = None,
) -> None:
    """Watch an assistant write code and a user run it. No API key: the model runs on this machine."""
    from .demo import run_demo

    raise typer.Exit(run_demo(task))


@app.command("chat")
def run_chat_command(
    task: Annotated[str, typer.Argument(help="The task.")],
    config: Annotated[Optional[str], typer.Option(help="A config list: a file, or an environment variable.")] = None,
    model: Annotated[Optional[str], typer.Option(help="A model of the list, or a local model (also a GGUF file).")] = None,
    human: Annotated[Human, typer.Option(help="When you are asked.")] = Human.terminate,
    docker: Annotated[bool, typer.Option("--docker/--no-docker", help="Where the code runs.")] = True,
    max_turns: Annotated[Optional[int], typer.Option(min=1, help="Maximum number of turns.")] = None,
    view: Annotated[bool, typer.Option("--view", help="Show messages, costs and tools in a live view.")] = False,
) -> None:
    """Let an assistant and a user proxy solve a task."""
    from .chat import run_chat

    raise typer.Exit(run_chat(task, config, model, human.mode, docker, max_turns, view))


@app.command("doctor")
def run_doctor_command(
    config: Annotated[Optional[str], typer.Option(help="A config list: a file, or an environment variable.")] = None,
) -> None:
    """Show the installation, the endpoints that respond, and the model that would be used."""
    from .doctor import run_doctor

    raise typer.Exit(run_doctor(config))


@app.command("inspect")
def run_inspect_command(
    file: Annotated[Path, typer.Argument(help="The checkpoint of a chat: checkpoint=...", metavar="FILE")],
    html: Annotated[Optional[Path], typer.Option(help="Write a page there.", metavar="OUT")] = None,
    turn: Annotated[Optional[str], typer.Option(help="Show only this turn, in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
) -> None:
    """Show a recorded chat: messages, costs, slow turns, failures, and the reason of its end."""
    from .inspect import run_inspect

    raise typer.Exit(run_inspect(file, html, turn, as_json, force))


@models_app.command("list")
def list_models() -> None:
    """Show the models that can be downloaded, and those that are installed."""
    from .models import show_models

    show_models()


@models_app.command("pull")
def pull_model(name: Annotated[str, typer.Argument(help="The name of a model; see: autogen models list")]) -> None:
    """Download the weights of a model. An interrupted download is resumed."""
    from .models import pull_with_progress

    typer.echo(f"{name} is at {pull_with_progress(name)}")


def _get_expected_errors() -> tuple[type[Exception], ...]:
    """Return the errors that are shown without a traceback, those of the SDK included if it is loaded."""
    # Loading the SDK takes longer than most commands.
    sdk_errors = (sys.modules["openai"].OpenAIError,) if "openai" in sys.modules else ()
    return (OSError, ValueError, RuntimeError, ImportError, *sdk_errors)


def main() -> NoReturn:
    """Run the command line. Errors that the user can fix are shown in one paragraph, others as a traceback."""
    try:
        app()
    except _get_expected_errors() as error:
        from ..coding.approval import visible

        message = visible(str(redact(str(error)))) or type(error).__name__
        Console(stderr=True).print(Text.assemble(("autogen:", "bold red"), " ", message), soft_wrap=True)
        sys.exit(1)
    raise AssertionError("unreachable: typer ends the process")
