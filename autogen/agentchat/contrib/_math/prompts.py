"""The prompts of MathChat."""

from __future__ import annotations

_PYTHON_RULES = r"""
When you write Python:
- print every value that you want to see, since nothing else comes back to you;
- work with exact values: fractions and radicals, never their decimals; the package sympy is useful for that;
- put each program into a block of its own that begins with ```python; variables of earlier programs are still there."""

_ANSWER = r"At the very end, write the answer to the problem alone, in \boxed{}."

_STEPS = rf"""
1. Choose the next step of the solution, small enough to be checked.
2. Write a query that computes it or checks it.
3. Wait for the result. Read it with care: if it is an error, or can't be right, correct the query or the step.
4. Go on until the solution is complete, and only then conclude. {_ANSWER}"""

PROMPTS: dict[str, str] = {
    "default": rf"""Solve a mathematical problem. You work with a partner who runs your Python programs and tells you what \
they print.

Decide first how to go about it:
- a problem that one program answers: write that program, and read what it prints before you conclude;
- a problem of pure thought: reason it out, without code;
- any other problem: go step by step, with a query in Python wherever a step needs a computation or a check.
{_PYTHON_RULES}

Explain the key steps as you go. {_ANSWER}

Problem:
""",
    "python": rf"""Solve a mathematical problem step by step. You work with a partner who runs your Python programs and \
tells you what they print.
{_STEPS}
{_PYTHON_RULES}

Problem:
""",
    "two_tools": rf"""Solve a mathematical problem step by step. You work with a partner who answers two kinds of queries: \
programs in Python, and questions to Wolfram Alpha.
{_STEPS}
{_PYTHON_RULES}

When you ask Wolfram Alpha: put one question, such as an equation to solve, into a block that begins with ```wolfram. Take \
the tool that fits the step; if one fails, try the other.

Problem:
""",
}
"""The instructions in front of a problem, by `prompt_type`."""

DEFAULT_REPLY = (
    "Go on. Write a query in a fenced block if the next step needs one. When you are certain of the answer, put it in "
    r"\boxed{}."
)
SAME_REPLY = "\nYour query or its result is the same as the last time. Try a new approach."
RETHINK_REPLY = (
    "Look at the problem and at your reasoning again. If this step is right, do it yourself without a query, and go on to "
    "the next one; if it is not, correct it first."
)
SEVERAL_ANSWERS = (
    r"There are several different answers in boxes: {answers}. Decide which is right, and repeat that one alone in \boxed{}."
)
