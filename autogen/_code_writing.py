"""Code written by a model without an agent: prompted, and verified by execution.

These functions are public in `autogen.code_utils`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .coding._constants import CODE_BLOCK_PATTERN, DEFAULT_MODEL, FAST_MODEL, UseDocker
from .coding._extraction import extract_code
from .coding._legacy import decide_use_docker, execute_code
from .oai.completion import Completion

logger = logging.getLogger(__name__)

_REQUEST_DEFAULTS = {"allow_format_str_template": True, "request_timeout": 600}

_IMPROVE_FUNCTION_CONFIG: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "prompt": """Rewrite the function '{func_name}' so that it comes closer to this objective: {objective}
Keep its name and the way it is called. Answer with the new function alone.

The file that it is in:
{file_string}
""",
    **_REQUEST_DEFAULTS,
}
_IMPROVE_CODE_CONFIG: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "prompt": """Read the code below. {task}

Objective: {objective}

{code}
""",
    **_REQUEST_DEFAULTS,
}
_GENERATE_ASSERTIONS_CONFIG: dict[str, Any] = {
    "model": FAST_MODEL,
    "prompt": """Here is the beginning of a Python function: its signature and docstring.
```python
{definition}
```
Write assert statements that a correct implementation passes. Take the examples in the docstring first, then simple cases
that follow from it beyond doubt. Answer with the assert statements alone, one a line.
""",
    **_REQUEST_DEFAULTS,
}
_FUNC_COMPLETION_PROMPT = "Complete this Python function. Answer with code alone.\n{definition}"
_FUNC_COMPLETION_STOP = ["\nclass", "\ndef", "\nif", "\nprint"]
_IMPLEMENT_CONFIGS: list[dict[str, Any]] = [
    {"model": FAST_MODEL, "prompt": _FUNC_COMPLETION_PROMPT, "temperature": 0, "cache_seed": 0, **_REQUEST_DEFAULTS},
    {
        "model": FAST_MODEL,
        "prompt": _FUNC_COMPLETION_PROMPT,
        "stop": _FUNC_COMPLETION_STOP,
        "n": 7,
        "cache_seed": 0,
        **_REQUEST_DEFAULTS,
    },
    {"model": DEFAULT_MODEL, "prompt": _FUNC_COMPLETION_PROMPT, "temperature": 0, "cache_seed": 1, **_REQUEST_DEFAULTS},
    {
        "model": DEFAULT_MODEL,
        "prompt": _FUNC_COMPLETION_PROMPT,
        "stop": _FUNC_COMPLETION_STOP,
        "n": 2,
        "cache_seed": 2,
        **_REQUEST_DEFAULTS,
    },
]

Assertions: TypeAlias = str | Callable[[str], tuple[str, float]] | None
"""Assert statements, or a function from a definition to assert statements and their cost (USD)."""


def generate_code(pattern: str = CODE_BLOCK_PATTERN, **config: Any) -> tuple[list[tuple[str, str]], float]:
    """Request code from a model.

    Args:
        pattern: Regular expression of a code block in the response.
        **config: Arguments of `Completion.create`.

    Returns:
        The blocks as `(language, code)` pairs, and the cost (USD).
    """
    response = Completion.create(**config)
    return extract_code(Completion.extract_text(response)[0], pattern), response["cost"]


def improve_function(file_name: str, func_name: str, objective: str, **config: Any) -> tuple[str, float]:
    """Request a better version of a function.

    Args:
        file_name: The path of the file that defines the function.
        func_name: The name of the function.
        objective: The goal of the improvement.
        **config: Arguments of `Completion.create` that override the defaults.

    Returns:
        The response, and the cost (USD).
    """
    context = {"func_name": func_name, "objective": objective, "file_string": Path(file_name).read_text(encoding="utf-8")}
    return _request(context, _IMPROVE_FUNCTION_CONFIG, config)


def improve_code(files: list[str], objective: str, suggest_only: bool = True, **config: Any) -> tuple[str, float]:
    """Request better code, or suggestions for it.

    Args:
        files: The paths of the files.
        objective: The goal of the improvement.
        suggest_only: Whether to request suggestions instead of the code.
        **config: Arguments of `Completion.create` that override the defaults.

    Returns:
        The response, and the cost (USD).
    """
    code = "\n\n".join(f"{file}:\n{Path(file).read_text(encoding='utf-8')}" for file in files)
    suggest = "Suggest, in words, how to change it so that it comes closer to the objective."
    rewrite = "Write a version of it that comes closer to the objective. Answer with the whole new code of each file."
    context = {"task": suggest if suggest_only else rewrite, "objective": objective, "code": code}
    return _request(context, _IMPROVE_CODE_CONFIG, config)


def generate_assertions(definition: str, **config: Any) -> tuple[str, float]:
    """Request assertions about a function.

    Args:
        definition: The signature and docstring of the function.
        **config: Arguments of `Completion.create` that override the defaults.

    Returns:
        The assert statements in the response, and the cost (USD).
    """
    text, cost = _request({"definition": definition}, _GENERATE_ASSERTIONS_CONFIG, config)
    code = _extract_source(text)
    # A statement continues on indented lines and closing brackets.
    return "\n".join(re.findall(r"^assert\b.*(?:\n[ \t]+.*|\n[)\]}].*)*", code, re.M)), cost


def _request(context: dict[str, str], defaults: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, float]:
    response = Completion.create(context, **{**defaults, **config})
    return Completion.extract_text(response)[0], response["cost"]


def _extract_source(response: str) -> str:
    """Return the code of a response: chat models put it between fences, completion models return only code."""
    return "\n".join(code for _, code in extract_code(response)) if "```" in response else response


def _build_program(response: str, definition: str) -> str:
    """Complete a response to a whole function, and cut off tests written by the model."""
    code = _extract_source(response).split("def check(")[0]
    unindented = code.lstrip("\n")
    return unindented if unindented.startswith(("def ", "from ", "import ", "@")) else definition + code


def eval_function_completions(
    responses: list[str],
    definition: str,
    test: str | None = None,
    entry_point: str | None = None,
    assertions: Assertions = None,
    timeout: float | None = 3,
    use_docker: UseDocker = True,
) -> dict[str, Any]:
    """Run completions of a function against a test, or select a completion by assertions.

    Args:
        responses: The completions.
        definition: The signature and docstring that the responses complete.
        test: Code that defines `check(candidate)`.
        entry_point: The name of the function.
        assertions: Assert statements, or a function from the definition to assert statements and their cost. The function
            is called only if there are several responses.
        timeout: Seconds for each run.
        use_docker: Whether to run in Docker, or the image.

    Returns:
        Without assertions: `expected_success` (the estimated probability of a pass among as many completions) and `success`
        (True if any completion passes). With assertions: `index_selected` (the first response that passes them, or the last
        response), `succeed_assertions`, `assertions`, `gen_cost` (USD), and `success` of the selected response if there is
        a test.
    """

    def is_passing(response: str, checks: str) -> bool:
        code = f"{_build_program(response, definition)}\n{checks}"
        return execute_code(code, timeout=timeout, use_docker=use_docker)[0] == 0

    test_call = f"{test}\ncheck({entry_point})"
    if not assertions:
        passed = [is_passing(response, test_call) for response in responses]
        share = sum(passed) / len(passed) if passed else 0.0
        return {"expected_success": 1 - (1 - share) ** len(passed), "success": any(passed)}
    cost, text = 0.0, None if callable(assertions) else assertions
    # Assertions only select among responses: for a single response their cost is saved.
    if callable(assertions) and len(responses) > 1:
        text, cost = assertions(definition)
    selected, succeeded = len(responses) - 1, False
    if text:
        succeeded = any(is_passing(responses[selected := index], text) for index in range(len(responses)))
    metrics = {"index_selected": selected, "succeed_assertions": succeeded, "gen_cost": cost, "assertions": text}
    return metrics if test is None else {**metrics, "success": is_passing(responses[selected], test_call)}


class PassAssertionFilter:
    """A `filter_func` for `Completion.create` that accepts responses with a choice that passes assertions.

    Args:
        assertions: The assert statements, or a function from a definition to assert statements and their cost.

    Attributes:
        cost: Cost of generated assertions (USD).
        metrics: Result of `eval_function_completions` for the last response.
        responses: Texts of the last response.
    """

    def __init__(self, assertions: Assertions) -> None:
        self._assertions = assertions
        self.cost = 0.0
        self.metrics: dict[str, Any] | None = None
        self.responses: list[str] | None = None

    def pass_assertions(self, context: Mapping[str, str], response: Mapping[str, Any], **_: object) -> bool:
        """Return True if a choice of the response passes.

        Code runs in Docker unless AUTOGEN_USE_DOCKER says otherwise.
        """
        self.responses = Completion.extract_text(dict(response))
        self.metrics = eval_function_completions(
            self.responses, context["definition"], assertions=self._assertions, use_docker=decide_use_docker(None)
        )
        # Generated assertions are reused for later responses.
        self._assertions = self.metrics.get("assertions") or self._assertions
        self.cost += self.metrics.get("gen_cost", 0.0)
        return bool(self.metrics.get("succeed_assertions"))


def implement(
    definition: str,
    configs: list[dict[str, Any]] | None = None,
    assertions: Assertions = generate_assertions,
) -> tuple[str, float, int]:
    """Request the implementation of a function, config by config, until a response passes assertions.

    Args:
        definition: The signature and docstring of the function.
        configs: Entries of the `config_list` of `Completion.create`, cheapest first.
        assertions: Assert statements, or a function from the definition to assert statements and their cost.

    Returns:
        The implementation, the total cost (USD), and the index of the config that produced it.
    """
    configs = configs or _IMPLEMENT_CONFIGS
    cost = 0.0
    if len(configs) > 1 and callable(assertions):
        assertions, cost = assertions(definition)
    judge = PassAssertionFilter(assertions)
    response = Completion.create({"definition": definition}, config_list=configs, filter_func=judge.pass_assertions)
    assert judge.responses is not None
    assert judge.metrics is not None
    chosen = judge.responses[judge.metrics.get("index_selected", 0)]
    return _extract_source(chosen), cost + judge.cost + response["cost"], response["config_id"]
