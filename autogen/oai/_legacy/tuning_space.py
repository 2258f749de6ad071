"""Where a search looks: what its caller set, over defaults, as domains of flaml."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._extras import require
from .tuning_frontier import Region

logger = logging.getLogger("autogen.oai.completion")

PER_MODEL = ("max_tokens", "temperature_or_top_p", "temperature", "top_p", "n", "best_of")
QUESTIONS = ("prompt", "messages")


def flaml_tune() -> Any:
    """The module `flaml.tune`.

    Raises:
        ImportError: The extra `tune` is not installed.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="flaml.automl is not available")  # nor is it needed
        return require("flaml.tune", extra="tune", feature="Completion.tune")


def default_space(models: list[str]) -> dict[str, Any]:
    """Where a search looks if nothing is said."""
    tune = flaml_tune()
    return {
        "model": tune.choice(models),
        "temperature_or_top_p": tune.choice([{"temperature": tune.uniform(0, 2)}, {"top_p": tune.uniform(0, 1)}]),
        "max_tokens": tune.lograndint(50, 1000),
        "n": tune.randint(1, 100),
        "prompt": "{prompt}",
    }


@dataclass(frozen=True)
class Space:
    """What is searched, and what is not.

    Attributes:
        domain: For flaml. Texts are in it by their place in `alternatives`.
        constants: What is the same in all trials.
        alternatives: The prompts or messages, and the stop words.
        models: All models.
    """

    domain: dict[str, Any]
    constants: dict[str, Any]
    alternatives: dict[str, list[Any]]
    models: list[str]

    def flat(self, suggestion: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a suggestion, without the structure of the domain; texts by their place."""
        settings = {**suggestion, **suggestion.get("model_and_settings", {})}
        settings.pop("model_and_settings", None)
        settings |= settings.pop("temperature_or_top_p", {})
        first = dict.fromkeys(self.alternatives, 0)
        return {**self.constants, **first, **settings}

    def settings(self, suggestion: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a suggestion, as `create` takes them."""
        flat = self.flat(suggestion)
        texts = {name: options[flat[name]] for name, options in self.alternatives.items()}
        return {name: value for name, value in {**flat, **texts}.items() if name != "config_list"}

    def region(self, suggestion: Mapping[str, Any]) -> Region:
        """The region of a suggestion."""
        flat = self.flat(suggestion)
        question = next((flat[name] for name in QUESTIONS if name in self.alternatives), 0)
        return str(flat["model"]), question, flat["stop"] if "stop" in self.alternatives else 0

    def fresh(self) -> dict[str, Any]:
        """The domain for one searcher: flaml writes to what it gets."""
        return copy.deepcopy(self.domain)

    def for_each_model(self, first: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same point once for every model."""
        if "model_and_settings" not in first:
            return [dict(first)]
        return [{**first, "model_and_settings": {**first["model_and_settings"], "model": model}} for model in self.models]


def space_of(config: dict[str, Any], defaults: dict[str, Any]) -> Space:
    """What a caller set, over the defaults.

    Raises:
        AssertionError: There are both a prompt and messages, or one is of a wrong type.
    """
    merged = {**defaults, **config}
    if "temperature_or_top_p" not in config and ("temperature" in config or "top_p" in config):
        del merged["temperature_or_top_p"]
        if "temperature" in config and "top_p" in config:
            logger.warning("Both temperature and top_p are set: vendors advise to change only one of them.")
    if "messages" in config:
        assert "prompt" not in config, "A search takes either prompt or messages, not both."
        del merged["prompt"]
    if config.get("best_of", 1) != 1 and "n" not in config:
        del merged["n"]
    alternatives = {name: _alternatives(name, merged.pop(name)) for name in (*QUESTIONS, "stop") if name in merged}
    models = _models(merged["model"])
    searched = {name: value for name, value in merged.items() if name != "config_list" and _is_searched(value)}
    constants = {name: value for name, value in merged.items() if name not in searched}
    if constants.get("temperature_or_top_p"):
        constants |= constants.pop("temperature_or_top_p")
    tune = flaml_tune()
    searched |= {name: tune.choice(list(range(len(some)))) for name, some in alternatives.items() if len(some) > 1}
    return Space(_by_model(searched, models), constants, alternatives, models)


def _by_model(searched: dict[str, Any], models: list[str]) -> dict[str, Any]:
    """With several models, one choice over a space for each."""
    if "model" not in searched:
        return searched
    own = {name: domain for name, domain in searched.items() if name in PER_MODEL}
    rest = {name: domain for name, domain in searched.items() if name not in PER_MODEL and name != "model"}
    branches = [{"model": model, **copy.deepcopy(own)} for model in models]
    return {"model_and_settings": flaml_tune().choice(branches), **rest}


def _models(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    categories = getattr(value, "categories", None)
    assert categories, f"model is a name, or flaml.tune.choice of names, not {value!r}."
    return list(categories)


def _alternatives(name: str, value: Any) -> list[Any]:
    """The texts among which a search chooses."""
    if name == "prompt":
        one = isinstance(value, str) or callable(value)
        assert one or (isinstance(value, list) and value), f"prompt is a text or a list of texts, not {value!r}."
        return [value] if one else value
    if name == "messages":
        assert isinstance(value, list), f"messages is a list of messages, or of such lists, not {value!r}."
        one = all(isinstance(item, dict) for item in value)
        assert one or all(isinstance(item, list) for item in value), "messages mixes messages and lists of them."
        return [value] if one else value
    assert value is None or isinstance(value, (str, list)), f"stop is a text, a list of texts, or of lists, not {value!r}."
    if isinstance(value, list) and value and all(item is None or isinstance(item, list) for item in value):
        return value
    return [value]


def _is_searched(value: Any) -> bool:
    from flaml.tune.sample import Domain

    if isinstance(value, Mapping):
        return any(_is_searched(item) for item in value.values())
    return isinstance(value, Domain)


def description(value: Any) -> Any:
    """A space in JSON, the same in every run: objects by their type and content, functions by their name."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(name): description(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [description(item) for item in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return [type(value).__qualname__, description(getattr(value, "__dict__", {}))]
