"""`autogen doctor`: the installation, the endpoints, and the model that would be used."""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from .._secrets import redact
from ..code_utils import is_docker_running
from ..oai._endpoints.clients import make_client
from ..oai._endpoints.openai_client import OpenAIClient
from ..oai._local import weights as weights_module
from ..version import __version__
from .choice import Choice, choose_model

if TYPE_CHECKING:
    from ..types import ConfigEntry

PACKAGES = {
    "openai": "core",
    "docker": "core",
    "tiktoken": "core",
    "xllamacpp": "extra 'local'",
    "flaml": "extra 'tune'",
    "ipykernel": "extra 'notebook'",
}
TIMEOUT = 5.0  # seconds


def run_doctor(config: str | None) -> int:
    """Print the report, and return 0 if there is a model to use.

    Args:
        config: Name of a config list; None for the default.
    """
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"[bold]autogen[/] {__version__} on Python {platform.python_version()}, {platform.platform()}\n")
    console.print(_make_package_table())
    console.print(
        f"\n[bold]Docker[/]    {'[green]up[/]' if is_docker_running() else '[yellow]not running[/]: use --no-docker'}"
    )
    weights = ", ".join(weights_module.list_installed()) or "none: autogen models pull smollm2-135m"
    console.print(f"[bold]Weights[/]   {weights}")
    try:
        choice = choose_model(config, None)
    except (OSError, ValueError) as error:
        console.print(f"[bold]Model[/]     [red]none[/]: {redact(str(error))}")
        return 1
    console.print(f"[bold]Model[/]     {choice.label}\n")
    console.print(_make_endpoint_table(choice))
    return 0


def _make_package_table() -> Table:
    table = Table("Package", "Version", "", box=None, header_style="bold")
    for name, origin in PACKAGES.items():
        try:
            table.add_row(name, version(name), origin)
        except PackageNotFoundError:
            table.add_row(name, "[yellow]not installed[/]", origin)
    return table


def _make_endpoint_table(choice: Choice) -> Table:
    table = Table("Endpoint", "Address", Column("Answers?", overflow="fold"), box=None, header_style="bold")
    # An endpoint that doesn't respond takes its whole timeout.
    with ThreadPoolExecutor(8) as pool:
        for entry, (address, verdict) in zip(choice.config_list, pool.map(_probe, choice.config_list), strict=True):
            table.add_row(str(entry.get("model")), address, verdict)
    return table


def _probe(entry: ConfigEntry) -> tuple[str, str]:
    """Return the address of an entry, and the result of a request for the list of its models."""
    if entry.get("api_type") == "local":
        model = str(entry.get("model"))
        is_installed = model in weights_module.list_installed() or model.endswith(".gguf")
        return "this process", "[green]weights are here[/]" if is_installed else f"[yellow]autogen models pull {model}[/]"
    if entry.get("model_client_cls"):
        return "custom client", "not requested"
    address = str(redact(str(entry.get("base_url") or entry.get("azure_endpoint") or "the SDK's default")))
    try:
        client = make_client({**entry, "timeout": TIMEOUT, "max_retries": 0})
        if not isinstance(client, OpenAIClient):
            return address, "not requested"
        client.sdk_client.models.list()
    except Exception as error:  # noqa: BLE001 - any error is the result of the probe
        return address, f"[red]{type(error).__name__}[/]: {_shorten(str(redact(str(error))), entry)}"
    return address, "[green]yes[/]"


def _shorten(text: str, entry: ConfigEntry) -> str:
    # `redact` only finds keys of known forms.
    key = str(entry.get("api_key") or "")
    text = text.replace(key, "***") if key else text
    return text if len(text) < 160 else text[:157] + "..."
