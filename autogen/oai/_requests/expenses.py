"""The budgets of a request: its worst case, the reservation of it, and the step down to the next endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, cast

from ..._models.abilities import find_abilities
from ..._steps import Steps
from ...exception_utils import BudgetExceeded, UnknownPrice
from ...token_count_utils import estimate_tokens
from .._endpoints.openai_client import OpenAIClient
from .._model_client import ModelResponse
from .._protocols.params import get_output_limit
from .._usage.cost import compute_cost, find_price_source
from .._usage.ledger import Budget, Expense, check_policy
from .endpoints import EndpointRequest, Handler, RequestState

# Tokens of a response that neither the request nor the table of models limits.
_USUAL_OUTPUT = 4096
# An estimate without the vendor's tokenizer may be too low.
_MARGIN = 1.2


def send_within_budgets(
    handler: Handler, request: EndpointRequest, state: RequestState, budgets: Sequence[Budget]
) -> Steps[ModelResponse]:
    """Send a request whose worst case is reserved in all budgets.

    Args:
        handler: The layers below.
        request: The request.
        state: State of the call.
        budgets: The budgets that apply.

    Raises:
        BudgetExceeded: if a budget has too little left. It says whether the next endpoint may be tried.
    """
    policies = [get_policy(request, budget) for budget in budgets]
    expense = _estimate(request, budgets)
    with ExitStack() as stack:
        settlements = []
        for budget, policy in zip(budgets, policies, strict=True):
            try:
                if expense.cost is None and budget.limits_cost and _is_price_needed(request):
                    raise UnknownPrice(request.label)
                settlements.append(stack.enter_context(budget.reserve(expense, is_strict=policy == "next")))
            except BudgetExceeded as error:
                error.on_budget = policy
                state.left = budget.get_left()
                raise
        response = yield from handler(request, state)
        usage = cast("Mapping[str, Any]", request.endpoint.client.get_usage(response) or {})
        cost = getattr(response, "cost", None) or 0.0
        spent = Expense(cost, (usage.get("prompt_tokens") or 0) + (usage.get("completion_tokens") or 0))
        for settle in settlements:
            settle(spent)
    return response


def get_policy(request: EndpointRequest, budget: Budget) -> str:
    """Return what happens if a budget is used up: `next`, or `stop`. The entry decides, else the chat."""
    return check_policy(request.extra.get("on_budget")) or budget.on_budget or "stop"


def _estimate(request: EndpointRequest, budgets: Sequence[Budget]) -> Expense:
    """Return the most that a request may take, as far as it can be known before it is sent."""
    needs_estimate = any(budget.windows or get_policy(request, budget) == "next" for budget in budgets)
    if not needs_estimate:
        # Only whether the price is known matters then.
        return Expense(_find_cost(request, 1, 1) if any(budget.limits_cost for budget in budgets) else 0.0, 0)
    params, client = request.params, request.endpoint.client
    asked = [*(params.get("messages") or ()), *(params.get("tools") or ())] or params.get("prompt") or params.get("input")
    model = str(params.get("model"))
    provider = client.provider if isinstance(client, OpenAIClient) else None
    abilities = find_abilities(model, provider.api_type if provider else "", params.get("abilities"))
    prompt = int(estimate_tokens(asked, model) * _MARGIN)
    completion = 0
    # Embeddings have no output.
    if "messages" in params or "prompt" in params:
        max_unstreamed = client.max_unstreamed if isinstance(client, OpenAIClient) else None
        completion = get_output_limit(params, abilities.max_output or _USUAL_OUTPUT, max_unstreamed)
        completion *= int(params.get("n") or 1)
    return Expense(_find_cost(request, prompt, completion), prompt + completion)


def _find_cost(request: EndpointRequest, prompt: int, completion: int) -> float | None:
    """Return the cost of so many tokens in USD, all of them written to the cache; None if the price is unknown."""
    client, extra = request.endpoint.client, request.extra
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion, "model": request.params.get("model")}
    is_written = request.params.get("prompt_cache", True) is not False
    possible = [usage, {**usage, "cache_write_tokens": prompt}] if is_written else [usage]
    if extra.get("price") is not None:
        return max(compute_cost(counts, extra["price"]) for counts in possible)
    if extra.get("unknown_price") == "free" and not _has_price(request):
        return 0.0
    if not isinstance(client, OpenAIClient):
        return None
    if client.provider.free:
        return 0.0
    if not _has_price(request):
        return None
    return float(max(compute_cost(counts, base_url=client.address) for counts in possible))


def _has_price(request: EndpointRequest) -> bool:
    client = request.endpoint.client
    if not isinstance(client, OpenAIClient):
        return False
    return find_price_source(str(request.params.get("model")), client.address) is not None


def _is_price_needed(request: EndpointRequest) -> bool:
    # A client of the program has a `cost` method of its own, which knows the price after the response.
    return isinstance(request.endpoint.client, OpenAIClient) and request.extra.get("price_per_image") is None
