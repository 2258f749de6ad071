"""Code that a model writes without an agent: asked for by a prompt, checked by running it.

These functions belong to `autogen.code_utils`, and are imported from there.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .code_utils import CODE_BLOCK_PATTERN, DEFAULT_MODEL, FAST_MODEL, decide_use_docker, execute_code, extract_code
from .oai.completion import Completion

logger = logging.getLogger(__name__)

_FORMATTED = {"allow_format_str_template": True, "request_timeout": 600}

_IMPROVE_FUNCTION_CONFIG: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "prompt": """Rewrite the function '{func_name}' so that it comes closer to this objective: {objective}
Keep its name and the way it is called. Answer with the new function alone.

The file that it is in:
{file_string}
""",
    **_FORMATTED,
}
_IMPROVE_CODE_CONFIG: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "prompt": """Read the code below. {task}

Objective: {objective}

{code}
""",
    **_FORMATTED,
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
    **_FORMATTED,
}
_FUNC_COMPLETION_PROMPT = "Complete this Python function. Answer with code alone.\n{definition}"
_FUNC_COMPLETION_STOP = ["\nclass", "\ndef", "\nif", "\nprint"]
_IMPLEMENT_CONFIGS: list[dict[str, Any]] = [
    {"model": FAST_MODEL, "prompt": _FUNC_COMPLETION_PROMPT, "temperature": 0, "cache_seed": 0, **_FORMATTED},
    {
        "model": FAST_MODEL,
        "prompt": _FUNC_COMPLETION_PROMPT,
        "stop": _FUNC_COMPLETION_STOP,
        "n": 7,
        "cache_seed": 0,
        **_FORMATTED,
    },
    {"model": DEFAULT_MODEL, "prompt": _FUNC_COMPLETION_PROMPT, "temperature": 0, "cache_seed": 1, **_FORMATTED},
    {
        "model": DEFAULT_MODEL,
        "prompt": _FUNC_COMPLETION_PROMPT,
        "stop": _FUNC_COMPLETION_STOP,
        "n": 2,
        "cache_seed": 2,
        **_FORMATTED,
    },
]

Assertions = str | Callable[[str], tuple[str, float]] | None


def generate_code(pattern: str = CODE_BLOCK_PATTERN, **config: Any) -> tuple[list[tuple[str, str]], float]:
    """Ask for code.

    Args:
        pattern: What a block of code looks like in the answer.
        **config: As for `Completion.create`.

    Returns:
        The blocks, as `(language, code)` pairs, and the cost (USD).
    """
    response = Completion.create(**config)
    return extract_code(Completion.extract_text(response)[0], pattern), response["cost"]


def improve_function(file_name: str, func_name: str, objective: str, **config: Any) -> tuple[str, float]:
    """Ask for a better version of a function.

    Args:
        file_name: The file that it is in.
        func_name: Its name.
        objective: In what way it is to become better.
        **config: As for `Completion.create`, over the defaults.

    Returns:
        The answer, and the cost (USD).
    """
    context = {"func_name": func_name, "objective": objective, "file_string": Path(file_name).read_text(encoding="utf-8")}
    return _asked(context, _IMPROVE_FUNCTION_CONFIG, config)


def improve_code(files: list[str], objective: str, suggest_only: bool = True, **config: Any) -> tuple[str, float]:
    """Ask for better code, or how to make it better.

    Args:
        files: The files.
        objective: In what way the code is to become better.
        suggest_only: Whether to ask for suggestions, and not for the code.
        **config: As for `Completion.create`, over the defaults.

    Returns:
        The answer, and the cost (USD).
    """
    code = "\n\n".join(f"{file}:\n{Path(file).read_text(encoding='utf-8')}" for file in files)
    suggest = "Suggest, in words, how to change it so that it comes closer to the objective."
    rewrite = "Write a version of it that comes closer to the objective. Answer with the whole new code of each file."
    context = {"task": suggest if suggest_only else rewrite, "objective": objective, "code": code}
    return _asked(context, _IMPROVE_CODE_CONFIG, config)


def generate_assertions(definition: str, **config: Any) -> tuple[str, float]:
    """Ask for assertions about a function.

    Args:
        definition: Its signature and docstring.
        **config: As for `Completion.create`, over the defaults.

    Returns:
        The assert statements of the answer, and the cost (USD).
    """
    answer, cost = _asked({"definition": definition}, _GENERATE_ASSERTIONS_CONFIG, config)
    code = _code_in(answer)
    return "\n".join(re.findall(r"^assert\b.*(?:\n[ \t]+.*|\n[)\]}].*)*", code, re.M)), cost


def _asked(context: dict[str, Any], defaults: dict[str, Any], config: dict[str, Any]) -> tuple[str, float]:
    response = Completion.create(context, **{**defaults, **config})
    return Completion.extract_text(response)[0], response["cost"]


def _code_in(response: str) -> str:
    """The code of a response: chat models put it between fences, others write nothing else."""
    return "\n".join(code for _, code in extract_code(response)) if "```" in response else response


def _program(response: str, definition: str) -> str:
    """A response as a whole function, without tests of its own."""
    code = _code_in(response).split("def check(")[0]
    unindented = code.lstrip("\n")
    return unindented if unindented.startswith(("def ", "from ", "import ", "@")) else definition + code


def eval_function_completions(
    responses: list[str],
    definition: str,
    test: str | None = None,
    entry_point: str | None = None,
    assertions: Assertions = None,
    timeout: float | None = 3,
    use_docker: Any = True,
) -> dict[str, Any]:
    """Run completions of a function against a test, or choose among them by assertions.

    Args:
        responses: The completions.
        definition: The signature and docstring that they complete.
        test: Code that defines `check(candidate)`.
        entry_point: The name of the function.
        assertions: Assert statements, or a function from the definition to these and their cost. They are asked for only if
            there are several responses.
        timeout: Seconds for each run.
        use_docker: Whether to run in Docker, or the image.

    Returns:
        Without assertions `expected_success` (that one of as many passes) and `success` (that one of these does). With them
        `index_selected` (the first response that passes them, or the last one), `succeed_assertions`, `assertions`,
        `gen_cost`, and `success` of the selected one if there is a test.
    """

    def passes(response: str, checks: str) -> bool:
        code = f"{_program(response, definition)}\n{checks}"
        return execute_code(code, timeout=timeout, use_docker=use_docker)[0] == 0  # type: ignore[arg-type]

    tested = f"{test}\ncheck({entry_point})"
    if not assertions:
        passed = [passes(response, tested) for response in responses]
        share = sum(passed) / len(passed) if passed else 0.0
        return {"expected_success": 1 - (1 - share) ** len(passed), "success": any(passed)}
    cost, text = 0.0, None if callable(assertions) else assertions
    if callable(assertions) and len(responses) > 1:
        text, cost = assertions(definition)
    selected, succeeded = len(responses) - 1, False
    if text:
        succeeded = any(passes(responses[selected := index], text) for index in range(len(responses)))
    result = {"index_selected": selected, "succeed_assertions": succeeded, "gen_cost": cost, "assertions": text}
    return result if test is None else {**result, "success": passes(responses[selected], tested)}


class PassAssertionFilter:
    """Accepts answers of which one passes assertions: a `filter_func` for `Completion.create`.

    Args:
        assertions: The assert statements, or a function from a definition to these and their cost.

    Attributes:
        cost: USD for assertions that were generated.
        metrics: Of the last answer, as `eval_function_completions` returns them.
        responses: The texts of the last answer.
    """

    def __init__(self, assertions: Assertions) -> None:
        self._assertions = assertions
        self.cost = 0.0
        self.metrics: dict[str, Any] | None = None
        self.responses: list[str] | None = None

    def pass_assertions(self, context: Mapping[str, Any], response: Mapping[str, Any], **_: Any) -> bool:
        """Whether one of the responses passes. Code runs in Docker, unless AUTOGEN_USE_DOCKER says otherwise."""
        self.responses = Completion.extract_text(dict(response))
        self.metrics = eval_function_completions(
            self.responses, context["definition"], assertions=self._assertions, use_docker=decide_use_docker(None)
        )
        self._assertions = self.metrics.get("assertions") or self._assertions  # asked for once
        self.cost += self.metrics.get("gen_cost", 0.0)
        return bool(self.metrics.get("succeed_assertions"))


def implement(
    definition: str,
    configs: list[dict[str, Any]] | None = None,
    assertions: Assertions = generate_assertions,
) -> tuple[str, float, int]:
    """Ask for the implementation of a function, of ever stronger configs, until one passes assertions.

    Args:
        definition: Its signature and docstring.
        configs: As entries of the `config_list` of `Completion.create`; cheap ones first.
        assertions: Assert statements, or a function from the definition to these and their cost.

    Returns:
        The implementation, the cost of all (USD), and the number of the config that it is by.
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
    return _code_in(chosen), cost + judge.cost + response["cost"], response["config_id"]
