"""Comparison of LaTeX answers to mathematical problems, and majority voting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from typing import Any

_MATH_PROMPT = (
    "{problem}\n\nSolve this step by step. Simplify the result, and give it at the end in the form \\boxed{{answer}}."
)
_MATH_CONFIG: dict[str, Any] = {"model": "gpt-4", "prompt": _MATH_PROMPT, "allow_format_str_template": True}


def solve_problem(problem: str, **config: Any) -> tuple[str | None, float]:
    """Request the solution of a problem from a model.

    Args:
        problem: The problem.
        **config: Arguments of `Completion.create` that override the defaults; with `n` the responses vote.

    Returns:
        A response with the most frequent answer, and the cost (USD).
    """
    # Imported late: the other functions need no model.
    from .oai.completion import Completion

    response = Completion.create({"problem": problem}, **{**_MATH_CONFIG, **config})
    results = eval_math_responses(Completion.extract_text(response))
    return results["voted_answer"], response["cost"]


def remove_boxed(string: str) -> str | None:
    r"""Return the content of `\boxed{...}`; None if the text is anything else."""
    begin = "\\boxed{"
    return string[len(begin) : -1] if string.startswith(begin) and string.endswith("}") else None


def last_boxed_only_string(string: str) -> str | None:
    r"""Return the last `\boxed{...}` of a text, or the last `\fbox{...}`; None if there is neither."""
    start = string.rfind("\\boxed")
    if start < 0:
        start = string.rfind("\\fbox")
    if start < 0:
        return None
    # Boxes contain nested braces, so a regular expression can't find the end.
    depth = 0
    for position in range(start, len(string)):
        if string[position] == "{":
            depth += 1
        elif string[position] == "}":
            depth -= 1
            if depth == 0:
                return string[start : position + 1]
    return None


def get_answer(solution: str | None) -> str | None:
    """Return the answer in the last box of a solution; None without a box."""
    boxed = None if solution is None else last_boxed_only_string(solution)
    return None if boxed is None else remove_boxed(boxed)


def find_answers(solution: str) -> list[str]:
    r"""Return the answers in all boxes of a solution that are not within another box, in their order.

    >>> find_answers(r"Either \boxed{2} or \boxed{\frac{1}{2}}.")
    ['2', '\\frac{1}{2}']
    """
    answers: list[str] = []
    while (box := last_boxed_only_string(solution)) is not None:
        if answer := (remove_boxed(box) or "").strip():
            answers.insert(0, answer)
        solution = solution[: solution.rfind(box)]
    return answers


def have_same_value(str1: str, str2: str) -> bool:
    """Return True if two answers are equivalent, are equal numbers, or have the same value according to `math-verify`.

    The extra `math` installs that package. Without it, answers that are written in different ways may count as different.
    """
    if is_equiv(str1, str2):
        return True
    try:
        return Fraction(str1.strip()) == Fraction(str2.strip())
    except (ValueError, ZeroDivisionError):
        pass
    try:
        verifier = import_module("math_verify")
    except ImportError:
        return False
    # Its own time limits need the main thread.
    values = [verifier.parse(f"${text}$", parsing_timeout=None) for text in (str1, str2)]
    return bool(verifier.verify(*values, timeout_seconds=None))


def is_equiv(str1: str | None, str2: str | None) -> float:
    """Return 1.0 if two answers are equivalent, else 0.0. Two missing answers are equivalent."""
    if str1 is None and str2 is None:
        print("WARNING: both answers are missing.")
        return 1.0
    if str1 is None or str2 is None:
        return 0.0
    try:
        return float(_normalize(str1) == _normalize(str2))
    except ValueError:
        return float(str1 == str2)


def is_equiv_chain_of_thought(str1: str, str2: str) -> float:
    """Compare the answers of two solutions; see `is_equiv`."""
    return is_equiv(get_answer(str1), get_answer(str2))


def voting_counts(responses: Sequence[str]) -> dict[int, int]:
    """Count the votes for each answer, by the index of the first response with that answer.

    Responses without an answer do not vote.
    """
    answers = [get_answer(response) for response in responses]
    votes: dict[int, int] = {}
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        first = next((candidate for candidate in votes if is_equiv(answers[candidate], answer)), index)
        votes[first] = votes.get(first, 0) + 1
    return votes


def eval_math_responses(responses: Sequence[str], solution: str | None = None, **args: object) -> dict[str, Any]:
    """Evaluate several responses to a problem.

    Args:
        responses: The responses.
        solution: The correct solution.
        **args: Ignored; `Completion.test` passes all fields of the problem.

    Returns:
        `expected_success` (the estimated probability of a correct response among as many), `success` (True if any response
        is correct), `success_vote` (1.0 if the response with most votes is correct), `voted_answer` (that response), and
        `votes` (the number of its votes).
    """
    if not responses:
        return {"expected_success": 0, "success": False, "success_vote": 0, "voted_answer": None, "votes": 0}
    correct = [bool(solution is not None and is_equiv_chain_of_thought(response, solution)) for response in responses]
    share = sum(correct) / len(correct)
    votes = voting_counts(responses)
    winner, count = max(votes.items(), key=lambda vote: vote[1]) if votes else (0, 0)
    return {
        "expected_success": 1 - (1 - share) ** len(responses),
        "success": any(correct),
        "success_vote": float(correct[winner]) if solution is not None else 0.0,
        "voted_answer": responses[winner],
        "votes": count,
    }


def _normalize(text: str) -> str:
    r"""Return an answer in a canonical form.

    Raises:
        ValueError: if the answer has more than one unit.
    """
    for old, new in (("\n", ""), ("\\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\left", "")):
        text = text.replace(old, new)
    for old in ("\\right", "^{\\circ}", "^\\circ", "\\$"):
        text = text.replace(old, "")
    # The rest after `\text{ ` is a unit.
    parts = text.split("\\text{ ")
    if len(parts) > 2:
        raise ValueError("The answer has more than one unit.")
    text = parts[0].replace("\\%", "").replace("%", "")
    # Decimals get a leading zero.
    text = re.sub(r"(^|[ {])\.", r"\g<1>0.", text)
    # A short left side is a variable, as in `x = 5`.
    left, equals, right = text.partition("=")
    if equals and "=" not in right and len(left) <= 2:
        text = right
    # Arguments get braces: `\sqrt3`, `\frac12`.
    text = re.sub(r"\\sqrt([^{\s])", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac([^{])([^{])", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac([^{])(?=\{)", r"\\frac{\1}", text)
    if text == "0.5":
        return "\\frac{1}{2}"
    return re.sub(r"^(-?\d+)/(-?\d+)$", r"\\frac{\1}{\2}", text)
