"""The search space of a tune: the caller's settings over defaults, as domains of flaml."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias, cast

from ..._extras import require
from ..._jsonable import to_jsonable
from ...types import JSON
from .tuning_frontier import Region

logger = logging.getLogger("autogen.oai.completion")

PER_MODEL = ("max_tokens", "temperature_or_top_p", "temperature", "top_p", "n", "best_of")
QUESTIONS = ("prompt", "messages")

Settings: TypeAlias = dict[str, object]
"""Settings by name: constants, domains of flaml, or their values."""

Suggestion: TypeAlias = dict[str, object]
"""A point of the search space, from flaml's searcher."""


def import_flaml_tune() -> ModuleType:
    """Import the module `flaml.tune`.

    Raises:
        ImportError: if the extra `tune` is not installed.
    """
    with warnings.catch_warnings():
        # Nothing here needs that part of flaml.
        warnings.filterwarnings("ignore", message="flaml.automl is not available")
        return require("flaml.tune", extra="tune", feature="Completion.tune")


def make_default_space(models: list[str]) -> Settings:
    """Return the search space for settings that the caller leaves open."""
    tune = import_flaml_tune()
    return {
        "model": tune.choice(models),
        "temperature_or_top_p": tune.choice([{"temperature": tune.uniform(0, 2)}, {"top_p": tune.uniform(0, 1)}]),
        "max_tokens": tune.lograndint(50, 1000),
        "n": tune.randint(1, 100),
        "prompt": "{prompt}",
    }


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        domain: The part that is searched, for flaml. Texts are represented by their index in `alternatives`.
        constants: The settings that all trials share.
        alternatives: The prompts or messages, and the stop words.
        models: All models.
    """

    domain: Settings
    constants: Settings
    alternatives: dict[str, list[object]]
    models: list[str]

    def flatten(self, suggestion: Suggestion) -> Settings:
        """Return the settings of a suggestion without the structure of the domain; texts are still indexes."""
        settings = {**suggestion, **cast("Settings", suggestion.get("model_and_settings", {}))}
        settings.pop("model_and_settings", None)
        settings |= cast("Settings", settings.pop("temperature_or_top_p", {}))
        first = dict.fromkeys(self.alternatives, 0)
        return {**self.constants, **first, **settings}

    def get_settings(self, suggestion: Suggestion) -> Settings:
        """Return the settings of a suggestion as `create` takes them."""
        flat = self.flatten(suggestion)
        texts = {name: options[cast("int", flat[name])] for name, options in self.alternatives.items()}
        return {name: value for name, value in {**flat, **texts}.items() if name != "config_list"}

    def get_region(self, suggestion: Suggestion) -> Region:
        """Return the region of a suggestion."""
        flat = self.flatten(suggestion)
        question = next((flat[name] for name in QUESTIONS if name in self.alternatives), 0)
        stop = flat["stop"] if "stop" in self.alternatives else 0
        return str(flat["model"]), cast("int", question), cast("int", stop)

    def copy_domain(self) -> Settings:
        """Return a copy of the domain for a searcher, because flaml writes to it."""
        return copy.deepcopy(self.domain)

    def repeat_for_models(self, first: Suggestion) -> list[Suggestion]:
        """Return the same point once for every model."""
        if "model_and_settings" not in first:
            return [dict(first)]
        branch = cast("Settings", first["model_and_settings"])
        return [{**first, "model_and_settings": {**branch, "model": model}} for model in self.models]


def make_space(config: Settings, defaults: Settings) -> Space:
    """Make the space of a caller's settings over defaults.

    Raises:
        AssertionError: if there are both a prompt and messages, or a value of a wrong type.
    """
    merged = {**defaults, **config}
    # A setting of the caller replaces the default domain that contains it.
    if "temperature_or_top_p" not in config and ("temperature" in config or "top_p" in config):
        del merged["temperature_or_top_p"]
        if "temperature" in config and "top_p" in config:
            logger.warning("Both temperature and top_p are set: vendors advise to change only one of them.")
    if "messages" in config:
        assert "prompt" not in config, "A search takes either prompt or messages, not both."
        del merged["prompt"]
    # With `best_of`, the default `n` could exceed it.
    if config.get("best_of", 1) != 1 and "n" not in config:
        del merged["n"]
    alternatives = {name: _list_alternatives(name, merged.pop(name)) for name in (*QUESTIONS, "stop") if name in merged}
    models = _list_models(merged["model"])
    searched = {name: value for name, value in merged.items() if name != "config_list" and _is_searched(value)}
    constants = {name: value for name, value in merged.items() if name not in searched}
    # As a constant it is a dict of one of the two.
    if constants.get("temperature_or_top_p"):
        constants |= cast("Settings", constants.pop("temperature_or_top_p"))
    tune = import_flaml_tune()
    searched |= {name: tune.choice(list(range(len(some)))) for name, some in alternatives.items() if len(some) > 1}
    return Space(_branch_by_model(searched, models), constants, alternatives, models)


def _branch_by_model(searched: Settings, models: list[str]) -> Settings:
    """Return for several models a choice over a space for each; for one model the space itself."""
    if "model" not in searched:
        return searched
    # The best values of these differ from model to model, those of texts don't.
    branch = {name: domain for name, domain in searched.items() if name in PER_MODEL}
    rest = {name: domain for name, domain in searched.items() if name not in PER_MODEL and name != "model"}
    branches = [{"model": model, **copy.deepcopy(branch)} for model in models]
    return {"model_and_settings": import_flaml_tune().choice(branches), **rest}


def _list_models(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    categories = getattr(value, "categories", None)
    assert categories, f"model must be a name, or flaml.tune.choice of names, got {value!r}."
    return list(categories)


def _list_alternatives(name: str, value: object) -> list[object]:
    """Return the texts among which a search chooses."""
    if name == "prompt":
        is_single = isinstance(value, str) or callable(value)
        is_valid = is_single or (isinstance(value, list) and len(value) > 0)
        assert is_valid, f"prompt must be a text or a list of texts, got {value!r}."
        return [value] if is_single else cast("list[object]", value)
    if name == "messages":
        assert isinstance(value, list), f"messages must be a list of messages, or of such lists, got {value!r}."
        is_single = all(isinstance(item, dict) for item in value)
        assert is_single or all(isinstance(item, list) for item in value), "messages mixes messages and lists of them."
        return [value] if is_single else value
    is_valid = value is None or isinstance(value, (str, list))
    assert is_valid, f"stop must be a text, a list of texts, or of lists, got {value!r}."
    if isinstance(value, list) and value and all(item is None or isinstance(item, list) for item in value):
        return value
    return [value]


def _is_searched(value: object) -> bool:
    from flaml.tune.sample import Domain

    if isinstance(value, Mapping):
        return any(_is_searched(item) for item in value.values())
    return isinstance(value, Domain)


def describe_space(value: object) -> JSON:
    """Convert a space to JSON that is the same in every run: objects to type and content, functions to their name."""
    converted: JSON = to_jsonable(value, _describe_object)
    return converted


def _describe_object(value: object) -> list[object] | str:
    # Not the `repr`, which may contain an address in memory.
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return [type(value).__qualname__, getattr(value, "__dict__", {})]
