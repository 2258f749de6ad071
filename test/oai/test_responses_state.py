"""State at the vendor: stored responses, conversations, and responses in the background."""

import asyncio
import json
import sqlite3
import threading
from contextlib import closing

import openai
import pytest

from autogen import AssistantAgent, OpenAIWrapper, UserProxyAgent, events
from autogen.control import ChatControl
from autogen.testing import Fault, Reply, ResponsesServer, tool_call

HI = [{"role": "user", "content": "hi"}]


def make_team(server, **entry):
    config = {"config_list": [{**server.config, **entry}], "cache_seed": None}
    assistant = AssistantAgent("assistant", llm_config=config, system_message="Be brief.")
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)

    @user.register_for_execution()
    @assistant.register_for_llm(description="Weather.")
    def weather(city: str) -> str:
        return f"rain in {city}"

    return assistant, user


def list_inputs(server):
    return [[item.get("type") or item["content"] for item in request["input"]] for request in server.requests]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("state", ["stored", "conversation"])
def test_only_new_items_are_sent_to_a_vendor_that_keeps_the_others(call, state, stream):
    script = [Reply(tool_calls=[tool_call("weather", city="x")], thinking="hm"), Reply("Rain.", thinking="so"), "Bye."]
    with ResponsesServer(*script) as server:
        assistant, user = make_team(server, state=state, stream=stream)
        call(user.initiate_chat, assistant, message="Weather?", max_turns=2, silent=True)
        user.send("Thanks", assistant, request_reply=True, silent=True)
    assert list_inputs(server) == [["Weather?"], ["function_call_output"], ["Thanks"]]
    assert [request["store"] for request in server.requests] == [True] * 3
    key = "previous_response_id" if state == "stored" else "conversation"
    assert [key in request for request in server.requests] == [state == "conversation", True, True]
    # The instructions are not carried over by the vendor.
    assert {request["instructions"] for request in server.requests} == {"Be brief."}
    assert len(json.dumps(assistant.chat_messages[user])) > 0


@pytest.mark.parametrize("state", ["stored", "conversation"])
@pytest.mark.parametrize("change", ["an earlier message", "the answer", "an inserted message", "a turn taken back"])
def test_after_a_change_of_the_history_the_whole_input_is_sent(state, change):
    with ResponsesServer("One.", "Two.", "Three.") as server:
        assistant, user = make_team(server, state=state)
        user.initiate_chat(assistant, message="First", max_turns=1, silent=True)
        user.send("Second", assistant, request_reply=True, silent=True)
        history = assistant.chat_messages[user]
        if change == "an earlier message":
            history[0]["content"] = "First, changed"
        elif change == "the answer":
            history[-1]["content"] = "Two, changed"
        elif change == "an inserted message":
            history.insert(0, {"role": "user", "content": "Before", "name": "user"})
        else:
            del history[-2:]
        user.send("Third", assistant, request_reply=True, silent=True)
    last = server.requests[-1]
    if change == "a turn taken back" and state == "stored":
        # The response before is kept, and the vendor doesn't mind branches.
        assert list_inputs(server)[-1] == ["Third"]
        assert last["previous_response_id"] == "resp_1"
    elif change == "the answer" and state == "stored":
        # All that came after the last unchanged answer.
        assert [item["content"] for item in last["input"]] == ["Second", "Two, changed", "Third"]
    else:
        assert "First" in json.dumps(last["input"])
        assert "previous_response_id" not in last
        assert state == "stored" or last["conversation"] != server.requests[0]["conversation"]


@pytest.mark.parametrize("state", ["stored", "conversation"])
def test_a_vendor_that_has_forgotten_gets_the_whole_input(state):
    with ResponsesServer(Reply("One.", thinking="hm"), "Two.", "Three.") as server:
        assistant, user = make_team(server, state=state)
        user.initiate_chat(assistant, message="First", max_turns=1, silent=True)
        server.forget()
        user.send("Second", assistant, request_reply=True, silent=True)
        user.send("Third", assistant, request_reply=True, silent=True)
    # The encrypted reasoning is there, as the history is kept here, too.
    assert list_inputs(server)[1:] == [["First", "reasoning", "message", "Second"], ["Third"]]


def test_a_conversation_that_another_process_has_continued_is_left(call):
    """A history from elsewhere, such as a checkpoint, may be behind what the vendor has."""
    with ResponsesServer("One.", "Two.", "Three.") as server:
        entry = {**server.config, "state": "conversation"}

        def ask(history):
            # A new client knows nothing.
            wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
            message = call(wrapper.create, messages=history).choices[0].message
            return [*history, message.model_dump(exclude_unset=True)]

        history = ask(HI)
        longer = ask([*history, *HI])
        ask([*history, *HI])
    first, second, third = (request["conversation"] for request in server.requests)
    assert (first, first) == (second, longer[1]["native"]["conversation"])
    assert third != first
    assert len(server.requests[-1]["input"]) == 3


def test_a_conversation_of_the_user_is_continued_and_a_locked_one_waited_for():
    locked = Fault(400, "Another process is operating on it.", {"retry-after-ms": "1"}, code="conversation_locked")
    with ResponsesServer(locked, "One.", "Two.") as server:
        sdk = openai.OpenAI(base_url=server.base_url, api_key="k")
        own = sdk.conversations.create().id
        sdk.close()
        wrapper = OpenAIWrapper(config_list=[{**server.config, "conversation": own, "max_retries": 2}], cache_seed=None)
        message = wrapper.create(messages=HI).choices[0].message.model_dump(exclude_unset=True)
        wrapper.create(messages=[*HI, message, *HI])
    assert [request["conversation"] for request in server.requests] == [own] * 3
    assert [len(request["input"]) for request in server.requests] == [1, 1, 1]


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"state": "kept"}, "state must be"), ({"poll_interval": 0}, "poll_interval must be"), ({"prompt_cache": "1d"}, "1d")],
    ids=["state", "poll_interval", "prompt_cache"],
)
def test_a_wrong_setting_is_told(settings, text):
    with ResponsesServer("unused") as server:
        wrapper = OpenAIWrapper(config_list=[{**server.config, **settings}], cache_seed=None)
        with pytest.raises(ValueError, match=text):
            wrapper.create(messages=HI)
    assert not server.requests


JOB = {"background": True, "poll_interval": 0.01}


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_in_the_background_is_waited_for(call, stream):
    with ResponsesServer(Reply("Deep thought.", thinking="hm"), polls=2) as server:
        # The connection breaks off in the middle.
        server.cuts = [4, 1] if stream else []
        wrapper = OpenAIWrapper(config_list=[{**server.config, **JOB}], cache_seed=None)
        seen = []
        with events.subscribe(seen.append, types=[events.TokenReceived]):
            response = call(wrapper.create, messages=HI, stream=stream)
    assert response.choices[0].message.content == "Deep thought."
    assert response.usage.completion_tokens > 0
    [request] = server.requests
    assert (request["background"], request["store"]) == (True, True)
    assert server.resources == ["GET /v1/responses/resp_1"] * (2 if stream else 3)
    # No piece is shown twice.
    assert "".join(event.delta for event in seen if event.kind == "text") == ("Deep thought." if stream else "")


def test_a_job_that_takes_too_long_is_cancelled(call):
    with ResponsesServer("Late.", polls=10**6) as server:
        wrapper = OpenAIWrapper(config_list=[{**server.config, **JOB}], cache_seed=None)
        with pytest.raises(TimeoutError):
            call(wrapper.create, messages=HI, timeout=0.2)
    assert server.resources[-1] == "POST /v1/responses/resp_1/cancel"


@pytest.mark.parametrize("stop", ["control", "task"])
def test_a_chat_that_is_stopped_cancels_its_job(stop):
    polled, cancelled = threading.Event(), threading.Event()

    class Server(ResponsesServer):
        def answer_resource(self, method, path):
            polled.set()
            return super().answer_resource(method, path)

        def answer_beside_model(self, path, body):
            if path.endswith("/cancel"):
                cancelled.set()
            return super().answer_beside_model(path, body)

    with Server("Late.", polls=10**6) as server:
        assistant, user = make_team(server, **JOB)
        if stop == "control":
            control = ChatControl()
            threading.Thread(target=lambda: (polled.wait(10), control.stop()), daemon=True).start()
            result = user.initiate_chat(assistant, message="Go", max_turns=1, silent=True, control=control)
            assert result.stop_reason == "stopped"
        else:

            async def run():
                task = asyncio.create_task(user.a_initiate_chat(assistant, message="Go", max_turns=1, silent=True))
                await asyncio.to_thread(polled.wait, 10)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

            asyncio.run(run())
        assert cancelled.wait(10)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_chat_whose_process_died_asks_for_the_same_response(call, tmp_path, stream, is_lost):
    """The checkpoint is copied while the job is under way: a process that dies at this moment leaves just that."""
    path, copy = tmp_path / "chat.db", tmp_path / "copy.db"

    class Server(ResponsesServer):
        def answer_resource(self, method, path_of_request):
            if not copy.exists():
                with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
                    source.backup(target)
            return super().answer_resource(method, path_of_request)

    with Server("Deep thought.", "Another thought.") as server:
        server.cuts = [1] if stream else []
        results = []
        for checkpoint in (path, copy):
            assistant, user = make_team(server, **JOB, stream=stream)
            options = {"message": "Go", "max_turns": 1, "silent": True, "checkpoint": str(checkpoint)}
            results.append(call(user.initiate_chat, assistant, **options).summary)
            if is_lost:
                server.forget()
    assert results == ["Deep thought.", "Another thought." if is_lost else "Deep thought."]
    assert len(server.requests) == 1 + is_lost
