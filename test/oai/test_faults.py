"""Endpoints that fail in the middle: streams cut anywhere, and a storm of faults."""

import asyncio
import json
import logging
import urllib.request

import pytest

from autogen import ConversableAgent, OpenAIWrapper
from autogen.testing import Fault, FaultInjector, OpenAIServer, Reply, tool_call

TEXT = Reply("Grüße, words")
CALL = Reply(tool_calls=[tool_call("go", call_id="c1", to="Köln")])
QUICK = {"first_delay": 0.001, "max_delay": 0.01, "retries": 4}


def recorded(reply):
    """The bytes of a streamed answer."""
    with OpenAIServer(reply) as server:
        body = json.dumps({"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
        request = urllib.request.Request(f"{server.base_url}/chat/completions", body)
        with urllib.request.urlopen(request) as response:
            return response.read()


@pytest.mark.slow
@pytest.mark.parametrize("reply", [TEXT, CALL], ids=["text", "calls"])
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)], ids=["every 7th byte", "every byte"])
def test_a_stream_that_is_cut_anywhere_gives_the_whole_answer_or_the_next_endpoints(openai_server, reply, step, capsys):
    stream = recorded(reply)
    lengths = [*range(0, len(stream), step), len(stream)]

    def cut(messages):
        length = int(messages[-1]["content"])
        return Fault(status=200, body=stream[:length], headers={"Content-Type": "text/event-stream"})

    first, second = openai_server(cut), openai_server(lambda _: "from the second")
    entries = [first.config, second.config]
    wrapper = OpenAIWrapper(config_list=entries, cache_seed=None, stream=True, retry_policy={"set_aside_after": 10**9})
    logging.disable(logging.WARNING)
    try:
        answers = [
            wrapper.create(messages=[{"role": "user", "content": str(length)}]).choices[0].message for length in lengths
        ]
    finally:
        logging.disable(logging.NOTSET)
    whole = [answer for answer in answers if answer.content != "from the second"]
    assert len(whole) < len(answers) / 2
    assert answers[-1] is whole[-1]
    for answer in whole:
        assert (answer.content or None) == reply.content
        calls = [call.model_dump() for call in answer.tool_calls or ()]
        assert calls == list(reply.tool_calls)


@pytest.mark.slow
def test_chats_end_with_the_right_words_in_a_storm(caplog):
    """A smaller run of `python -m benchmarks.faults`."""
    caplog.set_level(logging.WARNING)

    def echo(messages):
        return f"You said: {messages[-1]['content']}"

    storms = [FaultInjector(echo, seed=seed) for seed in (1, 2)]
    with OpenAIServer(storms[0]) as first, OpenAIServer(storms[1]) as second:
        entries = [{**server.config, "max_retries": None, "timeout": 3} for server in (first, second)]
        llm_config = {"config_list": entries, "cache_seed": None, "retry_policy": QUICK}

        async def chat(number):
            stream = {"stream": True} if number % 3 == 0 else {}
            speaker = ConversableAgent("speaker", llm_config={**llm_config, **stream}, human_input_mode="NEVER", silent=True)
            user = ConversableAgent("user", human_input_mode="NEVER", default_auto_reply=f"again {number}", silent=True)
            result = await user.a_initiate_chat(speaker, message=f"first {number}", max_turns=2)
            return [message["content"] for message in result.chat_history]

        async def main():
            return await asyncio.gather(*(chat(number) for number in range(40)))

        histories = asyncio.run(main())
    for number, history in enumerate(histories):
        once, twice = f"first {number}", f"again {number}"
        assert history == [once, f"You said: {once}", twice, f"You said: {twice}"]
    failures = sum(sum(storm.failed.values()) for storm in storms)
    assert failures > 10
    warnings = [record for record in caplog.records if "; retrying in" in record.message or "; trying the" in record.message]
    assert len(warnings) >= failures  # a busy machine may add time-outs of its own
