"""The cost of a long history for each transform and model context, from 1,000 to 100,000 messages.

python -m benchmarks.contexts

Each history is seen twice: the first time every text is new, the second time all but one are known, as in the next turn of a
chat. A cost that is linear has a ratio of about 10 from one length to the next.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from autogen.agentchat._contexts import counting
from autogen.agentchat.contrib.capabilities.text_compressors import ExtractiveCompressor
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import (
    MessageHistoryLimiter,
    MessageTokenLimiter,
    SummaryTransform,
    TextMessageCompressor,
    TextMessageContentName,
)
from autogen.agentchat.model_context import (
    BufferedChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
)
from autogen.testing import ScriptedModel

LENGTHS = (1_000, 10_000, 100_000)
ROUNDS = 3

Message = dict[str, Any]

CASES: dict[str, Callable[[], Any]] = {
    "MessageHistoryLimiter(100)": lambda: MessageHistoryLimiter(100),
    "MessageTokenLimiter(max_tokens=4000)": lambda: MessageTokenLimiter(max_tokens=4000),
    "MessageTokenLimiter(per message: 20)": lambda: MessageTokenLimiter(max_tokens_per_message=20),
    "TextMessageContentName()": TextMessageContentName,
    "TextMessageCompressor(extractive)": lambda: TextMessageCompressor(ExtractiveCompressor(0.5, query="result")),
    "SummaryTransform(keep_last=20)": lambda: SummaryTransform(
        ScriptedModel(lambda messages: "a summary").llm_config, trigger_tokens=8_000, keep_last=20
    ),
    "Buffered(100)": lambda: BufferedChatCompletionContext(100),
    "HeadAndTail(10, 90)": lambda: HeadAndTailChatCompletionContext(10, 90),
    "TokenLimited(4000)": lambda: TokenLimitedChatCompletionContext("gpt-4o", token_limit=4000),
}


def make_history(length: int) -> list[Message]:
    """Make a history of questions, calls, results and answers, all of them different."""
    history: list[Message] = []
    for number in range(length // 4):
        call = {"id": f"call-{number}", "type": "function", "function": {"name": "look", "arguments": f'{{"n": {number}}}'}}
        result = {"role": "tool", "tool_call_id": call["id"], "content": f"Row {number}. " + "It has a value. " * 8}
        history += [
            {"role": "user", "name": "ada", "content": f"What is row {number} of the table that I sent you yesterday?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_responses": [result], "content": result["content"]},
            {"role": "assistant", "content": f"The result for row {number} is in the table. It has a value."},
        ]
    return history


def measure(make: Callable[[], Any], length: int) -> tuple[float, float]:
    """Return the processor's time of the first view of a history, and of the next one, in milliseconds."""
    counting.get_counter.cache_clear()
    history = make_history(length)
    capability = TransformMessages(transforms=[make()], verbose=False)
    times = []
    for number in range(2):
        history.append({"role": "user", "content": f"And the last one, number {number}?"})
        began = time.thread_time()
        capability._transform_messages(history)
        times.append((time.thread_time() - began) * 1e3)
    return times[0], times[1]


def main() -> None:
    """Measure, interleaved, and print medians."""
    counting.get_counter("gpt-4o").count_text("The tokenizer is loaded before.")
    samples: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for name, make in CASES.items():
            for length in LENGTHS:
                samples.setdefault((name, length), []).append(measure(make, length))
    print(f"ms of processor time, median of {ROUNDS}; x: the last two lengths, a tenfold history")
    print(f"{'':<38}" + "".join(f"{f'{length:,}':>10}" for length in LENGTHS) + f"{'x':>7}    next turn{'x':>9}")
    for name in CASES:
        first, following = (
            [statistics.median(pair[index] for pair in samples[name, n]) for n in LENGTHS] for index in (0, 1)
        )
        ratios = [values[-1] / values[-2] for values in (first, following)]
        print(
            f"{name:<38}"
            + "".join(f"{value:>10.1f}" for value in first)
            + f"{ratios[0]:>7.1f}{following[-1]:>13.1f}{ratios[1]:>9.1f}"
        )


if __name__ == "__main__":
    main()
