"""A thousand chats of two turns against two endpoints: a fifth of the requests fail, and a fifth of the answers are odd.

`python -m benchmarks.faults`

Each chat must end with the right words. The output lists the faults on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import logging
import time
from collections import Counter

from autogen import ConversableAgent
from autogen.testing import ODDITIES, FaultInjector, OpenAIServer

AT_ONCE = 40


async def run_chat(number: int, llm_config: dict, free: asyncio.Semaphore) -> bool:
    """Run one chat. Returns True if it ended with the right words."""
    stream = {"stream": True} if number % 3 == 0 else {}
    speaker = ConversableAgent("speaker", llm_config={**llm_config, **stream}, human_input_mode="NEVER", silent=True)
    user = ConversableAgent("user", human_input_mode="NEVER", default_auto_reply=f"again {number}", silent=True)
    async with free:
        result = await user.a_initiate_chat(speaker, message=f"first {number}", max_turns=2)
    once, twice = f"first {number}", f"again {number}"
    return [message["content"] for message in result.chat_history] == [once, f"re: {once}", twice, f"re: {twice}"]


class Outcomes(logging.Handler):
    """A log handler that counts retries and fallbacks."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record by its kind."""
        text = record.getMessage()
        kinds = {"; retrying in": "retries", "; trying the next": "the next endpoint"}
        self.counts[next((kind for phrase, kind in kinds.items() if phrase in text), "other")] += 1


def run(chats: int, share: float, odd: float) -> None:
    """Run the chats, and print the results."""
    storms = [FaultInjector(lambda messages: f"re: {messages[-1]['content']}", share, seed, odd) for seed in (1, 2)]
    outcomes = Outcomes()
    logger = logging.getLogger("autogen.oai.client")
    logger.addHandler(outcomes)
    logger.propagate = False
    with OpenAIServer(storms[0]) as first, OpenAIServer(storms[1]) as second:
        entries = [{**server.config, "max_retries": 4, "timeout": 2} for server in (first, second)]
        policy = {"first_delay": 0.01, "set_aside_for": 1.0}
        llm_config = {"config_list": entries, "cache_seed": None, "retry_policy": policy}

        async def main() -> list[bool]:
            free = asyncio.Semaphore(AT_ONCE)
            return await asyncio.gather(*(run_chat(number, llm_config, free) for number in range(chats)))

        began = time.perf_counter()
        # streamed words are printed
        with contextlib.redirect_stdout(io.StringIO()):
            results = asyncio.run(main())
        seconds = time.perf_counter() - began
    print(f"{sum(results)} of {chats} chats ended with the right words, in {seconds:.1f} s")
    for number, storm in enumerate(storms, 1):
        failed = ", ".join(f"{count} x {name}" for name, count in storm.failed.items() if count)
        print(f"endpoint {number}: {storm.answered} answers; {failed or 'no fault'}")
        unreadable = sum(count for name, count in storm.odd.items() if not ODDITIES[name].is_readable)
        kinds = sum(1 for count in storm.odd.values() if count)
        print(f"  odd answers: {sum(storm.odd.values())} of {kinds} kinds, {unreadable} of them unreadable")
    print("the log: " + ", ".join(f"{count} x {what}" for what, count in outcomes.counts.most_common()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.2, help="of the requests that fail, from 0 to 1")
    parser.add_argument("--odd", type=float, default=0.2, help="of the answers that are odd, from 0 to 1")
    arguments = parser.parse_args()
    run(arguments.chats, arguments.share, arguments.odd)
