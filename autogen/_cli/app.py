"""The commands and their arguments. The implementation of each is in a module of its own."""

from __future__ import annotations

import enum
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional, cast

import typer
from rich.console import Console
from rich.text import Text

from .._secrets import redact
from ..version import __version__
from .commands.bench import bench_app
from .commands.memory import memory_app
from .commands.options import ConfigOption, complete_model
from .commands.skills import skills_app
from .extension import CommandGroup

if TYPE_CHECKING:
    from ..agentchat.conversable_agent import HumanInputMode

app = typer.Typer(
    help="Agents that solve tasks by talking to each other. New here? Try: autogen demo",
    cls=CommandGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # `main` shows errors that users can fix, and leaves the others to Python.
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Models that run on this machine, without a key.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(memory_app, name="memory")
assistants_app = typer.Typer(help="The records of assistants, for `GPTAssistantAgent`.", no_args_is_help=True)
app.add_typer(assistants_app, name="assistants")
app.add_typer(bench_app, name="bench")
app.add_typer(skills_app, name="skills")
extension_app = typer.Typer(
    help="Extensions: packages that add models, executors, caches and commands.", no_args_is_help=True
)
app.add_typer(extension_app, name="extension")


class Human(str, enum.Enum):
    """When the human is asked."""

    always = "always"
    terminate = "terminate"
    never = "never"

    @property
    def mode(self) -> HumanInputMode:
        """The `human_input_mode` of an agent."""
        return cast("HumanInputMode", self.value.upper())


HumanOption = Annotated[
    Optional[Human],
    typer.Option(
        case_sensitive=False,
        help="When you are asked: always; terminate: at the end, or if there is no code to run; never."
        " Without a terminal: never.",
    ),
]


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
    context: typer.Context,
    task: Annotated[
        Optional[str],
        typer.Argument(help="The task; - reads it from standard input. With --resume: your next message."),
    ] = None,
    config: ConfigOption = None,
    model: Annotated[
        Optional[str],
        typer.Option(
            help="A model of the list; vendor/name, such as anthropic/claude-haiku-4-5; a local model; a GGUF file.",
            autocompletion=complete_model,
        ),
    ] = None,
    base_url: Annotated[
        Optional[str], typer.Option(help="The address of a server with OpenAI's protocol.", metavar="URL")
    ] = None,
    human: HumanOption = None,
    docker: Annotated[
        Optional[bool], typer.Option("--docker/--no-docker", help="Where the code runs.", show_default="docker")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Ask before code runs.")] = False,
    max_replies: Annotated[
        int, typer.Option(min=0, help="Maximum number of automatic replies in a row; then you are asked.")
    ] = 10,
    max_turns: Annotated[Optional[int], typer.Option(min=1, help="Maximum number of turns.")] = None,
    checkpoint: Annotated[
        Optional[Path], typer.Option(help="Keep the chat in this file.", metavar="FILE", show_default=False)
    ] = None,
    resume: Annotated[
        Optional[Path], typer.Option(help="Go on with the chat in this file, or with the last one.", metavar="FILE|last")
    ] = None,
) -> None:
    """Let an assistant and a user proxy solve a task."""
    from .chat import ChatOptions, run_chat
    from .environment import load_env_file

    load_env_file()
    if resume and checkpoint:
        raise typer.BadParameter("--resume goes on in its own file: leave --checkpoint out.")
    options = ChatOptions(
        task=_read_task(task, is_optional=resume is not None),
        config=config,
        model=model,
        base_url=base_url,
        human=human.mode if human else None,
        docker=docker,
        approve=approve,
        max_replies=max_replies,
        max_turns=max_turns,
        checkpoint=checkpoint,
        resume=resume,
        command=_list_given_options(context, without=("task", "checkpoint", "resume")),
    )
    raise typer.Exit(run_chat(options))


def _read_task(task: str | None, *, is_optional: bool) -> str | None:
    """Return the task, read from standard input or asked for at the terminal if need be."""
    if task == "-":
        task = sys.stdin.read().strip()
    elif task is None and not is_optional:
        if not sys.stdin.isatty():
            raise typer.BadParameter('A task is missing: autogen chat "TASK", or - to read it from standard input.')
        task = input("Your task: ").strip()
    if not task and not is_optional:
        raise typer.BadParameter("The task must not be empty.")
    return task or None


def _list_given_options(context: typer.Context, *, without: Collection[str]) -> tuple[str, ...]:
    """Return the options of the command line, so that they can be repeated in another one."""
    words: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        source = context.get_parameter_source(parameter.name or "")
        # By name, since typer has a copy of click's class in some versions.
        if parameter.name in without or source is None or source.name != "COMMANDLINE":
            continue
        if isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            words += [parameter.opts[0], str(value.value if isinstance(value, enum.Enum) else value)]
    return tuple(words)


@app.command("serve")
def run_serve_command(
    teams: Annotated[
        list[str],
        typer.Argument(
            help="The teams: file.py or module with the :function that makes the agents (make_team by default), or a "
            "document, team.json; NAME=... gives another name.",
            metavar="TEAM...",
        ),
    ],
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others than this machine's need tokens.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for any.", min=0, max=65535)] = 8000,
    token_file: Annotated[
        Optional[Path], typer.Option(help="A file with a line for each user: TOKEN, or NAME TOKEN.", metavar="FILE")
    ] = None,
    doors: Annotated[str, typer.Option(help="How clients get in: openai, rest, mcp; several with commas.")] = "openai,rest",
    max_runs: Annotated[int, typer.Option(help="Number of runs at once; others wait.", min=1)] = 100,
    checkpoint_dir: Annotated[
        Optional[Path], typer.Option(help="A folder, with which runs and conversations survive the server.", metavar="DIR")
    ] = None,
    processes: Annotated[bool, typer.Option("--processes", help="Run each task in a process of its own.")] = False,
    drain: Annotated[float, typer.Option(help="Seconds that runs have when the server ends.", min=0)] = 30.0,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="With --doors mcp: serve the program that starts this one, such as an editor.")
    ] = False,
    trust: Annotated[bool, typer.Option("--trust", help="Trust documents like programs.")] = False,
) -> None:
    """Serve teams: for every client of OpenAI's chat completions, and as runs over HTTP."""
    from .environment import load_env_file
    from .serve import ServeOptions, run_server

    load_env_file()
    options = ServeOptions(
        teams=teams,
        host=host,
        port=port,
        token_file=token_file,
        doors=[door.strip() for door in doors.split(",") if door.strip()],
        max_runs=max_runs,
        checkpoint_dir=checkpoint_dir,
        processes=processes,
        drain=drain,
        trust=trust,
        stdio=stdio,
    )
    raise typer.Exit(run_server(options))


@app.command("doctor")
def run_doctor_command(
    config: ConfigOption = None,
) -> None:
    """Show the installation, and ask each model for one token. The exit code is 1 if none answers."""
    from .doctor import run_doctor
    from .environment import load_env_file

    raise typer.Exit(run_doctor(config, load_env_file()))


@app.command("inspect")
def run_inspect_command(
    file: Annotated[Path, typer.Argument(help="The checkpoint of a chat: checkpoint=...", metavar="FILE")],
    html: Annotated[Optional[Path], typer.Option(help="Write a page there.", metavar="OUT")] = None,
    turn: Annotated[Optional[str], typer.Option(help="Show only this turn, in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Print who approved or refused which call, as lines of JSON.")
    ] = False,
) -> None:
    """Show a recorded chat: messages, costs, slow turns, failures, and the reason of its end.

    With --decisions the exit code is 1 if an answer was changed after it was given.
    """
    from .inspect import run_inspect, show_decisions

    if decisions:
        raise typer.Exit(show_decisions(file))
    raise typer.Exit(run_inspect(file, html, turn, as_json, force))


@app.command("export")
def run_export_command(
    file: Annotated[Path, typer.Argument(help="The document of a team, in JSON or YAML.", metavar="TEAM")],
    python: Annotated[
        Optional[Path], typer.Option(help="Write the program there; it is printed without this.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
) -> None:
    """Write a team of a document as a plain Python program."""
    from .export import export_program

    raise typer.Exit(export_program(file, python, force))


@app.command("pending")
def show_pending_command(
    file: Annotated[Path, typer.Argument(help="The checkpoint of a chat that waits.", metavar="FILE")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")] = False,
) -> None:
    """Show the questions for which a chat waits. The exit code is 1 if there are none."""
    from .questions import show_pending

    raise typer.Exit(show_pending(file, as_json))


@app.command("answer")
def give_answer_command(
    file: Annotated[Path, typer.Argument(help="The checkpoint of a chat that waits.", metavar="FILE")],
    question: Annotated[str, typer.Argument(help="The id of the question, or the beginning of it.", metavar="ID")],
    text: Annotated[str, typer.Argument(help="The answer, as it is typed at the console.", metavar="TEXT")],
    by: Annotated[str, typer.Option(help="The name of the person, for the record.")] = "",
) -> None:
    """Answer a question of a chat. The program that started the chat then goes on with it."""
    from .questions import give_answer

    raise typer.Exit(give_answer(file, question, text, by))


@models_app.command("list")
def list_models() -> None:
    """Show the models that can be downloaded, and those that are installed."""
    from .models import show_models

    show_models()


@models_app.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="The name of a model; see: autogen models list")],
    yes: Annotated[bool, typer.Option("--yes", help="Download large weights without a question.")] = False,
) -> None:
    """Download the weights of a model, after a question if they are large. An interrupted download is resumed."""
    from ..oai._local.weights import ALL_MODELS
    from .models import is_large, pull_with_progress

    if not yes and is_large(name):
        size = ALL_MODELS[name].size / 1e6
        if not sys.stdin.isatty():
            raise ValueError(f"The weights of {name!r} are {size:.0f} MB: without a terminal, --yes downloads them.")
        typer.confirm(f"The weights of {name} are {size:.0f} MB. Download them?", abort=True)
    typer.echo(f"{name} is at {pull_with_progress(name)}")


@assistants_app.command("list")
def list_assistants_command() -> None:
    """Show the assistants."""
    from ..oai._legacy.assistant_store import AssistantStore

    for record in AssistantStore().list():
        typer.echo(f"{record.id}  {record.name or ''}".rstrip())


@assistants_app.command("import")
def import_assistants_command(
    file: Annotated[Path, typer.Argument(help="A JSON list of assistants, as the service listed them.", metavar="FILE")],
) -> None:
    """Add assistants of the service that ended, from a list that was saved before."""
    from ..oai._legacy.assistant_store import AssistantStore

    store = AssistantStore()
    try:
        records = store.import_file(file)
    except (OSError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{len(records)} imported into {store.path}.")


@app.command("extensions")
def show_extensions_command() -> None:
    """Show the extensions that are installed. The exit code is 1 if one can't be loaded."""
    from .extension import show_extensions

    raise typer.Exit(0 if show_extensions() else 1)


@extension_app.command("new")
def create_extension_command(
    name: Annotated[str, typer.Argument(help="The name of the extension, such as acme.")],
    folder: Annotated[Path, typer.Option(help="Make the project's folder there.")] = Path("."),
) -> None:
    """Write the project of a new extension: a package with a model, a command, tests and a page."""
    from .extension import create_extension

    project = create_extension(name, folder)
    typer.echo(f'{project} is written. Next: cd {project} && pip install -e ".[test]" && pytest')


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
