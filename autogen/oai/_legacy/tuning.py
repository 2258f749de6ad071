"""`Completion.tune`: which settings to try next, until trials or money are used up. Each search has a state of its own."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._extras import require
from .._endpoints.provider_table import find_provider
from .._requests.cost import parse_price, get_price
from .completion_calls import connection_names
from .tuning_frontier import Frontier, Price
from .tuning_log import TrialLog
from .tuning_progress import TuningProgress
from .tuning_space import description, flaml_tune, space_of
from .tuning_trial import Goal, Spending, Trial

if TYPE_CHECKING:
    from flaml.tune.analysis import ExperimentAnalysis

__all__ = ["Goal", "Tuning"]

logger = logging.getLogger("autogen.oai.completion")

IN_VAIN = 100  # suggestions in a row that bring nothing new, after which the space counts as searched


class Tuning:
    """One search.

    Args:
        goal: What it is for.
        completion: `Completion` or a subclass: asks, and has the defaults.
        config: What the caller set.
        seed: For the choice of settings.

    Raises:
        ValueError: The price of a model is not known, and there is a budget that needs it; no entry of the config list
            serves a model.
    """

    def __init__(self, goal: Goal, completion: Any, config: dict[str, Any], seed: int) -> None:
        flaml_tune()
        self._goal, self._completion, self._seed = goal, completion, seed
        self._config_list: list[dict[str, Any]] = config.get("config_list") or []
        self._space = space_of(config, self._defaults())
        self._prices = {model: self._price(model) for model in self._space.models}
        self._frontier = Frontier()
        self._spending = Spending(goal.total_budget)
        self._last_error: Exception | None = None

    def _defaults(self) -> dict[str, Any]:
        """The default space; the models are those of the config list, if it names some."""
        defaults = dict(self._completion.default_search_space)
        named = list(dict.fromkeys(entry["model"] for entry in self._config_list if entry.get("model")))
        if named:
            defaults["model"] = flaml_tune().choice(named) if len(named) > 1 else named[0]
        return defaults

    def _entries(self, model: str) -> list[dict[str, Any]]:
        """The entries of the config list that serve a model.

        Raises:
            ValueError: There are none.
        """
        entries = [entry for entry in self._config_list if entry.get("model") in (None, model)]
        if self._config_list and not entries:
            raise ValueError(f"The search space has the model {model!r}, which no entry of the config_list names.")
        return entries

    def _price(self, model: str) -> Price | None:
        setting = {**self._space.constants, **(self._entries(model) or [{}])[0]}
        if setting.get("price") is not None:
            return Price(*parse_price(setting["price"]))
        known = (0.0, 0.0) if find_provider(setting).free else get_price(model)
        if known is None and self._goal.budget is not None:
            raise ValueError(
                f"The price of the model {model!r} is not known, so an inference_budget says nothing about it. "
                'Put "price": [input, output] (USD for 1,000 tokens) into its config.'
            )
        return None if known is None else Price(*known)

    def run(self, log_file_name: str | None, verbose: bool) -> tuple[dict[str, Any] | None, ExperimentAnalysis]:
        """Search.

        Returns:
            The best settings, and flaml's account of the trials.

        Raises:
            openai.APIError: No trial got an answer.
        """
        log = TrialLog(log_file_name, self._identity())
        analysis = self._analysis()
        searcher = self._searcher() if self._space.domain else None
        goal, in_vain = self._goal, 0
        with TuningProgress(goal.metric, goal.num_samples, goal.total_budget, verbose) as progress:
            while not self._spending.is_over and len(analysis.trials) != goal.num_samples and in_vain < IN_VAIN:
                number = len(analysis.trials)
                suggestion = _plain(searcher.suggest(str(number)) if searcher else {} if number == 0 else None)
                if suggestion is None:
                    in_vain += 1 if searcher else IN_VAIN
                    continue
                outcome, result, cost = self._tried(suggestion, log)
                told = {"config": suggestion, "value": result[goal.metric], "cost": cost}
                if searcher:
                    searcher.on_trial_complete(str(number), told)
                analysis.trials.append(self._trial(number, suggestion, result))
                in_vain = 0 if cost or goal.num_samples > 0 else in_vain + 1
                progress.report(number + 1, outcome, result, self._best_value(analysis), self._spending.spent)
        return self._settled(analysis), analysis

    def _tried(self, suggestion: dict[str, Any], log: TrialLog) -> tuple[str, dict[str, Any], float]:
        """The outcome of a trial, from the log or by requests; its result and cost."""
        if known := log.known(suggestion):
            self._frontier.replay(known["learned"])
            self._spending.spent += known["cost"]
            return known["outcome"], known["result"], known["cost"]
        settings, region = self._space.settings(suggestion), self._space.region(suggestion)
        before, learned = self._spending.spent, len(self._frontier.journal)
        price = self._prices[region[0]]
        trial = Trial(self._goal, self._ask, settings, region, price, self._frontier, self._spending)
        result = trial.run()
        cost = self._spending.spent - before
        self._last_error = trial.error or self._last_error
        if trial.outcome not in ("spent", "failed"):  # those can come out otherwise next time
            learned_now = self._frontier.journal[learned:]
            record = {"suggestion": suggestion, "outcome": trial.outcome, "result": result, "cost": cost}
            log.add({**record, "learned": learned_now})
        return trial.outcome, result, cost

    def _ask(self, instance: Mapping[str, Any], settings: dict[str, Any], offset: int) -> Any:
        """Ask by the entries that serve the model, in turn."""
        return self._completion._ask_entries(dict(instance), settings, self._entries(settings["model"]), offset)

    def _searcher(self) -> Any:
        """BlendSearch, or CFO where optuna is not installed."""
        blendsearch = require("flaml.tune.searcher.blendsearch", extra="tune", feature="Completion.tune")
        kind = blendsearch.BlendSearch
        try:
            optuna = require("optuna", extra="tune", feature="BlendSearch")
            optuna.logging.set_verbosity(optuna.logging.WARNING)
        except ImportError as error:
            logger.warning("%s. The search uses CFO, which is local.", error)
            kind = blendsearch.CFO
        noisy = logging.getLogger("flaml.tune.searcher")  # about its own doings
        if noisy.level == logging.NOTSET:
            noisy.setLevel(logging.ERROR)
        options = {"metric": "value", "mode": self._goal.mode, "cost_attr": "cost", "seed": self._seed}
        first = kind(space=self._space.fresh(), **options).suggest("first")
        points = self._space.for_each_model(first) if first and len(self._space.models) > 1 else None
        budget = self._goal.total_budget
        return kind(space=self._space.fresh(), cost_budget=budget, points_to_evaluate=points, **options)

    def _identity(self) -> Any:
        """What tells this search from others, without secrets."""
        space = self._space
        unlike = connection_names(space.constants)
        constants = {name: value for name, value in space.constants.items() if name not in unlike}
        what = [space.domain, constants, space.alternatives, self._goal.data, self._goal.metric, self._goal.mode]
        return description([*what, self._goal.budget])

    def _analysis(self) -> Any:
        module = require("flaml.tune.analysis", extra="tune", feature="Completion.tune")
        analysis = module.ExperimentAnalysis()
        analysis.trials, analysis.default_metric, analysis.default_mode = [], self._goal.metric, self._goal.mode
        return analysis

    def _trial(self, number: int, suggestion: dict[str, Any], result: dict[str, Any]) -> Any:
        """A trial as flaml keeps it. It is for looking at: nothing of the connection."""
        runner = require("flaml.tune.trial_runner", extra="tune", feature="Completion.tune")
        flat = self._space.flat(suggestion)
        hidden = connection_names(flat) | {"config_list"}
        shown = {name: value for name, value in flat.items() if name not in hidden}
        trial = runner.SimpleTrial(shown, trial_id=str(number))
        trial.suggestion, trial.status = suggestion, trial.TERMINATED
        trial.update_last_result({"config": shown, **result})
        return trial

    def _best_value(self, analysis: Any) -> float | None:
        values = [trial.last_result[self._goal.metric] for trial in analysis.trials]
        finite = [value for value in values if math.isfinite(value)]
        return (max if self._goal.mode == "max" else min)(finite, default=None)

    def _settled(self, analysis: Any) -> dict[str, Any] | None:
        """The best settings.

        Raises:
            openai.APIError: No trial got an answer.
        """
        if self._best_value(analysis) is not None:
            return self._space.settings(analysis.best_trial.suggestion)
        if self._last_error is not None and self._spending.spent == 0:
            raise self._last_error
        logger.warning("tune found no settings that work within the budget.")
        return None


def _plain(value: Any) -> Any:
    """A suggestion without the number types of numpy."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value.item() if hasattr(value, "item") else value
