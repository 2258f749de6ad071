"""Questions of guardrails and reviewers to a model of their own, about a text that is data."""

from __future__ import annotations

from typing import Any

from ..._steps import Steps, invoke
from ..._untrusted import mark_untrusted
from ...oai._responses.tokens import hold_tokens


def ask_model(client: Any, instructions: str, text: str, output_type: Any = None) -> Steps[str]:
    """Ask a model about a text, and return its answer; an empty text if it has none.

    Args:
        client: The `OpenAIWrapper`.
        instructions: The system message.
        text: The text. No part of it can end the block in which it stands.
        output_type: Type of the answer; None for text.
    """
    request: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": instructions},
            {"role": "user", "content": mark_untrusted(text, "the text to check")},
        ]
    }
    if output_type is not None:
        request["output_type"] = output_type
    # Nobody reads the answer as it arrives.
    with hold_tokens():
        response = yield from invoke(client.create, client.a_create, **request)
    answer = client.extract_text_or_completion_object(response)[0]
    return answer if isinstance(answer, str) else ""
