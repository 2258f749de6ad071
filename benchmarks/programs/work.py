"""What is measured, as a program of the classic API that any implementation of it runs: `python work.py NAME {JSON}`.

It needs nothing but `autogen` and, for the comparison, `openai`. The result is one line of JSON, the last of the output.
Times are in seconds; of what waits for nothing it is the processor's time, the best of some. What a chat costs once, such as
its result, is left out where a turn is measured: by the difference of a chat and one of twice its length.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

QUIET = {"human_input_mode": "NEVER", "max_consecutive_auto_reply": 10**9, "silent": True}
PROMPT = "Say something. " * 4


def per_unit(run: Callable[[int], float], at_least: float = 0.1, most: int = 20_000) -> float:
    """The time of one of the units that `run` is given a number of: the slope, at a length that can be measured."""
    number = 1
    while True:
        once, twice = run(number), run(2 * number)
        if twice >= at_least or number >= most:
            return (twice - once) / number
        number *= 4 if twice < at_least / 4 else 2


def pair(**options: Any) -> Any:
    """Two agents that answer at once, for ever."""
    from autogen import ConversableAgent

    a, b = (ConversableAgent(name, llm_config=False, default_auto_reply=name, **QUIET, **options) for name in "ab")
    return a, b


def config(url: str, **more: Any) -> dict[str, Any]:
    """The settings of a model behind the loopback server."""
    return {"config_list": [{"model": "scripted", "base_url": url, "api_key": "unused"}], "cache_seed": None, **more}


def history(length: int) -> list[dict[str, Any]]:
    """A conversation."""
    return [
        {"role": ("user", "assistant")[place % 2], "name": "ab"[place % 2], "content": f"Message {place}. {'word ' * 20}"}
        for place in range(length)
    ]


def turn(length: int, asynchronous: bool = False) -> float:
    """A turn of a scripted chat (a message and its answer), where `length` messages were said before."""
    before = history(length)

    def run(turns: int) -> float:
        a, b = pair()
        a.chat_messages[b].extend(before)
        b.chat_messages[a].extend(before)
        options = {"message": "go", "max_turns": turns, "clear_history": False, "silent": True}
        gc.collect()
        started = time.process_time()
        asyncio.run(a.a_initiate_chat(b, **options)) if asynchronous else a.initiate_chat(b, **options)
        return time.process_time() - started

    return min(per_unit(run, 0.05) for _ in range(5))


def group(members: int, rounds: int) -> float:
    """A round of a scripted group chat."""
    from autogen import Agent, ConversableAgent, GroupChat, GroupChatManager

    words = itertools.count()

    def answer(*_: object, **__: object) -> tuple[bool, str]:
        return True, f"{next(words)} {'x' * 200}"

    def run() -> float:
        agents = [ConversableAgent(f"agent_{place}", llm_config=False, **QUIET) for place in range(members)]
        for agent in agents:
            agent.register_reply([Agent, None], answer, position=2)  # after the check of what ends a chat
        chat = GroupChat(agents, [], rounds, speaker_selection_method="round_robin")
        manager = GroupChatManager(chat, llm_config=False, silent=True)
        gc.collect()
        started = time.process_time()
        agents[0].initiate_chat(manager, message="go", silent=True)
        return (time.process_time() - started) / rounds

    return min(run() for _ in range(max(2, 500 // rounds // members)))


def first_agent(url: str) -> dict[str, float]:
    """The first agent with a model, and one more, where the SDK is loaded."""
    import openai

    openai.OpenAI  # noqa: B018 - it loads on first use
    from autogen import ConversableAgent

    times = []
    for name in ("first", "second"):
        started = time.perf_counter()
        ConversableAgent(name, llm_config=config(url), **QUIET)
        times.append(time.perf_counter() - started)
    return {"first": times[0], "next": times[1]}


def first_client(url: str) -> dict[str, float]:
    """The first client of the SDK itself, and one more."""
    import openai

    times = []
    for _ in range(2):
        started = time.perf_counter()
        openai.OpenAI(base_url=url, api_key="unused")
        times.append(time.perf_counter() - started)
    return {"first": times[0], "next": times[1]}


def http(url: str, turns: int, times: int) -> dict[str, float]:
    """A turn with a model behind HTTP, and the same requests by the SDK alone, in alternation."""
    import openai

    from autogen import ConversableAgent

    client = openai.OpenAI(base_url=url, api_key="unused")
    system = "You are a helpful AI Assistant."

    def alone() -> float:
        messages = [{"content": system, "role": "system"}]
        started = time.perf_counter()
        for _ in range(turns):
            messages.append({"content": PROMPT, "role": "user", "name": "user"})
            answer = client.chat.completions.create(model="scripted", messages=messages)
            messages.append({"content": answer.choices[0].message.content, "role": "assistant", "name": "assistant"})
        return (time.perf_counter() - started) / turns

    def framework() -> float:
        assistant = ConversableAgent("assistant", system, llm_config=config(url), **QUIET)
        user = ConversableAgent("user", llm_config=False, default_auto_reply=PROMPT, **QUIET)
        started = time.perf_counter()
        user.initiate_chat(assistant, message=PROMPT, max_turns=turns, silent=True)
        return (time.perf_counter() - started) / turns

    samples: dict[str, list[float]] = {"alone": [], "framework": []}
    framework()
    alone()
    for number in range(times):
        for name, run in [("alone", alone), ("framework", framework)][:: 1 if number % 2 else -1]:
            gc.collect()
            samples[name].append(run())
    ratio = statistics.median(ours / theirs for ours, theirs in zip(samples["framework"], samples["alone"]))  # noqa: B905
    return {**{name: statistics.median(values) for name, values in samples.items()}, "ratio": ratio}


def concurrent(url: str, chats: int) -> float:
    """The wall time of chats of two turns, all at once."""
    from autogen import ConversableAgent

    async def chat() -> None:
        assistant = ConversableAgent("assistant", llm_config=config(url), **QUIET)
        user = ConversableAgent("user", llm_config=False, default_auto_reply=PROMPT, **QUIET)
        result = await user.a_initiate_chat(assistant, message=PROMPT, max_turns=2, silent=True)
        assert len(result.chat_history) == 4

    async def all_at_once(number: int) -> float:
        started = time.perf_counter()
        await asyncio.gather(*(chat() for _ in range(number)))
        return time.perf_counter() - started

    asyncio.run(all_at_once(2))
    return asyncio.run(all_at_once(chats))


def concurrent_alone(url: str, chats: int) -> float:
    """The same requests by the SDK alone, through one client that may open as many connections as it likes."""
    import openai

    async def chat(client: Any) -> None:
        messages: list[Any] = [{"content": "You are a helpful AI Assistant.", "role": "system"}]
        for _ in range(2):
            messages.append({"content": PROMPT, "role": "user"})
            answer = await client.chat.completions.create(model="scripted", messages=messages)
            messages.append({"content": answer.choices[0].message.content, "role": "assistant"})

    async def all_at_once(number: int) -> float:
        async with openai.AsyncOpenAI(base_url=url, api_key="unused", timeout=120) as client:
            await chat(client)
            started = time.perf_counter()
            await asyncio.gather(*(chat(client) for _ in range(number)))
            return time.perf_counter() - started

    return asyncio.run(all_at_once(chats))


def idle_agents(url: str, number: int) -> float:
    """The memory of an agent that has a model and does nothing, in bytes."""
    from autogen import ConversableAgent

    def make() -> Any:
        return ConversableAgent("assistant", llm_config=config(url), human_input_mode="NEVER")

    kept = [make() for _ in range(20)]
    gc.collect()
    before = _resident()
    kept += [make() for _ in range(number)]
    gc.collect()
    return (_resident() - before) / number


def idle_clients(url: str, number: int) -> float:
    """The memory of a client of the SDK, in bytes: what an agent holds that opens its own."""
    import openai

    kept = [openai.OpenAI(base_url=url, api_key="unused") for _ in range(20)]
    gc.collect()
    before = _resident()
    kept += [openai.OpenAI(base_url=url, api_key="unused") for _ in range(number)]
    gc.collect()
    return (_resident() - before) / number


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cached(url: str, length: int, times: int) -> dict[str, float]:
    """An answer out of the cache on disk (in the current folder), and one `json.dumps` of the request."""
    from autogen import ConversableAgent

    agent = ConversableAgent("assistant", llm_config=config(url) | {"cache_seed": 7}, **QUIET)
    messages = history(length)
    request = json.dumps({"model": "scripted", "messages": messages})
    assert request
    first = agent.generate_reply(messages=messages)
    samples: dict[str, list[float]] = {"reply": [], "json": []}
    for _ in range(times):
        started = time.perf_counter()
        reply = agent.generate_reply(messages=messages)
        samples["reply"].append(time.perf_counter() - started)
        assert reply == first
        started = time.perf_counter()
        json.dumps({"model": "scripted", "messages": messages})
        samples["json"].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in samples.items()}


def mapped(chats: int, turns: int) -> dict[str, float]:
    """The processor's time of many scripted chats: in a loop, by `map_chats` in threads, and by its tasks."""
    from autogen.distributed import map_chats

    def chat(number: int, run: object = None) -> Any:
        a, b = pair()
        return a.initiate_chat(b, message=str(number), max_turns=turns, silent=True)

    async def a_chat(number: int, run: object) -> Any:
        a, b = pair()
        return await a.a_initiate_chat(b, message=str(number), max_turns=turns, silent=True)

    samples = {}
    cases = {
        "loop": lambda: [chat(number) for number in range(chats)],
        "threads": lambda: list(map_chats(range(chats), chat)),
        "tasks": lambda: list(map_chats(range(chats), a_chat)),
    }
    cases["loop"]()
    for name, case in cases.items():
        gc.collect()
        started = time.process_time()
        assert len(case()) == chats
        samples[name] = time.process_time() - started
    return samples


WORK = {
    work.__name__: work
    for work in (
        turn,
        group,
        first_agent,
        first_client,
        http,
        concurrent,
        concurrent_alone,
        idle_agents,
        idle_clients,
        cached,
        mapped,
    )
}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    result = WORK[sys.argv[1]](**json.loads(sys.argv[2]))
    print("\n" + json.dumps(result))
