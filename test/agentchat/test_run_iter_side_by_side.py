"""Many chats that are read event by event at the same time, in threads and in tasks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from autogen.agentchat.chat import StopReason
from autogen.testing import ScriptedModel


def test_many_chats_in_threads_do_not_mix(agent):
    def one(number):
        a, b = agent(f"a{number}"), agent(f"b{number}", llm_config=ScriptedModel(lambda m: f"reply {number}").llm_config)
        with a.run_iter(b, message=f"hi {number}", max_turns=3) as chat:
            seen = list(chat)
        texts = {event.message for event in seen if event.type == "message_sent"}
        return len({event.chat for event in seen}), texts == {f"hi {number}", f"reply {number}", ""}

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(24))) == {(1, True)}


def test_many_chats_in_tasks_do_not_mix(agent):
    async def one(number):
        a, b = agent(f"a{number}"), agent(f"b{number}", llm_config=ScriptedModel(lambda m: f"reply {number}").llm_config)
        seen = [event async for event in a.a_run_iter(b, message=f"hi {number}", max_turns=3)]
        return {event.message for event in seen if event.type == "message_sent"} == {f"hi {number}", f"reply {number}", ""}

    async def main():
        return await asyncio.gather(*(one(number) for number in range(50)))

    assert all(asyncio.run(main()))


def test_a_reader_that_is_cancelled_stops_the_chat(agent):
    a, b = agent("a"), agent("b")
    reached = []

    async def reader(chat):
        async with chat:
            async for event in chat:
                if event.type == "message_sent":
                    reached.append(event)
                    await asyncio.sleep(300)

    async def main():
        chat = a.a_run_iter(b, message="go")
        task = asyncio.ensure_future(reader(chat))
        while not reached:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return chat.result

    assert asyncio.run(main()).stop_reason is StopReason.STOPPED
