"""Chats with humans at websocket clients: sync and async, plain clients and those that speak JSON."""

import asyncio
import json
import queue
import socket
import threading
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import connect

from autogen import AssistantAgent, UserProxyAgent, register_function
from autogen.io import IOWebsockets, StreamClosed
from autogen.testing import ScriptedModel, tool_call


class Served:
    """A server that holds a chat with each client; `ends` gets the results of the chats, or their errors."""

    def __init__(self, hold):
        self.hold, self.ends = hold, queue.Queue()

    def on_connect(self, stream):
        try:
            self.ends.put(self.hold(stream))
        except BaseException as error:
            self.ends.put(error)
            raise

    def end(self):
        return self.ends.get(timeout=60)


@pytest.fixture
def serve():
    """Start a server; gives it, and a function that connects a client."""
    with ExitStack() as stack:

        def start(hold, **options):
            server = Served(hold)
            run = IOWebsockets.run_server_in_thread(on_connect=server.on_connect, port=0, stop_timeout=30, **options)
            uri = stack.enter_context(run)
            return server, lambda **options: stack.enter_context(connect(uri, close_timeout=1, **options))

        yield start


def people(*script, **options):
    """A user proxy that asks its human each time, and a writer whose model says this."""
    model = ScriptedModel(*script)
    writer = AssistantAgent("writer", llm_config={**model.llm_config, "stream": True})
    user = UserProxyAgent("user", code_execution_config=False, **{"human_input_mode": "ALWAYS", **options})
    return user, writer


def messages_until(client, type):
    """The messages of a JSON client, up to the first one of a type."""
    found = []
    while not found or found[-1]["type"] != type:
        found.append(json.loads(client.recv(timeout=60)))
    return found


def answer(client, question, text):
    client.send(json.dumps({"type": "answer", "id": question["id"], "text": text}))


def text_until(client, end):
    """What a plain client gets, up to a message that ends so."""
    text = ""
    while not text.endswith(end):
        text += client.recv(timeout=60)
    return text


def everything(client):
    """What a plain client gets until the connection is closed."""
    text = ""
    try:
        while True:
            text += client.recv(timeout=60)
    except ConnectionClosed:
        return text


PROMPT = "Press enter to skip and use auto-reply, or type 'exit' to end the chat: "


def test_a_plain_client_has_a_chat(serve, call):
    def hold(stream):
        user, writer = people("Two wheels, one smile.", "One smile.")
        return call(user.initiate_chat, writer, message=stream.input())

    server, join = serve(hold)
    client = join()
    client.send("A slogan, please.")
    shown = text_until(client, PROMPT)
    assert "user (to writer):" in shown
    assert "A slogan, please." in shown
    assert "Two wheels, one smile." in shown
    client.send("Shorter!")
    assert "One smile." in text_until(client, PROMPT)
    client.send("exit")
    everything(client)
    result = server.end()
    assert result.human_input == ["Shorter!", "exit"]
    assert [message["content"] for message in result.chat_history][2:] == ["Shorter!", "One smile."]


def test_a_json_client_can_tell_questions_from_texts(serve, call):
    def hold(stream):
        user, writer = people("Two wheels, one smile.")
        return call(user.initiate_chat, writer, message=stream.input("What for? "))

    server, join = serve(hold)
    client = join(subprotocols=["autogen.json"])
    assert client.subprotocol == "autogen.json"
    [question] = messages_until(client, "input")
    assert question == {"type": "input", "id": question["id"], "prompt": "What for? ", "password": False}
    answer(client, question, "A bicycle shop.")
    *printed, question = messages_until(client, "input")
    assert {message["type"] for message in printed} == {"print"}
    assert "Two wheels, one smile." in "".join(message["text"] for message in printed)
    assert "\x1b" not in json.dumps(printed)
    answer(client, question, "exit")
    assert messages_until(client, "end")[-1] == {"type": "end", "reason": ""}
    with pytest.raises(ConnectionClosedOK):
        client.recv()
    assert server.end().human_input == ["exit"]


def test_the_pieces_of_a_streamed_answer_come_one_by_one(serve, call):
    def hold(stream):
        user, writer = people("one two three", human_input_mode="NEVER", max_consecutive_auto_reply=0)
        return call(user.initiate_chat, writer, message="Count.")

    server, join = serve(hold)
    texts = [message["text"] for message in messages_until(join(subprotocols=["autogen.json"]), "end")[:-1]]
    assert server.end().summary == "one two three"
    assert "one two three" in "".join(texts)
    assert "one two three" not in texts


def test_clients_that_are_served_at_once_do_not_hear_each_other(serve, call):
    together = threading.Barrier(4)

    def hold(stream):
        name = stream.input()
        user, writer = people(f"Hello, {name}.")
        together.wait(60)
        return call(user.initiate_chat, writer, message=f"I am {name}.")

    server, join = serve(hold)
    names = ["Ada", "Bob", "Cleo", "Dan"]
    clients = [join() for _ in names]
    for client, name in zip(clients, names, strict=True):
        client.send(name)
    for client, name in zip(clients, names, strict=True):
        shown = text_until(client, PROMPT)
        assert [other for other in names if other in shown] == [name]
        client.send("exit")
    assert {server.end().chat_history[0]["content"] for _ in names} == {f"I am {name}." for name in names}


@pytest.mark.parametrize("stage", ["before the first message", "at the question", "while a tool runs"])
def test_a_client_that_leaves_ends_its_chat_with_a_clear_error(serve, call, stage):
    began, left, running = threading.Event(), threading.Event(), threading.Event()

    def slow() -> str:
        running.set()
        assert left.wait(60)
        return "done"

    def hold(stream):
        began.set()
        first = stream.input()
        user, writer = people(tool_call("slow"), "Done.", human_input_mode="TERMINATE")
        register_function(slow, caller=writer, executor=user, description="Takes long.")
        return call(user.initiate_chat, writer, message=first)

    def hold_and_ask(stream):
        user, writer = people("Hello.")
        return call(user.initiate_chat, writer, message=stream.input())

    server, join = serve(hold_and_ask if stage == "at the question" else hold)
    client = join()
    if stage == "before the first message":
        assert began.wait(60)
    else:
        client.send("Go on.")
        text_until(client, PROMPT) if stage == "at the question" else running.wait(60)
    client.socket.shutdown(socket.SHUT_RDWR)
    everything(client)
    left.set()
    error = server.end()
    assert isinstance(error, StreamClosed)
    assert "The websocket client has disconnected" in str(error)


@pytest.mark.parametrize("typed", [False, True], ids=["plain", "typed"])
def test_a_human_who_is_too_slow_is_answered_for(serve, call, typed):
    def hold(stream):
        user, writer = people("First.", "Second.", human_input_timeout=0.05, human_input_default="Go on.")
        result = call(user.initiate_chat, writer, message="Begin.", max_turns=2)
        return result, stream.input("Still there? ")

    server, join = serve(hold)
    client = join(subprotocols=["autogen.json"] if typed else None)
    if typed:
        *_, question = messages_until(client, "input")
        withdrawn = messages_until(client, "withdrawn")[-1]
        assert withdrawn["id"] == question["id"]
        answer(client, question, "too late")
        while (question := messages_until(client, "input")[-1])["prompt"] != "Still there? ":
            pass
        answer(client, question, "Yes.")
    else:
        text_until(client, "Still there? ")
        client.send("Yes.")
    result, last = server.end()
    assert result.human_input == ["Go on."]
    assert last == "Yes."


def test_what_a_plain_client_sent_too_late_does_not_answer_the_next_question(serve):
    late = threading.Event()

    def hold(stream):
        with pytest.raises(TimeoutError, match=r"no input within 0\.05 seconds"):
            stream.input_within(0.05, "First? ")
        stream.print("Time is up.")
        assert late.wait(60)
        stream.websocket.ping().wait(60)  # whatever was sent before has arrived
        return stream.input("Second? ")

    server, join = serve(hold)
    client = join()
    text_until(client, "Time is up.\n")
    client.send("to the first")
    late.set()
    text_until(client, "Second? ")
    client.send("to the second")
    assert server.end() == "to the second"


def test_a_password_is_named_as_one_to_a_json_client(serve):
    server, join = serve(lambda stream: stream.input("Key: ", password=True))
    client = join(subprotocols=["other", "autogen.json"])
    [question] = messages_until(client, "input")
    assert question["password"] is True
    answer(client, question, "sesame")
    assert server.end() == "sesame"


def test_an_error_in_the_chat_is_told_without_its_text(serve):
    def hold(stream):
        raise ZeroDivisionError("with something secret")

    server, join = serve(hold)
    assert messages_until(join(subprotocols=["autogen.json"]), "end") == [
        {"type": "end", "reason": "The chat ended with ZeroDivisionError."}
    ]
    assert isinstance(server.end(), ZeroDivisionError)


JUNK = st.one_of(
    st.text(max_size=20),
    st.binary(max_size=20),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ).map(json.dumps),
    st.just("[" * 200_000),
    st.just('{"type": "answer", "id": 1, "text": "x"}'),
)


@pytest.fixture(scope="module")
def asking():
    """A server that asks one question."""
    server = Served(lambda stream: stream.input("? "))
    with IOWebsockets.run_server_in_thread(on_connect=server.on_connect, port=0) as uri:
        yield server, uri


@given(JUNK)
def test_a_json_client_that_sends_something_else_is_hung_up_on(asking, junk):
    server, uri = asking
    with connect(uri, subprotocols=["autogen.json"]) as client:
        messages_until(client, "input")
        client.send(junk)
        everything(client)
        assert client.close_code in (1003, 1007)
    error = server.end()
    assert isinstance(error, StreamClosed)
    assert "was disconnected" in str(error)


def test_two_agents_that_ask_at_once_are_answered_one_after_the_other(serve):
    def hold(stream):
        async def both():
            return await asyncio.gather(*(asyncio.to_thread(stream.input, f"{name}? ") for name in "AB"))

        return asyncio.run(both())

    server, join = serve(hold)
    client = join()
    for _ in range(2):
        client.send("I am " + text_until(client, "? ")[0])
    assert server.end() == ["I am A", "I am B"]


def test_a_cancelled_chat_leaves_its_question(serve):
    asked = threading.Event()

    def hold(stream):
        async def cancelled():
            user, writer = people("Hello.")
            chat = asyncio.create_task(user.a_initiate_chat(writer, message="Hi."))
            await asyncio.to_thread(asked.wait, 60)
            chat.cancel()
            await asyncio.gather(chat, return_exceptions=True)

        asyncio.run(cancelled())
        return stream.input("Another? ")

    server, join = serve(hold)
    client = join(subprotocols=["autogen.json"])
    *_, question = messages_until(client, "input")
    asked.set()
    assert messages_until(client, "withdrawn")[-1]["id"] == question["id"]
    [question] = messages_until(client, "input")
    answer(client, question, "No.")
    assert server.end() == "No."
