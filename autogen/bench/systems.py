"""Systems for suites that bring none, and for those in the box."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

from ..agentchat.chat import ChatResult
from ..agentchat.conversable_agent import ConversableAgent
from ..agentchat.group import AgentTarget, OnCondition, StringLLMCondition, TerminateTarget, initiate_group_chat
from ..agentchat.group.patterns import DefaultPattern
from ..retrieval import IndexCollection, IndexEntry, TextIndex
from ._documentation import list_passages
from ._runs import RunContext
from .cases import Case

__all__ = ["find_passages", "run_assistant", "run_help_desk", "run_with_documentation", "run_with_tools"]

_PASSAGES = 5


def run_assistant(case: Case, context: RunContext) -> ChatResult:
    """Let an assistant answer in one turn, with the models of the run.

    Args:
        case: Case.
        context: Surroundings of the run.

    Raises:
        ValueError: if the run has no config of models.
    """
    assistant = _make_assistant(context, "You answer briefly and exactly, in the form that is asked for.")
    return _make_user().initiate_chat(assistant, message=case.input, max_turns=1, silent=True)


def run_with_tools(case: Case, context: RunContext) -> ChatResult:
    """Let an assistant answer with the tools of a small shop.

    Args:
        case: Case.
        context: Surroundings of the run.

    Raises:
        ValueError: if the run has no config of models.
    """
    assistant = _make_assistant(
        context,
        "You work in a shop. Find out with your tools what you are asked, and answer briefly. Call a tool first: you know "
        "neither stock nor prices nor rates.",
    )
    user = _make_user()
    for tool in _TOOLS:
        assistant.register_for_llm()(tool)
        user.register_for_execution()(tool)
    return user.initiate_chat(assistant, message=case.input, max_turns=5, silent=True)


def run_with_documentation(case: Case, context: RunContext) -> ChatResult:
    """Let an assistant answer from the passages of the package's documentation that fit the question best.

    Args:
        case: Case.
        context: Surroundings of the run.

    Raises:
        ValueError: if the run has no config of models.
    """
    assistant = _make_assistant(
        context, "You answer questions about a package from passages of its documentation, with a name or a number alone."
    )
    passages = "\n\n".join(find_passages(case.input))
    message = f"Passages:\n\n{passages}\n\nQuestion: {case.input}"
    return _make_user().initiate_chat(assistant, message=message, max_turns=1, silent=True)


def find_passages(question: str, count: int = _PASSAGES) -> list[str]:
    """Return the passages of the documentation that fit a question best.

    Args:
        question: Question.
        count: Number of passages.
    """
    return [hit.text for hit in _open_documentation().search(question, n=count)]


@cache
def _open_documentation() -> IndexCollection:
    collection = TextIndex(None).create_collection("documentation")
    collection.add([IndexEntry(passage.name, passage.text) for passage in list_passages()])
    return collection


def run_help_desk(case: Case, context: RunContext) -> ChatResult:
    """Let an agent hand over a message to the desk that it is for.

    Args:
        case: Case.
        context: Surroundings of the run.

    Raises:
        ValueError: if the run has no config of models.
    """
    triage = _make_assistant(
        context,
        "You receive messages of customers. Hand each over to the desk that it is for. Don't answer yourself.",
        "triage",
    )
    # They have no model, so that nothing but the hand-over is measured.
    desks = [_make_desk(name) for name in _DESKS]
    # The model gets a tool for each.
    triage.handoffs.add_llm_conditions(
        [OnCondition(AgentTarget(desk), StringLLMCondition(_DESKS[desk.name])) for desk in desks]
    )
    for agent in (triage, *desks):
        agent.handoffs.set_after_work(TerminateTarget())
    pattern = DefaultPattern(initial_agent=triage, agents=[triage, *desks])
    return initiate_group_chat(pattern, case.input, max_rounds=6, silent=True)[0]


_DESKS = {
    "billing": "The message is about bills, payment or receipts.",
    "delivery": "The message is about a parcel on its way to the customer.",
    "returns": "The customer wants to send something back, or to exchange it.",
    "technical": "A device or the app does not work, or the customer asks how to use it.",
}


def _make_desk(name: str) -> ConversableAgent:
    return ConversableAgent(
        name,
        llm_config=False,
        human_input_mode="NEVER",
        code_execution_config=False,
        default_auto_reply=f"The {name} desk takes care of it.",
        silent=True,
    )


def get_stock(item: str) -> int:
    """Return how many pieces of an item are in stock."""
    return _STOCK.get(_find_item(item), 0)


def get_price(item: str) -> float | str:
    """Return the price of an item in crowns."""
    return _PRICES.get(_find_item(item), f"There is no {item}.")


def compute_total(item: str, quantity: int) -> float | str:
    """Return the price of several pieces of an item in crowns."""
    price = _PRICES.get(_find_item(item))
    return f"There is no {item}." if price is None else round(price * quantity, 2)


def add_days(day: str, days: int) -> str:
    """Return the date so many days after a date (YYYY-MM-DD), or before it if the number is negative."""
    return str(date.fromisoformat(day) + timedelta(days=days))


def count_letter(word: str, letter: str) -> int:
    """Return how often a letter occurs in a word."""
    return word.lower().count(letter.lower())


def convert_crowns(amount: float, currency: str) -> float | str:
    """Return an amount of crowns in groats, florins or doubloons."""
    rate = _RATES.get(currency.lower().rstrip("s"))
    return f"There is no rate for {currency}." if rate is None else round(amount * rate, 4)


def _find_item(item: str) -> str:
    """Return the name of an item in the singular."""
    name = " ".join(item.lower().split())
    return "oak shelf" if name == "oak shelves" else name.rstrip("s") if name.rstrip("s") in _PRICES else name


_TOOLS: list[Callable[..., Any]] = [get_stock, get_price, compute_total, add_days, count_letter, convert_crowns]
_STOCK = {"brass hinge": 418, "desk lamp": 63, "wool rug": 17, "oak shelf": 9, "copper kettle": 31}
_PRICES = {"brass hinge": 2.15, "desk lamp": 22.0, "wool rug": 129.0, "oak shelf": 38.5, "copper kettle": 74.25}
_RATES = {"groat": 7.5, "florin": 3.5, "doubloon": 0.0625}


def _make_assistant(context: RunContext, system_message: str, name: str = "assistant") -> ConversableAgent:
    if not context.llm_config:
        raise ValueError("The assistant needs models: pass llm_config, or use --model or --config.")
    return ConversableAgent(
        name,
        system_message=system_message,
        llm_config={"cache_seed": None, **context.llm_config},
        human_input_mode="NEVER",
        code_execution_config=False,
        silent=True,
    )


def _make_user() -> ConversableAgent:
    return ConversableAgent(
        "user",
        llm_config=False,
        # An answer without a call is the last.
        is_termination_msg=lambda message: not message.get("tool_calls"),
        human_input_mode="NEVER",
        code_execution_config=False,
        silent=True,
    )
