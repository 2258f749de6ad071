"""Where a human's answers come from, and what happens when none comes."""

import asyncio
import threading

import pytest

from autogen import ConversableAgent
from autogen.io import IOStream


class Never(IOStream):
    """A stream whose human has left."""

    def __init__(self):
        self.printed = []
        self.gone = threading.Event()

    def print(self, *objects, sep=" ", end="\n", flush=False):
        self.printed.append(sep.join(map(str, objects)))

    def input(self, prompt="", *, password=False):
        self.gone.wait(60)
        return "too late"


def test_a_plain_source_is_asked_with_the_prompt(call, agent):
    prompts = []

    def source(prompt):
        prompts.append(prompt)
        return "hello"

    user = agent("user", human_input_mode="ALWAYS", human_input_source=source)
    result = call(agent("peer").initiate_chat, user, message="hi", max_turns=1)
    assert (result.summary, user._human_input) == ("hello", ["hello"])
    assert "'exit'" in prompts[0]


def test_a_coroutine_source_serves_both_colours(call, agent):
    async def source(prompt):
        await asyncio.sleep(0)
        return "hello"

    user = agent("user", human_input_mode="ALWAYS", human_input_source=source)
    assert call(agent("peer").initiate_chat, user, message="hi", max_turns=1).summary == "hello"


def test_a_coroutine_source_holds_no_thread_in_an_asynchronous_chat(agent):
    async def main():
        before = threading.active_count()
        answers: asyncio.Queue[str] = asyncio.Queue()

        async def source(prompt):
            assert threading.current_thread() is threading.main_thread()
            return await answers.get()

        users = [agent(f"user{n}", human_input_mode="ALWAYS", human_input_source=source) for n in range(50)]
        chats = [asyncio.ensure_future(agent("peer").a_initiate_chat(user, message="hi", max_turns=1)) for user in users]
        while sum(map(bool, [user.chat_messages for user in users])) < 50:
            await asyncio.sleep(0)
        assert threading.active_count() == before
        for n in range(50):
            answers.put_nowait(str(n))
        return sorted(int(result.summary) for result in await asyncio.gather(*chats))

    assert asyncio.run(main()) == list(range(50))


def test_when_the_time_is_over_the_default_counts_as_typed(call, agent):
    stream = Never()
    settings = {"human_input_timeout": 0.05, "human_input_default": "use your judgement", "silent": None}
    user = agent("user", human_input_mode="ALWAYS", **settings)
    with IOStream.set_default(stream):
        result = call(agent("peer").initiate_chat, user, message="hi", max_turns=1)
    stream.gone.set()
    assert result.summary == "use your judgement"
    assert user._human_input == ["use your judgement"]
    assert any("NO HUMAN INPUT WITHIN 0.05 SECONDS" in line for line in stream.printed)


def test_without_a_default_it_is_as_if_enter_were_pressed(call, agent):
    stream = Never()
    user = agent("user", human_input_mode="ALWAYS", human_input_timeout=0.05, default_auto_reply="automatic")
    with IOStream.set_default(stream):
        assert call(agent("peer").initiate_chat, user, message="hi", max_turns=1).summary == "automatic"
    stream.gone.set()


def test_a_default_may_end_the_chat(call, agent):
    async def source(prompt):
        await asyncio.sleep(60)

    user = agent(
        "user",
        human_input_mode="ALWAYS",
        human_input_source=source,
        human_input_timeout=0.05,
        human_input_default="exit",
    )
    result = call(user.initiate_chat, agent("peer", default_auto_reply="more"), message="hi")
    assert (result.stop_reason, result.human_input) == ("human_exit", ["exit"])


def test_an_answer_in_time_is_taken(call, agent):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: "here", human_input_timeout=60)
    assert call(agent("peer").initiate_chat, user, message="hi", max_turns=1).summary == "here"


def test_an_error_of_the_source_ends_the_chat(call, agent):
    def source(prompt):
        raise ConnectionError("the browser has gone")

    user = agent("user", human_input_mode="ALWAYS", human_input_source=source, human_input_timeout=60)
    with pytest.raises(ConnectionError, match="the browser has gone"):
        call(agent("peer").initiate_chat, user, message="hi", max_turns=1)


def test_the_source_can_be_changed_after_construction(call, agent):
    user: ConversableAgent = agent("user", human_input_mode="ALWAYS")
    user.human_input_source = lambda prompt: "changed"
    assert call(agent("peer").initiate_chat, user, message="hi", max_turns=1).summary == "changed"


class Booth(IOStream):
    """A stream for one question, plain or in async form."""

    def __init__(self, answer):
        self.answer = answer

    def print(self, *objects, sep=" ", end="\n", flush=False):
        raise AssertionError("printed")

    def input(self, prompt="", *, password=False):
        return f"{prompt} {self.answer}"


class AsyncBooth(Booth):
    async def input(self, prompt="", *, password=False):
        return f"{prompt} {self.answer}"


@pytest.mark.parametrize("booth", [Booth, AsyncBooth])
def test_another_stream_is_asked_for_one_question(call, agent, booth):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: "from the source")
    assert call(user.get_human_input, "Name?", iostream=booth("Ada")) == "Name? Ada"
    assert call(user.get_human_input, "Name?") == "from the source"
    assert user._human_input == ["Name? Ada", "from the source"]


def test_an_override_need_not_know_the_stream(call, agent):
    class Quiet(ConversableAgent):
        def get_human_input(self, prompt):
            return "overridden"

    quiet = Quiet("quiet", human_input_mode="ALWAYS", llm_config=False, silent=True)
    assert call(agent("peer").initiate_chat, quiet, message="hi", max_turns=1).summary == "overridden"
