"""The stream between a chat and a server: messages come out, answers go in."""

import asyncio
import queue
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import AssistantAgent, UserProxyAgent
from autogen.io import InputStream, IOQueue, IOStream, OutputStream, StreamClosed
from autogen.testing import ScriptedModel


def texts(messages):
    return [message["text"] for message in messages if message["type"] == "print"]


def in_thread(function, *args, **kwargs):
    """Run it in a thread; what is returned waits for its result, or its error."""
    result = queue.Queue()

    def main():
        try:
            result.put((function(*args, **kwargs), None))
        except Exception as error:
            result.put((None, error))

    thread = threading.Thread(target=main, daemon=True)
    thread.start()

    def outcome():
        value, error = result.get(timeout=60)
        thread.join()
        if error:
            raise error
        return value

    return outcome


def test_prints_come_out_as_messages_and_the_end_is_the_last():
    with IOQueue() as stream:
        stream.print("a", 1, sep="-", end="!", flush=True)
        stream.print("b")
    assert list(stream) == [
        {"type": "print", "text": "a-1!"},
        {"type": "print", "text": "b\n"},
        {"type": "end", "reason": ""},
    ]
    with pytest.raises(StreamClosed):
        stream.get()


def test_it_is_a_stream():
    assert isinstance(IOQueue(), (IOStream, InputStream, OutputStream))


def test_colours_of_the_terminal_are_left_out():
    with IOQueue() as stream:
        stream.print("\x1b[32m", end="")
        stream.print("\x1b[1;31mred\x1b[0m", end="")
    assert texts(stream) == ["red"]


@given(st.lists(st.text(st.characters())))
def test_every_text_can_be_sent_as_utf_8(printed):
    with IOQueue() as stream:
        for text in printed:
            stream.print(text)
    found = texts(stream)
    assert [text.encode().decode() for text in found] == found
    assert len(found) == len(printed)


def test_an_error_is_the_reason_of_the_end():
    with pytest.raises(ZeroDivisionError), IOQueue() as stream:
        raise ZeroDivisionError("with something secret")
    assert stream.get() == {"type": "end", "reason": "The chat ended with ZeroDivisionError."}


@pytest.mark.parametrize("password", [False, True])
def test_a_question_is_answered_by_its_id(password):
    stream = IOQueue()
    asked = in_thread(stream.input, "Name? ", password=password)
    question = stream.get(60)
    assert question == {"type": "input", "id": question["id"], "prompt": "Name? ", "password": password}
    assert stream.questions == [question]
    stream.answer(question["id"], "Ada")
    assert asked() == "Ada"
    assert stream.questions == []


@given(st.permutations(range(4)))
def test_questions_may_be_answered_in_any_order(order):
    stream = IOQueue()
    asked = [in_thread(stream.input, str(number)) for number in range(4)]
    ids = {message["prompt"]: message["id"] for message in (stream.get(60) for _ in asked)}
    for number in order:
        stream.answer(ids[str(number)], f"to {number}")
    assert [outcome() for outcome in asked] == [f"to {number}" for number in range(4)]


def test_a_question_is_answered_once_and_no_other_can_be():
    stream = IOQueue()
    asked = in_thread(stream.input)
    question = stream.get(60)
    with pytest.raises(LookupError, match="no open question 'another'"):
        stream.answer("another", "x")
    with pytest.raises(TypeError, match="must be a string, got int"):
        stream.answer(question["id"], 1)
    stream.answer(question["id"], "x")
    assert asked() == "x"
    with pytest.raises(LookupError, match="no open question"):
        stream.answer(question["id"], "y")


def test_a_question_whose_time_is_up_is_withdrawn():
    stream = IOQueue()
    with pytest.raises(TimeoutError, match=r"no input within 0\.05 seconds"):
        stream.input_within(0.05, "Quick? ")
    question = stream.get()
    assert stream.get() == {"type": "withdrawn", "id": question["id"]}
    with pytest.raises(LookupError):
        stream.answer(question["id"], "late")


def test_closing_ends_questions_and_prints():
    stream = IOQueue()
    asked = in_thread(stream.input)
    stream.get(60)
    stream.close("The page was left.")
    stream.close("again")
    with pytest.raises(StreamClosed, match="The page was left"):
        asked()
    with pytest.raises(StreamClosed, match="The page was left"):
        stream.print("x")
    with pytest.raises(StreamClosed):
        stream.input()
    assert stream.is_closed
    assert list(stream) == [{"type": "end", "reason": "The page was left."}]


def test_closing_is_an_end_of_file_for_those_who_know_consoles():
    stream = IOQueue()
    stream.close()
    with pytest.raises(EOFError):
        stream.input()


def test_a_consumer_that_waits_gets_the_end_too():
    stream = IOQueue()
    consumer = in_thread(list, stream)
    stream.print("x")
    stream.close()
    assert [message["type"] for message in consumer()] == ["print", "end"]


def test_a_consumer_can_wait_for_a_time():
    with pytest.raises(TimeoutError):
        IOQueue().get(0.01)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 20))
def test_each_message_goes_to_one_consumer(producers, consumers, number):
    stream = IOQueue()
    got = [in_thread(list, stream) for _ in range(consumers)]
    sent = [in_thread(lambda i: [stream.print(i, n) for n in range(number)], i) for i in range(producers)]
    for outcome in sent:
        outcome()
    stream.close()
    found = sorted(text for outcome in got for text in texts(outcome()))
    assert found == sorted(f"{i} {n}\n" for i in range(producers) for n in range(number))


def test_messages_can_go_to_a_queue_of_ones_own():
    mine = queue.Queue()
    with IOQueue(mine.put) as stream:
        stream.print("x")
        asked = in_thread(stream.input, "y? ")
        mine.get(timeout=60)
        stream.answer(mine.get(timeout=60)["id"], "y")
        assert asked() == "y"
    assert mine.get() == {"type": "end", "reason": ""}
    with pytest.raises(RuntimeError, match="on_message"):
        stream.get()


def test_a_callback_may_answer_at_once():
    stream = IOQueue(lambda message: message["type"] == "input" and stream.answer(message["id"], "at once"))
    assert stream.input() == "at once"


def test_an_error_of_a_callback_is_the_chats_and_leaves_no_question():
    def fail(message):
        raise ZeroDivisionError

    stream = IOQueue(fail)
    with pytest.raises(ZeroDivisionError):
        stream.input()
    assert stream.questions == []


# Chats.


def people(*script, **options):
    """A user proxy that asks its human each time, and a writer whose model says this."""
    writer = AssistantAgent("writer", llm_config={**ScriptedModel(*script).llm_config, "stream": True})
    user = UserProxyAgent("user", code_execution_config=False, **{"human_input_mode": "ALWAYS", **options})
    return user, writer


def answering(stream, *answers):
    """What a server does in another thread: it shows messages, and answers questions."""
    left, seen = list(answers), []
    for message in stream:
        seen.append(message)
        if message["type"] == "input":
            stream.answer(message["id"], left.pop(0))
    return seen


def test_a_chat_is_held_through_it(call):
    user, writer = people("one two", "three")
    with IOQueue() as stream, IOStream.set_default(stream):
        page = in_thread(answering, stream, "more", "exit")
        result = call(user.initiate_chat, writer, message="Count.")
    seen = page()
    assert result.human_input == ["more", "exit"]
    assert "one two" in "".join(texts(seen))
    assert "one two" not in texts(seen)  # it came in pieces


def test_a_human_who_is_too_slow_is_answered_for_and_asked_no_more(call):
    user, writer = people("one", "two", human_input_timeout=0.05, human_input_default="exit")
    with IOQueue() as stream, IOStream.set_default(stream):
        result = call(user.initiate_chat, writer, message="Count.")
    assert result.human_input == ["exit"]
    types = [message["type"] for message in stream]
    assert types.index("withdrawn") == types.index("input") + 1


def test_closing_ends_a_chat_that_asks(call):
    user, writer = people("one")

    def close(message):
        if message["type"] == "input":
            stream.close("The page was left.")

    stream = IOQueue(close)
    with IOStream.set_default(stream), pytest.raises(StreamClosed, match="The page was left"):
        call(user.initiate_chat, writer, message="Count.")


def test_tasks_consume_and_answer_without_a_thread():
    async def main():
        stream = IOQueue()
        before = set(threading.enumerate())  # those of earlier tests may end meanwhile
        user, writer = people("one", "two", human_input_source=stream.a_input)

        async def chat():
            with stream, IOStream.set_default(stream):
                return await user.a_initiate_chat(writer, message="Count.")

        result, threads, answers = asyncio.create_task(chat()), set(), ["more", "exit"]
        async for message in stream:
            if message["type"] == "input":
                await asyncio.sleep(0)  # the chat waits
                threads |= set(threading.enumerate()) - before
                stream.answer(message["id"], answers.pop(0))
        assert not threads
        return (await result).human_input

    assert asyncio.run(main()) == ["more", "exit"]


@pytest.mark.parametrize("threadless", [False, True])
def test_a_cancelled_chat_withdraws_its_question(threadless):
    async def main():
        stream = IOQueue()
        user, writer = people("one", human_input_source=stream.a_input if threadless else None)

        async def chat():
            with stream, IOStream.set_default(stream):
                await user.a_initiate_chat(writer, message="Count.")

        chatting = asyncio.create_task(chat())
        while (await stream.a_get())["type"] != "input":
            pass
        chatting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await chatting
        return stream, [message["type"] async for message in stream]

    stream, rest = asyncio.run(main())
    assert stream.questions == []
    assert rest[-1] == "end"


def test_a_limit_also_withdraws_a_question_that_is_awaited():
    async def main():
        stream = IOQueue()
        user, writer = people("one", human_input_source=stream.a_input, human_input_timeout=0.05, human_input_default="exit")
        with stream, IOStream.set_default(stream):
            result = await user.a_initiate_chat(writer, message="Count.")
        return result.human_input, [message["type"] async for message in stream]

    typed, types = asyncio.run(main())
    assert typed == ["exit"]
    assert types.index("withdrawn") == types.index("input") + 1


def test_a_cancelled_consumer_takes_nothing():
    async def main():
        stream = IOQueue()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stream.a_get(), 0.01)
        waiting = asyncio.create_task(stream.a_get())
        await asyncio.sleep(0)
        stream.print("x")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return await stream.a_get()

    assert asyncio.run(main()) == {"type": "print", "text": "x\n"}
