"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

ConfigOption = Annotated[
    Optional[str], typer.Option(help="A config list: a file, or an environment variable; by default OAI_CONFIG_LIST.")
]


def complete_model(incomplete: str) -> list[str]:
    """Return the names of models that begin with what was typed."""
    from ...oai._config.environment import DEFAULT_MODELS
    from ...oai._local.weights import CATALOGUE

    names = [*CATALOGUE, *(f"{vendor}/{model}" for vendor, model in DEFAULT_MODELS.items())]
    return [name for name in names if name.startswith(incomplete)]
