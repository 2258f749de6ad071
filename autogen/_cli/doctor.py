"""`autogen doctor`: the installation, and the endpoints that answer."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from .._secrets import redact
from .._steps import run_sync
from ..code_utils import is_docker_running
from ..coding.approval import visible
from ..oai._endpoints.clients import make_client
from ..oai._endpoints.openai_client import OpenAIClient
from ..oai._local import weights as weights_module
from ..oai._requests.live_abilities import ask_server
from ..oai.abilities import get_abilities, get_price_source
from ..version import __version__
from .choice import Choice, choose_model
from .environment import EnvFile

if TYPE_CHECKING:
    from ..types import ConfigEntry

DISTRIBUTION = "autogen-classic"
TIMEOUT = 30.0  # seconds; a server may have to load the model first
_FOR_DEVELOPERS = {"dev", "docs", "test"}
_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w.-]+)["']""")


class Probe(NamedTuple):
    """The result of a request to an endpoint.

    Attributes:
        model: Name of the model.
        address: Address of the endpoint.
        is_usable: True if the model answered.
        problem: The reason if it did not.
        abilities: The abilities of the model in words, as far as they are known.
    """

    model: str
    address: str
    is_usable: bool
    problem: str = ""
    abilities: str = ""


def run_doctor(config: str | None, env_file: EnvFile) -> int:
    """Print the report, and return 0 if a model answers, else 1.

    Args:
        config: Name of a config list; None for the default.
        env_file: The names that were read from `.env`.
    """
    console = Console(highlight=False)
    console.print(f"[bold]autogen[/] {__version__} on Python {platform.python_version()}, {platform.platform()}\n")
    extras = list_extras()
    console.print(_make_package_table(extras))
    console.print()
    if missing := [extra for extra, is_installed in extras.items() if not is_installed]:
        console.print(Text(f'An extra is installed by: pip install "{DISTRIBUTION}[{missing[0]}]"\n'))
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    is_running = is_docker_running()
    facts.add_row("Docker", Text("up", "green") if is_running else Text("not running: use --no-docker", "yellow"))
    facts.add_row("Weights", ", ".join(weights_module.list_installed()) or "none: autogen models pull smollm2-135m")
    for title, names in _describe_env_file(env_file):
        facts.add_row(title, Text(names))
    try:
        choice = choose_model(config, None)
    except (OSError, ValueError) as error:
        facts.add_row("Model", Text.assemble(("none", "red"), f": {redact(str(error))}"))
        console.print(facts)
        return 1
    facts.add_row("Model", Text(choice.label))
    console.print(facts)
    console.print()
    probes = _probe_all(console, choice)
    console.print(_make_endpoint_table(probes))
    if any(probe.is_usable for probe in probes):
        return 0
    console.print("\n[red]No model answers.[/] Without an account: autogen models pull smollm2-135m, and autogen demo.")
    return 1


def _describe_env_file(env_file: EnvFile) -> Iterator[tuple[str, str]]:
    if env_file.read:
        yield ".env", f"read: {', '.join(env_file.read)}"
    if env_file.kept:
        yield ".env", f"not read, since the environment has them: {', '.join(env_file.kept)}"
    if env_file.ignored:
        yield ".env", f"not read, since only keys are taken from a file: {', '.join(env_file.ignored)}"


def list_extras() -> dict[str, bool]:
    """Return the extras for users, each with True if its packages are installed; empty for a source tree alone."""
    requirements = _get_requirements(DISTRIBUTION)
    names = {extra for requirement in requirements for extra in _EXTRA.findall(requirement)} - _FOR_DEVELOPERS
    return {extra: _is_extra_installed(DISTRIBUTION, extra) for extra in sorted(names)}


def _is_extra_installed(package: str, extra: str) -> bool:
    for requirement in _get_requirements(package):
        if extra not in _EXTRA.findall(requirement):
            continue
        match = _REQUIREMENT.match(requirement)
        assert match is not None, requirement
        if _get_version(match[1]) is None:
            return False
        # `openai[bedrock]` is installed if the packages of that extra are.
        inner = [name.strip() for name in (match[2] or "").split(",") if name.strip()]
        if not all(_is_extra_installed(match[1], name) for name in inner):
            return False
    return True


def _get_requirements(package: str) -> list[str]:
    try:
        return requires(package) or []
    except PackageNotFoundError:
        return []


def _get_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _make_package_table(extras: Mapping[str, bool]) -> Table:
    table = Table(Column("Package", overflow="fold"), Column("Version", overflow="fold"), box=None, header_style="bold")
    for name in ("openai", "docker", "tiktoken"):
        table.add_row(name, _get_version(name) or Text("missing", "red"))
    for extra, is_installed in extras.items():
        table.add_row(f"extra {extra}", Text("installed", "green") if is_installed else Text("missing", "yellow"))
    return table


def _make_endpoint_table(probes: list[Probe]) -> Table:
    columns = (Column("Answers?", no_wrap=True), Column("Model", overflow="fold"), Column("Known of it", overflow="fold"))
    table = Table(*columns, box=None, header_style="bold")
    for probe in probes:
        preposition = "at" if "://" in probe.address else "in"
        text = f"{probe.model} {preposition} {probe.address}" + (f": {probe.problem}" if probe.problem else "")
        table.add_row(Text("yes", "green") if probe.is_usable else Text("no", "red"), Text(visible(text)), probe.abilities)
    return table


def _probe_all(console: Console, choice: Choice) -> list[Probe]:
    # An endpoint that doesn't respond takes its whole timeout.
    status = console.status("Asking each model for a token") if console.is_terminal else nullcontext()
    with status, ThreadPoolExecutor(8) as pool:
        probes = list(pool.map(_probe, choice.config_list))
    pairs = zip(probes, choice.config_list, strict=True)
    return [probe._replace(abilities=describe_abilities(entry)) for probe, entry in pairs]


def describe_abilities(entry: ConfigEntry) -> str:
    """Return the abilities of an entry's model in a few words; those that are unknown are left out."""
    try:
        abilities = get_abilities(entry)
    except ValueError as error:
        return str(error)
    parts = [f"{abilities.context:,} tokens"] if abilities.context else []
    for words, value in (("pictures", abilities.vision), ("tools", abilities.tools)):
        if value is not None:
            parts.append(words if value else f"no {words}")
    if abilities.reasoning not in (None, "no"):
        parts.append("thinking")
    if abilities.deprecated:
        parts.append(f"withdrawn on {abilities.deprecated}")
    return ", ".join([*parts, f"price: {get_price_source(entry) or 'unknown'}"])


def _probe(entry: ConfigEntry) -> Probe:
    """Ask the model of an entry for one token."""
    model = str(entry.get("model"))
    if entry.get("model_client_cls"):
        return Probe(model, "a client of its own", False, "not asked")
    address = "this process" if entry.get("api_type") == "local" else str(entry.get("base_url") or "")
    try:
        client = make_client({**entry, "timeout": TIMEOUT, "max_retries": 0})
        if not isinstance(client, OpenAIClient):
            return Probe(model, address, False, "not asked")
        address = client.address if entry.get("api_type") != "local" else address
        messages = [{"role": "user", "content": "Hi"}]
        extra = {key: value for key, value in entry.items() if key in ("extra_body", "extra_headers")}
        client.create({**extra, "model": model, "messages": messages, "max_tokens": 1})
        run_sync(ask_server(client, model))
    except Exception as error:  # noqa: BLE001 - any error is the result of the probe
        problem = f"{type(error).__name__}: {_shorten(str(redact(str(error))), entry)}"
        return Probe(model, str(redact(address)), False, problem)
    return Probe(model, str(redact(address)), True)


def _shorten(text: str, entry: ConfigEntry) -> str:
    # `redact` only finds keys of known forms.
    key = str(entry.get("api_key") or "")
    text = text.replace(key, "***") if key else text
    return text if len(text) < 160 else text[:157] + "..."
