"""Comparing answers to mathematical problems that are written in LaTeX, and voting among several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_MATH_PROMPT = (
    "{problem}\n\nSolve this step by step. Simplify the result, and give it at the end in the form \\boxed{{answer}}."
)
_MATH_CONFIG: dict[str, Any] = {"model": "gpt-4", "prompt": _MATH_PROMPT, "allow_format_str_template": True}


def solve_problem(problem: str, **config: Any) -> tuple[str | None, float]:
    """Ask a model to solve a problem.

    Args:
        problem: The problem.
        **config: As for `Completion.create`, over the defaults; with an `n` the answers vote.

    Returns:
        The response with the answer that most have, and the cost (USD).
    """
    from .oai.completion import Completion

    response = Completion.create({"problem": problem}, **{**_MATH_CONFIG, **config})
    results = eval_math_responses(Completion.extract_text(response))
    return results["voted_answer"], response["cost"]


def remove_boxed(string: str) -> str | None:
    r"""What is inside `\boxed{...}`, if the text is that and nothing else; None otherwise."""
    begin = "\\boxed{"
    return string[len(begin) : -1] if string.startswith(begin) and string.endswith("}") else None


def last_boxed_only_string(string: str) -> str | None:
    r"""The last `\boxed{...}` of a text (the last `\fbox{...}` where there is none); None if there is neither."""
    start = string.rfind("\\boxed")
    if start < 0:
        start = string.rfind("\\fbox")
    if start < 0:
        return None
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
    """The answer in the last box of a solution; None if there is none."""
    boxed = None if solution is None else last_boxed_only_string(solution)
    return None if boxed is None else remove_boxed(boxed)


def is_equiv(str1: str | None, str2: str | None) -> float:
    """1.0 if two answers mean the same, 0.0 otherwise. Two that are missing count as the same."""
    if str1 is None and str2 is None:
        print("WARNING: both answers are missing.")
        return 1.0
    if str1 is None or str2 is None:
        return 0.0
    try:
        return float(_normalized(str1) == _normalized(str2))
    except ValueError:
        return float(str1 == str2)


def is_equiv_chain_of_thought(str1: str, str2: str) -> float:
    """`is_equiv` of the answers of two solutions."""
    return is_equiv(get_answer(str1), get_answer(str2))


def voting_counts(responses: Sequence[str]) -> dict[int, int]:
    """For each answer the place of the first response that gives it, and how many do. Those without one don't count."""
    answers = [get_answer(response) for response in responses]
    votes: dict[int, int] = {}
    for place, answer in enumerate(answers):
        if answer is None:
            continue
        first = next((known for known in votes if is_equiv(answers[known], answer)), place)
        votes[first] = votes.get(first, 0) + 1
    return votes


def eval_math_responses(responses: Sequence[str], solution: str | None = None, **args: Any) -> dict[str, Any]:
    """How good several responses to one problem are.

    Args:
        responses: The responses.
        solution: The right one.
        **args: Not used: `Completion.test` hands on the whole problem.

    Returns:
        `expected_success` (that one of as many is right), `success` (that one of these is), `success_vote` (that the one
        with most votes is), `voted_answer` (that response), `votes` (how many it has).
    """
    if not responses:
        return {"expected_success": 0, "success": False, "success_vote": 0, "voted_answer": None, "votes": 0}
    right = [bool(solution is not None and is_equiv_chain_of_thought(response, solution)) for response in responses]
    share = sum(right) / len(right)
    votes = voting_counts(responses)
    winner, count = max(votes.items(), key=lambda vote: vote[1]) if votes else (0, 0)
    return {
        "expected_success": 1 - (1 - share) ** len(responses),
        "success": any(right),
        "success_vote": float(right[winner]) if solution is not None else 0.0,
        "voted_answer": responses[winner],
        "votes": count,
    }


def _normalized(text: str) -> str:
    r"""An answer in one of the many ways to write it.

    Raises:
        ValueError: It can't be brought into that form.
    """
    for old, new in (("\n", ""), ("\\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\left", "")):
        text = text.replace(old, new)
    for old in ("\\right", "^{\\circ}", "^\\circ", "\\$"):
        text = text.replace(old, "")
    parts = text.split("\\text{ ")
    if len(parts) > 2:
        raise ValueError("The answer has more than one unit.")
    text = parts[0].replace("\\%", "").replace("%", "")
    text = re.sub(r"(^|[ {])\.", r"\g<1>0.", text)
    left, equals, right = text.partition("=")
    if equals and "=" not in right and len(left) <= 2:
        text = right
    text = re.sub(r"\\sqrt([^{\s])", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac([^{])([^{])", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac([^{])(?=\{)", r"\\frac{\1}", text)
    if text == "0.5":
        return "\\frac{1}{2}"
    return re.sub(r"^(-?\d+)/(-?\d+)$", r"\\frac{\1}{\2}", text)
