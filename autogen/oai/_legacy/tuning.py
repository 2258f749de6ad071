"""`Completion.tune`: the search for good settings, until trials or money run out. Each search has its own state."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..._extras import require
from ..._jsonable import to_jsonable
from ...io.base import IOStream
from ...types import JSON
from .._endpoints.provider_registry import find_provider
from .._requests.serialization import ResponseDict
from .._usage.cost import get_price, parse_price
from .completion_calls import get_connection_names
from .tuning_frontier import Frontier, Price
from .tuning_log import TrialLog, TrialRecord
from .tuning_space import Settings, Suggestion, describe_space, import_flaml_tune, make_space
from .tuning_trial import Goal, Spending, Trial

if TYPE_CHECKING:
    from flaml.tune.analysis import ExperimentAnalysis
    from rich.progress import Progress, TaskID

__all__ = ["Goal", "Tuning"]

logger = logging.getLogger("autogen.oai.completion")

MAX_IDLE_SUGGESTIONS = 100  # in a row without a new result, after which the space counts as searched


class _Request(Protocol):
    """The method of `Completion` that sends requests."""

    def __call__(
        self,
        context: Mapping[str, object] | None,
        config: Settings,
        config_list: Sequence[Mapping[str, object]],
        *,
        offset: int = 0,
    ) -> ResponseDict | int: ...


class _FlamlTrial(Protocol):
    """Members of flaml's trials that a search uses."""

    suggestion: Suggestion
    last_result: dict[str, float]


class _Analysis(Protocol):
    """Members of flaml's `ExperimentAnalysis` that a search uses."""

    trials: list[_FlamlTrial]

    @property
    def best_trial(self) -> _FlamlTrial: ...


class _Searcher(Protocol):
    """Members of flaml's searchers that a search uses."""

    def suggest(self, trial_id: str) -> Suggestion | None: ...

    def on_trial_complete(self, trial_id: str, result: Mapping[str, object]) -> None: ...


class TuningProgress:
    """A progress bar on a terminal, and if requested a printed line for each trial.

    Args:
        metric: Name of the metric.
        num_samples: Number of trials; -1 if the budget ends the search.
        budget: Budget in USD.
        verbose: True to print lines.
    """

    def __init__(self, metric: str, num_samples: int, budget: float | None, verbose: bool) -> None:
        self._metric, self._verbose = metric, verbose
        self._counts_trials = num_samples > 0
        self._total = num_samples if self._counts_trials else budget
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> TuningProgress:
        # In a log file, the control characters of a bar would be noise.
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            text = TextColumn("{task.description}")
            self._bar = Progress(text, BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("Tuning", total=self._total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def report(self, number: int, outcome: str, result: Mapping[str, float], best: float | None, spent: float) -> None:
        """Report a finished trial.

        Args:
            number: Number of the trial, from 1.
            outcome: Outcome of the trial.
            result: Metrics and costs of the trial.
            best: Best value of the metric so far.
            spent: USD spent by the search so far.
        """
        if self._verbose:
            value = f"{self._metric} {result[self._metric]:g}" if outcome == "complete" else outcome
            line = f"Trial {number}: {value}, cost {result['cost']:.6f}, total {spent:.6f}"
            IOStream.get_default().print(line, flush=True)
        if self._bar is not None and self._task is not None:
            best_text = "none" if best is None else f"{best:g}"
            text = f"Tuning: trial {number}, best {self._metric} {best_text}, {spent:.4f} USD"
            self._bar.update(self._task, completed=number if self._counts_trials else spent, description=text)


class Tuning:
    """A search.

    Args:
        goal: Metric, data and budgets.
        request: Sends a request.
        default_space: Search space for settings that the caller leaves open.
        config: Settings of the caller.
        seed: Seed for the choice of settings.

    Raises:
        ValueError: if the price of a model is unknown and a budget needs it, or no entry of the config list serves a model.
    """

    def __init__(self, goal: Goal, request: _Request, default_space: Settings, config: Settings, seed: int) -> None:
        import_flaml_tune()
        self._goal, self._send, self._seed = goal, request, seed
        self._config_list = cast("list[dict[str, Any]]", config.get("config_list") or [])
        self._space = make_space(config, self._set_models(default_space))
        self._prices = {model: self._find_price(model) for model in self._space.models}
        self._frontier = Frontier()
        self._spending = Spending(goal.total_budget)
        self._last_error: Exception | None = None

    def _set_models(self, default_space: Settings) -> Settings:
        """Return the default space with the models of the config list, if that names any."""
        models = list(dict.fromkeys(entry["model"] for entry in self._config_list if entry.get("model")))
        if not models:
            return default_space
        return {**default_space, "model": import_flaml_tune().choice(models) if len(models) > 1 else models[0]}

    def _select_entries(self, model: str) -> list[Settings]:
        """Return the entries of the config list that serve a model.

        Raises:
            ValueError: if there are none.
        """
        entries = [entry for entry in self._config_list if entry.get("model") in (None, model)]
        if self._config_list and not entries:
            raise ValueError(f"The search space has the model {model!r}, which no entry of the config_list names.")
        return entries

    def _find_price(self, model: str) -> Price | None:
        settings = {**self._space.constants, **(self._select_entries(model) or [{}])[0]}
        if settings.get("price") is not None:
            return Price(*parse_price(settings["price"])[:2])
        # A local model has no price list, and costs nothing.
        price = (0.0, 0.0) if find_provider(settings).free else get_price(model)
        if price is None and self._goal.budget is not None:
            raise ValueError(
                f"The price of the model {model!r} is unknown, so an inference_budget can't be applied. "
                'Put "price": [input, output] (USD per 1,000 tokens) into its config.'
            )
        return None if price is None else Price(*price)

    def run(self, log_file_name: str | None, verbose: bool) -> tuple[Settings | None, ExperimentAnalysis]:
        """Run the search.

        Args:
            log_file_name: File for the trials; None for no log.
            verbose: True to print a line for each trial.

        Returns:
            The best settings, and flaml's analysis of the trials.

        Raises:
            openai.APIError: if no trial got a response.
        """
        log = TrialLog(log_file_name, self._describe())
        analysis = self._make_analysis()
        searcher = self._make_searcher() if self._space.domain else None
        goal, idle = self._goal, 0
        with TuningProgress(goal.metric, goal.num_samples, goal.total_budget, verbose) as progress:
            while not self._spending.is_over and len(analysis.trials) != goal.num_samples and idle < MAX_IDLE_SUGGESTIONS:
                number = len(analysis.trials)
                if searcher is not None:
                    suggestion = _drop_numpy_types(searcher.suggest(str(number)))
                else:
                    # Constants alone are one suggestion.
                    suggestion = {} if number == 0 else None
                # A searcher has no suggestion for the moment, or none at all.
                if suggestion is None:
                    idle += 1 if searcher else MAX_IDLE_SUGGESTIONS
                    continue
                outcome, result, cost = self._run_trial(suggestion, log)
                if searcher is not None:
                    observation = {"config": suggestion, "value": result[goal.metric], "cost": cost}
                    searcher.on_trial_complete(str(number), observation)
                analysis.trials.append(self._make_trial(number, suggestion, result))
                # Pruned trials cost nothing, so the budget alone would never end a search that only makes those.
                idle = 0 if cost or goal.num_samples > 0 else idle + 1
                progress.report(number + 1, outcome, result, self._find_best_value(analysis), self._spending.spent)
        return self._select_best(analysis), cast("ExperimentAnalysis", analysis)

    def _run_trial(self, suggestion: Suggestion, log: TrialLog) -> tuple[str, Mapping[str, float], float]:
        """Return outcome, result and cost of a trial, from the log or by requests."""
        if record := log.take(suggestion):
            # Pruning must know the same facts as in the earlier run, or the search would take another way.
            self._frontier.replay(record["learned"])
            self._spending.spent += record["cost"]
            return record["outcome"], record["result"], record["cost"]
        settings, region = self._space.get_settings(suggestion), self._space.get_region(suggestion)
        spent_before, learned_before = self._spending.spent, len(self._frontier.journal)
        price = self._prices[region[0]]
        trial = Trial(self._goal, self._request, settings, region, price, self._frontier, self._spending)
        result = trial.run()
        cost = self._spending.spent - spent_before
        self._last_error = trial.error or self._last_error
        # Without a result for good, the trial is run again when the search is resumed.
        if trial.outcome not in ("spent", "failed"):
            learned = self._frontier.journal[learned_before:]
            log.add(TrialRecord(suggestion=suggestion, outcome=trial.outcome, result=result, cost=cost, learned=learned))
        return trial.outcome, result, cost

    def _request(self, instance: Mapping[str, object], settings: Settings, offset: int) -> ResponseDict | int:
        entries = self._select_entries(str(settings["model"])) or [{}]
        return self._send(dict(instance), settings, entries, offset=offset)

    def _make_searcher(self) -> _Searcher:
        """Make flaml's BlendSearch, or CFO where optuna is not installed."""
        blendsearch = require("flaml.tune.searcher.blendsearch", extra="tune", feature="Completion.tune")
        searcher_class = blendsearch.BlendSearch
        try:
            optuna = require("optuna", extra="tune", feature="BlendSearch")
            optuna.logging.set_verbosity(optuna.logging.WARNING)
        except ImportError as error:
            logger.warning("%s. The search uses CFO, which is local.", error)
            searcher_class = blendsearch.CFO
        # The searchers report each of their steps, unless the program has set the level.
        searcher_logger = logging.getLogger("flaml.tune.searcher")
        if searcher_logger.level == logging.NOTSET:
            searcher_logger.setLevel(logging.ERROR)
        options = {"metric": "value", "mode": self._goal.mode, "cost_attr": "cost", "seed": self._seed}
        # The first point of a searcher that is thrown away, so that it can be repeated for every model.
        first = searcher_class(space=self._space.copy_domain(), **options).suggest("first")
        points = self._space.repeat_for_models(first) if first and len(self._space.models) > 1 else None
        searcher = searcher_class(
            space=self._space.copy_domain(),
            cost_budget=self._goal.total_budget,
            points_to_evaluate=points,
            **options,
        )
        return cast("_Searcher", searcher)

    def _describe(self) -> JSON:
        """Return the description that distinguishes this search from others, without secrets."""
        space = self._space
        connection = get_connection_names(space.constants)
        constants = {name: value for name, value in space.constants.items() if name not in connection}
        parts = [space.domain, constants, space.alternatives, self._goal.data, self._goal.metric, self._goal.mode]
        return describe_space([*parts, self._goal.budget])

    def _make_analysis(self) -> _Analysis:
        module = require("flaml.tune.analysis", extra="tune", feature="Completion.tune")
        analysis = module.ExperimentAnalysis()
        analysis.trials, analysis.default_metric, analysis.default_mode = [], self._goal.metric, self._goal.mode
        return cast("_Analysis", analysis)

    def _make_trial(self, number: int, suggestion: Suggestion, result: Mapping[str, float]) -> _FlamlTrial:
        """Return a trial in flaml's form. Programs print it, so it has no settings of the connection."""
        runner = require("flaml.tune.trial_runner", extra="tune", feature="Completion.tune")
        settings = self._space.flatten(suggestion)
        hidden = get_connection_names(settings) | {"config_list"}
        visible = {name: value for name, value in settings.items() if name not in hidden}
        trial = runner.SimpleTrial(visible, trial_id=str(number))
        trial.suggestion, trial.status = suggestion, trial.TERMINATED
        trial.update_last_result({"config": visible, **result})
        return cast("_FlamlTrial", trial)

    def _find_best_value(self, analysis: _Analysis) -> float | None:
        values = [trial.last_result[self._goal.metric] for trial in analysis.trials]
        # Trials without a result have an infinite value.
        finite = [value for value in values if math.isfinite(value)]
        return (max if self._goal.mode == "max" else min)(finite, default=None)

    def _select_best(self, analysis: _Analysis) -> Settings | None:
        """Return the best settings.

        Raises:
            openai.APIError: if no trial got a response.
        """
        if self._find_best_value(analysis) is not None:
            return self._space.get_settings(analysis.best_trial.suggestion)
        if self._last_error is not None and self._spending.spent == 0:
            raise self._last_error
        logger.warning("tune found no settings that work within the budget.")
        return None


def _drop_numpy_types(suggestion: Suggestion | None) -> Suggestion | None:
    """Return a suggestion with the number types of Python."""
    converted: Suggestion | None = to_jsonable(suggestion, lambda value: value.item() if hasattr(value, "item") else value)
    return converted
