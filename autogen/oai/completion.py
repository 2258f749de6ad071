"""`Completion` and `ChatCompletion`: the classic API for asking a model, measuring a config, and finding a better one.

New programs ask by `OpenAIWrapper`. What these two have beyond it: answers as dicts, patience with failing endpoints, a
history of calls, and `tune`.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._legacy import completion_calls, completion_metrics
from ._legacy.completion_answer import Answer, texts_of, texts_or_calls_of
from ._legacy.completion_history import COUNTS, History
from ._legacy.completion_list import ask_in_turn
from ._requests import templates
from ._requests.cost import OAI_PRICE1K, compute_cost, get_price

if TYPE_CHECKING:
    from flaml.tune.analysis import ExperimentAnalysis

__all__ = ["ERROR", "ChatCompletion", "Completion"]

logger = logging.getLogger(__name__)

ERROR = None  # it was an exception where the SDK did not fit; every SDK that can be installed with this package does

T = TypeVar("T")


class _OfTheClass(Generic[T]):
    """A property of a class. `classmethod` over `property` is one in some versions of Python only."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.__func__ = compute
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type) -> T:
        return self.__func__(owner)


class Completion:
    """Asks a model for a completion.

    >>> response = Completion.create(  # doctest: +SKIP
    ...     {"city": "Paris"}, model="gpt-4o-mini", prompt="A fact about {city}.", allow_format_str_template=True
    ... )
    >>> Completion.extract_text(response)[0], response["cost"]  # doctest: +SKIP
    ('Paris has 37 bridges.', 6.3e-06)

    Attributes:
        chat_models: Models that are asked by messages, also where a prompt is given.
        price1K: USD for 1,000 tokens, in and out, by model.
        default_search_space: Where `tune` looks for what its caller leaves open: a dict of `flaml.tune` domains.
        cache_seed, cache_path: Where answers are kept.
        retry_wait_time: Seconds between two tries of a request.
        max_retry_period: Seconds within which there is another one.
        request_timeout: Seconds for the first try; one that comes after a timeout has twice as many.
        optimization_budget: What the last `tune` could spend (USD).
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
    _eval_func: Callable[..., dict[str, Any]] | None = None
    _history: History | None = None
    _logging = False

    @_OfTheClass
    def default_search_space(cls) -> dict[str, Any]:
        """Where `tune` looks for what its caller leaves open; made anew each time, as flaml writes to it."""
        from ._legacy.tuning_space import default_space

        priced = [model for model in cls._default_models if get_price(model)]
        return default_space(priced or list(cls._default_models))

    @_OfTheClass
    def logged_history(cls) -> dict[Any, Any] | None:
        """The calls since `start_logging`; None before the first."""
        return None if cls._history is None else cls._history.entries

    @classmethod
    def set_cache(cls, seed: int | str = 41, cache_path_root: str = ".cache") -> None:
        """Keep answers in the directory `<cache_path_root>/<seed>`."""
        cls.cache_seed = seed
        cls.cache_path = f"{cache_path_root}/{seed}"

    @classmethod
    def clear_cache(cls, seed: int | str | None = None, cache_path_root: str = ".cache") -> None:
        """Delete the cache of a seed; without one the whole of `cache_path_root`.

        Raises:
            ValueError: The directory is one in which this process works.
        """
        folder = Path(cache_path_root) if seed is None else Path(cache_path_root, str(seed))
        if Path.cwd().resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{os.fspath(folder)!r} is no cache: this process works in it. Nothing was deleted.")
        if folder.exists():
            shutil.rmtree(folder)

    @classmethod
    def create(
        cls,
        context: dict[str, Any] | None = None,
        use_cache: bool = True,
        config_list: list[dict[str, Any]] | None = None,
        filter_func: Callable[..., bool] | None = None,
        raise_on_ratelimit_or_timeout: bool = True,
        allow_format_str_template: bool = False,
        **config: Any,
    ) -> Any:
        """Ask for a completion. A request that fails is tried again, for `max_retry_period` seconds.

        Args:
            context: The values for templates in the prompt or the messages.
            use_cache: Whether an answer that is kept on disk will do.
            config_list: Settings that override `config`: each entry is tried when the one before fails.
            filter_func: Called with `context` and `response`: an answer for which it is false is passed over for that of the
                next entry.
            raise_on_ratelimit_or_timeout: False returns -1 instead.
            allow_format_str_template: Whether text is a template for `str.format`; a function of the context always is one.
            **config: `model`, `prompt` or `messages`, the settings of an endpoint, parameters of the request; and
                `max_retry_period`, `retry_wait_time`, `request_timeout`, `cache_seed` (None for no cache).

        Returns:
            The answer: a dict whose keys are attributes too, as in `response["choices"][0]["message"]["content"]`, with its
            `cost` (USD). With a `config_list` also the `config_id` of the entry that gave it, and `pass_filter`.

        Raises:
            openai.APIError: The endpoint refuses, or fails for longer than patience lasts. The last entry's, with a list.
            ValueError: A chat model has neither a prompt nor messages.
        """
        if config_list is not None and not config_list:
            logger.warning("The config_list is empty: the other settings alone are used.")

        def ask(entry: dict[str, Any], raise_on_timeout: bool) -> Answer | int:
            return cls._ask(context, {"allow_format_str_template": allow_format_str_template, **entry}, raise_on_timeout)

        if not use_cache:
            config |= {"cache": None, "cache_seed": None}
            config_list = [{**entry, "cache": None, "cache_seed": None} for entry in config_list or ()]
        if not config_list and filter_func is None:
            return ask(config, raise_on_ratelimit_or_timeout)
        accepts = filter_func and (lambda answer: bool(filter_func(context=context, response=answer)))
        return ask_in_turn(ask, config, config_list or [{}], accepts, raise_on_ratelimit_or_timeout)

    @classmethod
    def _ask(cls, context: Any, config: dict[str, Any], raise_on_timeout: bool, offset: int = 0) -> Answer | int:
        """Ask by one config.

        Args:
            context: The values for the templates.
            config: All settings.
            raise_on_timeout: Whether a rate limit or a timeout raises; otherwise -1 is returned.
            offset: How many answers to the same question are held already.
        """
        request = completion_calls.request_of(context, config, defaults=cls, chat=cls._is_chat, offset=offset)
        try:
            answer = completion_calls.ask(request, use_failures=not raise_on_timeout)
        except Exception as error:
            if raise_on_timeout or not completion_calls.is_too_slow(error):
                raise
            logger.info("A request is given up: %s", type(error).__name__)
            completion_calls.remember_timeout(request, error)
            return -1
        history = cls._history
        if history is not None and cls._logging and isinstance(answer, Answer):
            history.add(request.params, answer)
        return answer

    @classmethod
    def _ask_entries(
        cls, context: Any, config: dict[str, Any], config_list: list[dict[str, Any]], offset: int
    ) -> Answer | int:
        """Ask by a list of configs; a rate limit or a timeout of the last one is -1."""

        def ask(entry: dict[str, Any], raise_on_timeout: bool) -> Answer | int:
            return cls._ask(context, entry, raise_on_timeout, offset)

        return ask_in_turn(ask, config, config_list or [{}], None, False)

    @classmethod
    def _is_chat(cls, model: str) -> bool:
        """Whether a model is asked by messages; a date at the end of its name, and the like, is seen through."""
        version = r"(-(\d+|preview|vision|latest))*"
        return any(re.fullmatch(re.escape(known) + version, model) for known in cls.chat_models)

    @classmethod
    def instantiate(
        cls, template: Any, context: dict[str, Any] | None = None, allow_format_str_template: bool | None = False
    ) -> Any:
        """Fill in a template.

        Args:
            template: Text, or a callable that gets the context; None stays None.
            context: The values; without one, the template stays as it is.
            allow_format_str_template: Whether text is filled in, by `str.format`.

        Returns:
            The text, or what the callable gives.
        """
        return templates.instantiate(template, context, allow_format_str_template)

    @classmethod
    def tune(
        cls,
        data: list[dict[str, Any]],
        metric: str,
        mode: str,
        eval_func: Callable[..., dict[str, Any]],
        log_file_name: str | None = None,
        inference_budget: float | None = None,
        optimization_budget: float | None = None,
        num_samples: int = 1,
        logging_level: int = logging.WARNING,
        search_seed: int = 20,
        **config: Any,
    ) -> tuple[dict[str, Any] | None, ExperimentAnalysis]:
        """Find settings that do well for what they cost (EcoOptiGen, https://arxiv.org/abs/2303.04673).

        Settings that can't keep to the budget are found out with few requests, and those that must be worse with none.

        >>> from flaml import tune  # doctest: +SKIP
        >>> config, analysis = ChatCompletion.tune(  # doctest: +SKIP
        ...     data=[{"problem": "2+2", "solution": "4"}], metric="success", mode="max", num_samples=-1,
        ...     eval_func=lambda responses, solution, **_: {"success": any(solution in text for text in responses)},
        ...     inference_budget=0.002, optimization_budget=1, model="gpt-4o-mini", n=tune.randint(1, 10),
        ...     prompt=["{problem}", "{problem} Think first."], allow_format_str_template=True,
        ... )

        Args:
            data: The instances. Their fields are the values for templates, and go to `eval_func`.
            metric: Which of the metrics is to become best.
            mode: `max` or `min`.
            eval_func: From the texts of the responses to one instance, and its fields, to its metrics.
            log_file_name: A file for the trials. A tune that is run again with it goes on where it was; budget and
                `num_samples` are for all of its runs together.
            inference_budget: USD for one instance that the settings found may cost. None for no limit.
            optimization_budget: USD that the search may cost: no request is made when they are spent. An answer from the
                cache counts as when it was made, so that a search takes the same way again.
            num_samples: How many settings are tried; -1 for as many as the budget allows.
            logging_level: `logging.INFO` or less prints a line for each trial.
            search_seed: Another one searches another way.
            **config: Constants, or domains of `flaml.tune`, that replace those of `default_search_space`. `prompt`,
                `messages` and `stop` take lists of alternatives. With a `config_list` a model is asked by the entries that
                name it, or name none.

        Returns:
            The best settings, for `create` and `test` (None if all fail or cost too much), and flaml's `ExperimentAnalysis`.

        Raises:
            ValueError: A price is not known that the inference budget needs; `num_samples=-1` has no budget to end it; the
                log is one of another tune.
            openai.APIError: No trial got an answer.
            ImportError: The extra `tune` is not installed.
        """
        from ._legacy.tuning import Goal, Tuning

        cls._eval_func, cls.optimization_budget = eval_func, optimization_budget
        goal = Goal(data, metric, mode, eval_func, inference_budget, optimization_budget, num_samples)
        tuning = Tuning(goal, cls, config, search_seed)
        return tuning.run(log_file_name, verbose=logging_level <= logging.INFO)

    @classmethod
    def test(
        cls,
        data: list[dict[str, Any]],
        eval_func: Callable[..., dict[str, Any]] | None = None,
        use_cache: bool = True,
        agg_method: Any = "avg",
        return_responses_and_per_instance_result: bool = False,
        logging_level: int = logging.WARNING,
        **config: Any,
    ) -> Any:
        """Measure a config over data.

        Args:
            data: The instances. Their fields are the values for templates, and go to `eval_func`.
            eval_func: From the texts of the responses to one instance, and its fields, to its metrics; by default that of
                the last `tune`.
            use_cache: Whether answers that are kept on disk will do.
            agg_method: How the metrics of all instances become one: `avg`, `median`, a function of the values, or a dict of
                such functions by metric.
            return_responses_and_per_instance_result: Whether to return also these.
            logging_level: Not used any more: set that of the logger `autogen.oai.completion`.
            **config: As for `create`.

        Returns:
            The metrics, the `cost` of all, and the `inference_cost` of one (USD). If asked for, also the metrics of each
            instance, and the responses to each. None if there is no `eval_func`.

        Raises:
            ValueError: There is no data, or `agg_method` is none.
        """
        evaluate = eval_func or cls._eval_func
        if evaluate is None:
            logger.warning("There is nothing to measure by: test needs an eval_func, or a tune before it.")
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
        totals = completion_metrics.aggregated(results, agg_method)
        totals = {"cost": cost, "inference_cost": cost / len(data), **totals}
        return (totals, results, all_responses) if return_responses_and_per_instance_result else totals

    @classmethod
    def cost(cls, response: dict[str, Any]) -> float:
        """USD for an answer: what it says itself, or what its tokens cost (0, with a warning, for an unknown model)."""
        if (known := response.get("cost")) is not None:
            return float(known)
        return compute_cost({**(response.get("usage") or {}), "model": response.get("model")})

    @classmethod
    def extract_text(cls, response: dict[str, Any]) -> list[str]:
        """For each choice of an answer its text."""
        return texts_of(response)

    @classmethod
    def extract_text_or_function_call(cls, response: dict[str, Any]) -> list[Any]:
        """For each choice of an answer its text, or the message if it calls a function or tools."""
        return texts_or_calls_of(response)

    @classmethod
    def start_logging(
        cls, history_dict: dict[Any, Any] | None = None, compact: bool = True, reset_counter: bool = True
    ) -> None:
        """Record every call from now on, for `logged_history` and `print_usage_summary`.

        Args:
            history_dict: Where to; a new dict by default.
            compact: One entry for each conversation, by its messages as JSON; else one for each call, by its number, with
                the whole request and response.
            reset_counter: Whether the numbers of the calls begin at 0.
        """
        first = 0 if reset_counter or cls._history is None else cls._history.calls
        cls._history = History(history_dict, compact, first)
        cls._logging = True

    @classmethod
    def stop_logging(cls) -> None:
        """Record no more calls. What is recorded stays."""
        cls._logging = False

    @classmethod
    def print_usage_summary(cls) -> None:
        """Print what the recorded calls cost, and the tokens by model."""
        if cls._history is None:
            print("No usage summary available: call start_logging first.")
            return
        cost, sums = cls._history.usage()
        print(f"Total cost: {round(cost, 5)}")
        for model, tokens in sums.items():
            print(f"Token count summary for model {model}: {', '.join(f'{name}: {tokens[name]}' for name in COUNTS)}")


class ChatCompletion(Completion):
    """`Completion` for models that are asked by messages: a prompt becomes the message of a user."""

    _default_models = ("gpt-4o-mini", "gpt-4o")

    @classmethod
    def _is_chat(cls, model: str) -> bool:
        return True
