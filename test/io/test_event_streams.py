"""Streams of AG2's events: `send`, queues between threads and tasks, and a program's own class."""

import asyncio
import threading

import pytest

from autogen import ConversableAgent
from autogen.events.agent_events import InputRequestEvent, TextEvent
from autogen.io import IOConsole, IOQueue, IOStream, send
from autogen.io.step_controller import AsyncStepController, StepController
from autogen.io.thread_io_stream import AsyncThreadIOStream, ThreadIOStream
from autogen.testing import ScriptedModel

EVENT = TextEvent(content="Hello", sender="alice", recipient="bob")


def test_concrete_streams_show_an_event(capsys):
    IOConsole().send(EVENT)
    assert "alice" in (printed := capsys.readouterr().out)
    assert "Hello" in printed
    with IOQueue() as stream, IOStream.set_default(stream):
        send(EVENT)
    assert any(message.get("text", "").startswith("Hello") for message in stream)


def test_each_question_of_a_thread_gets_its_own_answer():
    stream, answers = ThreadIOStream(), {}

    def ask(prompt):
        answers[prompt] = stream.input(prompt)

    threads = [threading.Thread(target=ask, args=(prompt,)) for prompt in ("a", "b")]
    for thread in threads:
        thread.start()
    for event in reversed([stream.input_stream.get(), stream.input_stream.get()]):
        assert isinstance(event, InputRequestEvent)
        event.content.respond(event.content.prompt.upper())
    for thread in threads:
        thread.join()
    assert answers == {"a": "A", "b": "B"}


def test_the_sender_waits_for_its_reader():
    controller = StepController()
    stream = ThreadIOStream(controller)
    thread = threading.Thread(target=lambda: [stream.send(number) for number in range(200)])
    thread.start()
    for number in range(200):
        assert stream.input_stream.get() == number
        assert stream.input_stream.empty()
        controller.step()
    thread.join()
    controller.terminate()
    assert not controller.should_block(EVENT)


def test_tasks_have_such_streams_too():
    async def main():
        stream = AsyncThreadIOStream()
        task = asyncio.ensure_future(stream.input("name?"))
        (await stream.input_stream.get()).content.respond("alice")
        assert await task == "alice"
        stream.print("a", 1)
        assert (await stream.input_stream.get()).content.objects == ["a", "1"]
        controller = AsyncStepController([TextEvent])
        assert not controller.should_block(7)
        controller.step()
        await controller.wait_for_step(EVENT)

    asyncio.run(main())


@pytest.mark.parametrize("fails", [False, True])
def test_a_stream_class_of_a_program_gets_events(fails, caplog):
    class Stream(IOStream):
        def __init__(self):
            self.events, self.lines = [], []

        def print(self, *objects, **kwargs):
            self.lines.append(objects)

        def input(self, prompt="", *, password=False):
            return "exit"

        def send(self, event):
            self.events.append(event.type)
            if fails:
                raise OSError("gone")

    stream = Stream()
    user = ConversableAgent("user", llm_config=False, human_input_mode="ALWAYS")
    agent = ConversableAgent("alice", llm_config=ScriptedModel("Hello", "Hello").llm_config, human_input_mode="NEVER")
    with IOStream.set_default(stream):
        result = user.initiate_chat(agent, message="Hi")
        assert len(result.chat_history) == 2
        assert stream.events == ["text", "text", "termination"]
        assert not stream.lines
        user.initiate_chat(agent, message="Hi", silent=True, max_turns=1)
    assert len(stream.events) == 3
    assert sum("The stream failed" in record.message for record in caplog.records) == int(fails)
