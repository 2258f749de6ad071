"""Endpoints that answer oddly: chats end with the right words, and again from a cache and a checkpoint."""

import itertools
import json
import logging

import pytest

from autogen import Cache, ConversableAgent, register_function
from autogen.testing import ODDITIES, Fault, Misbehaving, OpenAIServer, RawReply, Reply, tool_call

TEXT = Reply("It rains in Oslo.")
CALLS = Reply(
    tool_calls=[tool_call("weather", call_id="c1", city="Oslo"), tool_call("weather", call_id="c2", city="Bergen")]
)
CALLED = ["weather of Oslo", "weather of Bergen"]


def list_cases():
    for name, oddity in ODDITIES.items():
        for kind, change in (("whole", oddity.change_body), ("streamed", oddity.change_chunks)):
            if change is not None:
                yield pytest.param(name, kind == "streamed", id=f"{name}, {kind}")


CASES = list(list_cases())


class World:
    """Two endpoints, the first of which answers oddly, and a chat of two agents with a tool."""

    def __init__(self, odd: OpenAIServer, good: OpenAIServer) -> None:
        self.servers = odd, good
        self.oddity = ""
        policy = {"retries": 0, "set_aside_after": 10**9}
        entries = [{**server.config, "max_retries": 0} for server in self.servers]
        configs = [
            {"config_list": entries, "retry_policy": policy, "cache_seed": None, "stream": on} for on in (False, True)
        ]
        self.assistants = [self.make_assistant(config) for config in configs]

    def make_assistant(self, llm_config):
        assistant = ConversableAgent("assistant", llm_config=llm_config, human_input_mode="NEVER", silent=True)
        user = ConversableAgent("user", human_input_mode="NEVER", silent=True, default_auto_reply="")

        def weather(city: str) -> str:
            return f"weather of {city}"

        register_function(weather, caller=assistant, executor=user, description="The weather of a city.")
        return user, assistant

    def count_requests(self):
        return [len(server.requests) for server in self.servers]

    def answer_oddly(self, messages):
        if messages[-1]["role"] == "tool":
            return TEXT
        return Misbehaving(CALLS if ODDITIES[self.oddity].calls else TEXT, self.oddity)(messages)

    def answer_well(self, messages):
        return CALLS if ODDITIES[self.oddity].calls and messages[-1]["role"] != "tool" else TEXT

    def chat(self, message, stream, **options):
        """Run a chat. Returns its history, and the number of requests that each endpoint got."""
        user, assistant = self.assistants[stream]
        before = self.count_requests()
        turns = 2 if ODDITIES[self.oddity].calls else 1
        history = user.initiate_chat(assistant, message=message, max_turns=turns, **options).chat_history
        return history, [after - count for after, count in zip(self.count_requests(), before, strict=True)]


@pytest.fixture(scope="module")
def world():
    made = []
    with OpenAIServer(lambda messages: made[0].answer_oddly(messages)) as odd:
        with OpenAIServer(lambda messages: made[0].answer_well(messages)) as good:
            made.append(World(odd, good))
            yield made[0]


numbers = itertools.count()


def test_there_are_enough_cases():
    assert len(CASES) >= 120


@pytest.mark.slow
@pytest.mark.parametrize(("name", "stream"), CASES)
def test_an_odd_answer_is_read_or_the_next_endpoint_is_asked(world, name, stream, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL)
    world.oddity = name
    message = f"How is the weather? {next(numbers)}"
    with Cache.disk(7, str(tmp_path / "cache")) as cache:
        checkpoint = tmp_path / "chat.db"
        history, requests = world.chat(message, stream, cache=cache, checkpoint=checkpoint)
        assert history[-1]["content"] == TEXT.content
        if ODDITIES[name].calls:
            assert sorted(response["content"] for response in history[2]["tool_responses"]) == sorted(CALLED)
        odd = 2 if ODDITIES[name].calls else 1
        assert requests == ([odd, 0] if ODDITIES[name].is_readable else [odd, 1])
        again, from_cache = world.chat(message, stream, cache=cache)
    resumed, from_checkpoint = world.chat(message, stream, checkpoint=checkpoint)
    assert again == history
    assert resumed == history
    assert from_cache == from_checkpoint == [0, 0]


def test_thinking_is_kept_apart_from_the_words(world, caplog):
    caplog.set_level(logging.CRITICAL)
    names = [name for name in ODDITIES if name.startswith(("thinking", "reasoning"))]  # the encrypted kind has no text
    assert len(names) >= 8
    for name in names:
        world.oddity = name
        for stream in (False, True):
            history, _ = world.chat(name, stream)
            assert history[-1]["reasoning"].strip(), name
            assert "TERMINATE" not in history[-1]["content"]


def test_an_oddity_must_be_known():
    with pytest.raises(ValueError, match="Did you mean 'content in parts'"):
        Misbehaving("Paris.", "content in part")


def test_raw_replies_are_for_servers(scripted_model):
    with pytest.raises(TypeError, match="OpenAIServer"):
        scripted_model(RawReply({"x": 1}))([{"role": "user", "content": "hi"}])


# Without a code, the words say whose mistake it is.
FAILURES = {
    "code": {"message": "Failed to call a function.", "code": "tool_use_failed"},
    "words": {"message": "tool call validation failed: parameters for tool weather did not match schema"},
}
FAILED_CALLS = {
    "tagged": ('<function=weather={"city": "Oslo"}</function>', True),
    "tagged, with a bracket": ('<function=weather>{"city": "Oslo"}</function>', True),
    "two calls": ('<function=weather={"city": "Oslo"}</function>\n<function=weather={"city": "Bergen"}</function>', True),
    "JSON": ('{"name": "weather", "arguments": {"city": "Oslo"}}', True),
    "JSON with parameters": ('[{"name": "weather", "parameters": {"city": "Oslo"}}]', True),
    "another tool": ('<function=delete={"city": "Oslo"}</function>', False),
    "text around it": ('Let me see. <function=weather={"city": "Oslo"}</function>', False),
    "no call": ("It rains.", False),
    "no text": (None, False),
}


@pytest.mark.parametrize(("text", "is_readable"), FAILED_CALLS.values(), ids=FAILED_CALLS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_call_that_its_endpoint_could_not_read_is_read_or_made_again(
    world, text, is_readable, stream, failure, caplog, openai_server
):
    caplog.set_level(logging.CRITICAL)
    error = {**FAILURES[failure], "failed_generation": text}
    fault = Fault(status=400, body=json.dumps({"error": error}).encode())
    first = RawReply(events=[{"error": error}]) if stream else fault
    server = openai_server(first, *([TEXT] if is_readable else [CALLS, TEXT]))
    config = {**server.config, "max_retries": 1, "retry_policy": {"first_delay": 0}}
    user, assistant = world.make_assistant({"config_list": [config], "cache_seed": None, "stream": stream})
    history = user.initiate_chat(assistant, message="Weather?", max_turns=2).chat_history
    assert history[2]["tool_responses"][0]["content"] == "weather of Oslo"
    assert history[-1]["content"] == TEXT.content
    assert len(server.requests) == (2 if is_readable else 3)
