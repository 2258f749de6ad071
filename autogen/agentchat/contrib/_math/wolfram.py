"""Wolfram Alpha: its HTTP interface, and the answer in its response."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Optional, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from ...._steps import Steps, run_async, run_sync, sleep, to_thread
from ...._untrusted import clean_text
from ....fetching import FetchedResource, FetchError, StatusError
from ....fetching._fetch import fetch_resource

ADDRESS = "https://api.wolframalpha.com/v2/query"

_VARIABLE = "WOLFRAM_ALPHA_APPID"
_ATTEMPTS = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds between attempts
_TRANSIENT = (429, 500, 502, 503, 504)
_ANSWER_TITLES = ("result", "results", "solution", "solutions", "exact result", "decimal approximation")

INVALID = "Wolfram Alpha could not make sense of this query. Try another one."
NO_ANSWER = "Wolfram Alpha has no answer to this query. Try another one."

Pod: TypeAlias = tuple[str, list[str]]


def get_from_dict_or_env(data: Mapping[str, object], key: str, env_key: str, default: str | None = None) -> str:
    """Return a setting from a dict, else from an environment variable, else the default.

    Args:
        data: The dict. An empty value counts as none.
        key: The key.
        env_key: The name of the variable.
        default: The default.

    Raises:
        ValueError: if it is in none of them.
    """
    value = data.get(key) or os.environ.get(env_key) or default
    if value is None:
        raise ValueError(f"{key} is missing: pass it, or set the environment variable {env_key}.")
    return str(value)


class WolframAlphaAPIWrapper(BaseModel):
    r"""Queries to Wolfram Alpha.

    Its id is that of an application, which Wolfram gives to registered developers.

    Raises:
        ValueError: if there is neither an id nor the environment variable `WOLFRAM_ALPHA_APPID`.

    >>> WolframAlphaAPIWrapper(wolfram_alpha_appid="...").run("solve x^2 = 2")  # doctest: +SKIP
    ('Assumption: solve x^2 = 2 \nAnswer: x = -sqrt(2)\nx = sqrt(2)', True)
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    wolfram_client: Any = Field(default=None, repr=False, description="A client with a method `query`; None for HTTP.")
    wolfram_alpha_appid: Optional[str] = Field(default=None, repr=False, description="The id of the application.")
    address: str = Field(default=ADDRESS, description="The address of the interface.")
    policy: Any = Field(default=None, description="The `FetchPolicy`; None for those of the process.")

    def __init__(self, **data: Any) -> None:
        super().__init__(**type(self).validate_environment(data))

    @classmethod
    def validate_environment(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Return arguments of the constructor with the id of the application, from the environment if it is missing.

        Raises:
            ValueError: if there is no id.
        """
        if values.get("wolfram_client") is not None:
            return values
        return {**values, "wolfram_alpha_appid": get_from_dict_or_env(values, "wolfram_alpha_appid", _VARIABLE)}

    def run(self, query: str) -> tuple[str, bool]:
        """Ask Wolfram Alpha.

        A failure of the network or of the server is tried again, for up to half a minute.

        Args:
            query: The question.

        Returns:
            The answer, and True; or a text that says that there is none, and False.

        Raises:
            FetchError: if the server can't be reached, or refuses the request.
        """
        return run_sync(self.run_step(query))

    async def a_run(self, query: str) -> tuple[str, bool]:
        """Async version of `run`."""
        return await run_async(self.run_step(query))

    def run_step(self, query: str) -> Steps[tuple[str, bool]]:
        """Ask Wolfram Alpha: the step of `run` and `a_run`."""
        if self.wolfram_client is not None:
            response = yield from to_thread(self.wolfram_client.query, query)
            return format_answer(dict(response))
        resource = yield from self._fetch(query)
        try:
            result = json.loads(resource.text)["queryresult"]
            return format_answer(result)
        except (ValueError, KeyError, TypeError, AttributeError):
            return NO_ANSWER, False

    def _fetch(self, query: str) -> Steps[FetchedResource]:
        params = {"input": query, "appid": str(self.wolfram_alpha_appid), "output": "json", "format": "plaintext"}
        pause = _FIRST_PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                resource = yield from fetch_resource(self.address, policy=self.policy, params=params)
                return resource.raise_for_status()
            except FetchError as error:
                is_transient = not isinstance(error, StatusError) or error.status in _TRANSIENT
                if attempt == _ATTEMPTS or not is_transient:
                    raise
            yield from sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise AssertionError("unreachable: the last attempt returns or raises")


def format_answer(result: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the answer in a response, as JSON or as the package `wolframalpha` parses its XML, and True if there is one.

    Args:
        result: The element `queryresult`.
    """
    if str(result.get("success", result.get("@success", True))).lower() == "false":
        return INVALID, False
    pods = [(title, texts) for title, texts in _iterate_pods(result) if texts]
    answers = [texts for title, texts in pods if title.lower() in _ANSWER_TITLES] or [texts for _, texts in pods[1:2]]
    if not answers:
        return NO_ANSWER, False
    return f"Assumption: {pods[0][1][0]} \nAnswer: " + "\n".join(answers[0]), True


def _iterate_pods(result: Mapping[str, Any]) -> Iterator[Pod]:
    """Yield the title of each part of a response, and its texts."""
    for pod in _as_list(result.get("pods") or result.get("pod")):
        texts = [part.get("plaintext") for part in _as_list(pod.get("subpods") or pod.get("subpod"))]
        yield str(pod.get("title", pod.get("@title", ""))), [clean_text(str(text)) for text in texts if text]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []
