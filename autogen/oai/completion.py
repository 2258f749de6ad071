"""`Completion` and `ChatCompletion`: the classic API for requests, and for evaluating and tuning configs.

New programs use `OpenAIWrapper`. These classes add responses as dicts, a retry period, a history of calls, and `tune`.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._config.lists import validate_config_list
from ._legacy.completion_calls import Defaults, make_entry, request_answer
from ._legacy.completion_history import COUNTS, History
from ._legacy.completion_results import aggregate_metrics, get_texts, get_texts_or_calls
from ._requests.endpoints import instantiate_template
from ._requests.serialization import ResponseDict
from ._usage.cost import OAI_PRICE1K, compute_cost, get_price

if TYPE_CHECKING:
    from flaml.tune.analysis import ExperimentAnalysis

__all__ = ["ERROR", "ChatCompletion", "Completion"]

logger = logging.getLogger(__name__)

# 0.2 has an exception here if the SDK doesn't fit. Every SDK that can be installed with this package does.
ERROR = None

T = TypeVar("T")


class _ClassProperty(Generic[T]):
    """A property of a class. Combining `classmethod` and `property` works in some versions of Python only."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.__func__ = compute
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type) -> T:
        return self.__func__(owner)


class Completion:
    """Requests to a model, in the classic API.

    >>> response = Completion.create(  # doctest: +SKIP
    ...     {"city": "Paris"}, model="gpt-4o-mini", prompt="A fact about {city}.", allow_format_str_template=True
    ... )
    >>> Completion.extract_text(response)[0], response["cost"]  # doctest: +SKIP
    ('Paris has 37 bridges.', 6.3e-06)

    Attributes:
        chat_models: Models that take messages; a prompt for them becomes a message.
        price1K: USD per 1,000 tokens of input and of output, by model.
        default_search_space: Search space of `tune` for settings that its caller leaves open: a dict of `flaml.tune`
            domains.
        cache_seed: Seed of the cache.
        cache_path: Directory of the cache.
        retry_wait_time: Seconds between two retries.
        max_retry_period: Seconds after which there are no more retries.
        request_timeout: Timeout of the first request in seconds; it doubles with each timeout.
        optimization_budget: Budget of the last `tune` in USD.
    """

    chat_models: set[str] = {
        *("gpt-3.5-turbo", "gpt-3.5-turbo-16k", "gpt-35-turbo", "gpt-35-turbo-16k"),
        *("gpt-4", "gpt-4-32k", "gpt-4-turbo", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano"),
        *("gpt-5", "gpt-5-mini", "gpt-5-nano", "o1", "o1-mini", "o3", "o3-mini", "o4-mini", "chatgpt-4o-latest"),
    }
    price1K = OAI_PRICE1K
    cache_seed: int | str = 41
    cache_path: str = f".cache/{cache_seed}"
    retry_wait_time: float = 10
    max_retry_period: float = 120
    request_timeout: float | None = 60
    openai_completion_class = None
    optimization_budget: float | None = None

    _default_models: tuple[str, ...] = ("gpt-4.1-nano", "gpt-4o-mini", "gpt-4.1-mini", "gpt-4.1", "gpt-4o")
    _eval_func: Callable[..., Mapping[str, object]] | None = None
    _history: History | None = None
    _logging = False

    @_ClassProperty
    def default_search_space(cls) -> dict[str, Any]:
        """Return the search space of `tune` for settings that its caller leaves open."""
        from ._legacy.tuning_space import make_default_space

        priced = [model for model in cls._default_models if get_price(model)]
        # A new dict each time, because flaml writes to it.
        return make_default_space(priced or list(cls._default_models))

    @_ClassProperty
    def logged_history(cls) -> dict[int | str, dict[str, Any]] | None:
        """Return the calls since `start_logging`; None if it was never called."""
        return None if cls._history is None else cls._history.entries

    @classmethod
    def set_cache(cls, seed: int | str = 41, cache_path_root: str = ".cache") -> None:
        """Store responses in the directory `<cache_path_root>/<seed>`."""
        cls.cache_seed = seed
        cls.cache_path = f"{cache_path_root}/{seed}"

    @classmethod
    def clear_cache(cls, seed: int | str | None = None, cache_path_root: str = ".cache") -> None:
        """Delete the cache of a seed; without a seed, all of `cache_path_root`.

        Raises:
            ValueError: if the directory contains the current working directory.
        """
        folder = Path(cache_path_root) if seed is None else Path(cache_path_root, str(seed))
        if Path.cwd().resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{os.fspath(folder)!r} contains the working directory. Nothing was deleted.")
        # There is no cache before the first response.
        if folder.exists():
            shutil.rmtree(folder)

    @classmethod
    def create(
        cls,
        context: Mapping[str, object] | None = None,
        use_cache: bool = True,
        config_list: Sequence[Mapping[str, object]] | None = None,
        filter_func: Callable[..., bool] | None = None,
        raise_on_ratelimit_or_timeout: bool = True,
        allow_format_str_template: bool = False,
        **config: Any,
    ) -> Any:
        """Request a completion. A request that fails is retried for `max_retry_period` seconds.

        Args:
            context: Values for templates in the prompt or the messages.
            use_cache: False to ignore the cache on disk.
            config_list: Settings that override `config`: the next entry is tried if one fails.
            filter_func: Called with `context` and `response`. If it returns False, the next entry is tried.
            raise_on_ratelimit_or_timeout: False to return -1 in these cases.
            allow_format_str_template: True if text is a template for `str.format`. A function of the context always is a
                template.
            **config: `model`, `prompt` or `messages`, the settings of an endpoint, parameters of the request; and
                `max_retry_period`, `retry_wait_time`, `request_timeout`, `cache_seed` (None for no cache).

        Returns:
            The response: a dict whose keys are attributes too, as in `response["choices"][0]["message"]["content"]`, with
            its `cost` (USD). With a `config_list` also the `config_id` of the entry that gave it, and `pass_filter`.

        Raises:
            openai.APIError: if the endpoint refuses, or fails for the whole retry period; with a list, the last entry's.
            ValueError: if a chat model has neither a prompt nor messages, or a setting is invalid.
        """
        if config_list is not None and not config_list:
            logger.warning("The config_list is empty: the other settings alone are used.")
        if config_list is not None:
            validate_config_list(config_list)
        entries: Sequence[Mapping[str, object]] = config_list or [{}]
        config = {"allow_format_str_template": allow_format_str_template, **config}
        if not use_cache:
            entries = [{**entry, "cache": None, "cache_seed": None} for entry in entries]
        answer = cls._request(context, config, entries, filter_func, raise_on_timeout=raise_on_ratelimit_or_timeout)
        # Without a list, there is no entry to name.
        if isinstance(answer, ResponseDict) and not config_list and filter_func is None:
            del answer["config_id"], answer["pass_filter"]
        return answer

    @classmethod
    def _request(
        cls,
        context: Mapping[str, object] | None,
        config: dict[str, object],
        config_list: Sequence[Mapping[str, object]],
        filter_func: Callable[..., bool] | None = None,
        *,
        raise_on_timeout: bool = False,
        offset: int = 0,
    ) -> ResponseDict | int:
        """Return the response of the first entry that gives one; see `request_answer`.

        Args:
            context: Values for templates.
            config: Settings for all entries.
            config_list: The entries.
            filter_func: Called with `context` and `response`; False passes over the response.
            raise_on_timeout: True to raise the error if the last entry times out or limits the rate; else -1 is returned.
            offset: Number of responses to the same question that the caller has already.
        """
        defaults = Defaults(cls.cache_path, cls.cache_seed, cls.retry_wait_time, cls.max_retry_period, cls.request_timeout)
        last, entries = len(config_list) - 1, []
        for index, entry in enumerate(config_list):
            # With another entry at hand, an error is not worth a retry. A filter needs the responses of all entries.
            hurry = {"max_retry_period": 0} if index < last and filter_func is None else {}
            entries.append(make_entry(context, {**hurry, **config, **entry}, defaults, cls._is_chat))
        return request_answer(
            entries,
            filter_func=filter_func and (lambda response: bool(filter_func(context=context, response=response))),
            history=cls._history if cls._logging else None,
            raise_on_timeout=raise_on_timeout,
            offset=offset,
        )

    @classmethod
    def _is_chat(cls, model: str) -> bool:
        """Return True for a chat model. A date and the like at the end of its name are ignored."""
        version = r"(-(\d+|preview|vision|latest))*"
        return any(re.fullmatch(re.escape(name) + version, model) for name in cls.chat_models)

    @classmethod
    def instantiate(
        cls, template: Any, context: dict[str, Any] | None = None, allow_format_str_template: bool | None = False
    ) -> Any:
        """Fill in a template.

        Args:
            template: Text, or a function of the context; None stays None.
            context: Values for the template. Without any, the template is returned as it is.
            allow_format_str_template: True if text is a template for `str.format`.

        Returns:
            The text, or the result of the function.
        """
        return instantiate_template(template, context, allow_format_str_template)

    @classmethod
    def tune(
        cls,
        data: Sequence[Mapping[str, object]],
        metric: str,
        mode: str,
        eval_func: Callable[..., Mapping[str, object]],
        log_file_name: str | None = None,
        inference_budget: float | None = None,
        optimization_budget: float | None = None,
        num_samples: int = 1,
        logging_level: int = logging.WARNING,
        search_seed: int = 20,
        **config: Any,
    ) -> tuple[dict[str, Any] | None, ExperimentAnalysis]:
        """Find settings that perform well for their cost (EcoOptiGen, https://arxiv.org/abs/2303.04673).

        Settings that exceed the budget are detected with few requests, and those that must be worse with none.

        >>> from flaml import tune  # doctest: +SKIP
        >>> config, analysis = ChatCompletion.tune(  # doctest: +SKIP
        ...     data=[{"problem": "2+2", "solution": "4"}], metric="success", mode="max", num_samples=-1,
        ...     eval_func=lambda responses, solution, **_: {"success": any(solution in text for text in responses)},
        ...     inference_budget=0.002, optimization_budget=1, model="gpt-4o-mini", n=tune.randint(1, 10),
        ...     prompt=["{problem}", "{problem} Think first."], allow_format_str_template=True,
        ... )

        Args:
            data: The instances. Their fields are the values for templates, and arguments of `eval_func`.
            metric: Name of the metric to optimise.
            mode: `max` or `min`.
            eval_func: Function of the texts of the responses to an instance and of its fields; returns its metrics.
            log_file_name: File for the trials. A tune with the file of an earlier one resumes it; budget and `num_samples`
                are for all of its runs together.
            inference_budget: Maximum cost of an instance with the resulting settings, in USD. None for no limit.
            optimization_budget: Maximum cost of the search in USD: no request is sent once it is spent. A response from
                the cache counts as when it was made, so that a repeated search takes the same way.
            num_samples: Number of trials; -1 for as many as the budget allows.
            logging_level: `logging.INFO` or less prints a line for each trial.
            search_seed: Seed of the search.
            **config: Constants, or domains of `flaml.tune`, that replace those of `default_search_space`. `prompt`,
                `messages` and `stop` take lists of alternatives. With a `config_list`, requests for a model use the entries
                that name it, or name none.

        Returns:
            The best settings, for `create` and `test` (None if all fail or cost too much), and flaml's `ExperimentAnalysis`.

        Raises:
            ValueError: if the inference budget needs a price that is unknown, `num_samples=-1` has no budget to end it, or
                the log is another search's.
            openai.APIError: if no trial got a response.
            ImportError: if the extra `tune` is not installed.
        """
        from ._legacy.tuning import Goal, Tuning

        # Kept for `test`, and for programs that read the budget.
        cls._eval_func, cls.optimization_budget = eval_func, optimization_budget
        goal = Goal(data, metric, mode, eval_func, inference_budget, optimization_budget, num_samples)
        tuning = Tuning(goal, cls._request, cls.default_search_space, config, search_seed)
        return tuning.run(log_file_name, verbose=logging_level <= logging.INFO)

    @classmethod
    def test(
        cls,
        data: Sequence[Mapping[str, object]],
        eval_func: Callable[..., Mapping[str, object]] | None = None,
        use_cache: bool = True,
        agg_method: object = "avg",
        return_responses_and_per_instance_result: bool = False,
        logging_level: int = logging.WARNING,
        **config: Any,
    ) -> Any:
        """Measure a config over data.

        Args:
            data: The instances. Their fields are the values for templates, and arguments of `eval_func`.
            eval_func: Function of the texts of the responses to an instance and of its fields; returns its metrics. By
                default that of the last `tune`.
            use_cache: False to ignore the cache on disk.
            agg_method: Aggregation of the metrics of all instances: `avg`, `median`, a function of the values, or a dict of
                such functions by metric.
            return_responses_and_per_instance_result: True to return these as well.
            logging_level: No longer used: set that of the logger `autogen.oai.completion`.
            **config: Arguments of `create`.

        Returns:
            The metrics, the `cost` of all instances, and the `inference_cost` of an instance (USD). If requested, also the
            metrics of each instance, and the responses to each. None if there is no `eval_func`.

        Raises:
            ValueError: if there is no data, or `agg_method` is invalid.
        """
        evaluate = eval_func or cls._eval_func
        if evaluate is None:
            logger.warning("There is nothing to measure: test needs an eval_func, or an earlier tune.")
            return None
        if not data:
            raise ValueError("There is no data to test on.")
        cost, results, all_responses = 0.0, [], []
        for instance in data:
            answer = cls.create(instance, use_cache, **config)
            responses = cls.extract_text_or_function_call(answer)
            results.append(evaluate(responses, **instance))
            all_responses.append(responses)
            cost += answer["cost"]
        totals = aggregate_metrics(results, agg_method)
        # A metric of the caller may have one of these names.
        totals = {"cost": cost, "inference_cost": cost / len(data), **totals}
        return (totals, results, all_responses) if return_responses_and_per_instance_result else totals

    @classmethod
    def cost(cls, response: Mapping[str, Any]) -> float:
        """Return the cost of a response in USD: its own `cost`, or that of its tokens (0, with a warning, if unknown)."""
        if (cost := response.get("cost")) is not None:
            return float(cost)
        return compute_cost({**(response.get("usage") or {}), "model": response.get("model")})

    @classmethod
    def extract_text(cls, response: Mapping[str, object]) -> list[str]:
        """Return the text of each choice of a response."""
        return get_texts(response)

    @classmethod
    def extract_text_or_function_call(cls, response: Mapping[str, object]) -> list[Any]:
        """Return the text of each choice of a response, or its message if that calls a function or tools."""
        return get_texts_or_calls(response)

    @classmethod
    def start_logging(
        cls, history_dict: dict[int | str, dict[str, Any]] | None = None, compact: bool = True, reset_counter: bool = True
    ) -> None:
        """Record every call from now on, for `logged_history` and `print_usage_summary`.

        Args:
            history_dict: Dict in which the calls are recorded; a new one by default.
            compact: True for one entry per conversation, under its messages as JSON; False for one per call, under its
                number, with the whole request and response.
            reset_counter: True to number the calls from 0.
        """
        first = 0 if reset_counter or cls._history is None else cls._history.calls
        cls._history = History(history_dict, compact, first)
        cls._logging = True

    @classmethod
    def stop_logging(cls) -> None:
        """Stop recording calls. Recorded calls are kept."""
        cls._logging = False

    @classmethod
    def print_usage_summary(cls) -> None:
        """Print the cost of the recorded calls, and the tokens by model."""
        if cls._history is None:
            print("No usage summary available: call start_logging first.")
            return
        cost, sums = cls._history.sum_usage()
        print(f"Total cost: {round(cost, 5)}")
        for model, tokens in sums.items():
            print(f"Token count summary for model {model}: {', '.join(f'{name}: {tokens[name]}' for name in COUNTS)}")


class ChatCompletion(Completion):
    """`Completion` for chat models: a prompt becomes a message of the user."""

    _default_models = ("gpt-4o-mini", "gpt-4o")

    @classmethod
    def _is_chat(cls, model: str) -> bool:
        return True
