"""Chats that share agents: two at once of the same agents are refused with words, all others are separate."""

import asyncio
import gc
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from autogen import ChatInProgress, ConversableAgent, GroupChat, GroupChatManager
from autogen.agentchat._chats.active_chats import _active

MANY = 200


def make(name, reply=None):
    agent = ConversableAgent(name, llm_config=False, human_input_mode="NEVER", default_auto_reply="hm")
    if reply is not None:
        agent.register_reply([ConversableAgent, None], reply)
    return agent


def echo(recipient, messages, sender, config):
    return True, f"echo of {messages[-1]['content']}"


async def a_echo(recipient, messages, sender, config):
    await asyncio.sleep(0)
    return True, f"echo of {messages[-1]['content']}"


def read(result):
    return [message["content"] for message in result.chat_history]


OPTIONS = {"max_turns": 2, "silent": True}


def run_in_threads(start, count=MANY):
    """Start all chats at the same moment, each in a thread; return results and errors."""
    barrier = threading.Barrier(count)

    def run(index):
        barrier.wait()
        try:
            return start(index)
        except ChatInProgress as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def run_in_tasks(start, count=MANY):
    async def run_all():
        return await asyncio.gather(*map(start, range(count)), return_exceptions=True)

    return asyncio.run(run_all())


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    yield
    gc.collect()
    assert not _active


def check_unmixed(outcomes):
    refused = [outcome for outcome in outcomes if isinstance(outcome, ChatInProgress)]
    for index, outcome in enumerate(outcomes):
        if outcome not in refused:
            assert read(outcome)[:2] == [f"task {index}", f"echo of task {index}"]
            assert len(outcome.chat_history) == 4
    return len(refused)


def test_200_threads_with_the_same_agents_mix_nothing():
    entered, refused_all = threading.Event(), threading.Event()
    refusals = []

    def wait_and_echo(recipient, messages, sender, config):
        entered.set()
        assert refused_all.wait(60)
        return echo(recipient, messages, sender, config)

    user, assistant = make("user"), make("assistant", wait_and_echo)

    def start(index):
        try:
            return user.initiate_chat(assistant, message=f"task {index}", **OPTIONS)
        except ChatInProgress as error:
            refusals.append(error)
            if len(refusals) == MANY - 1:
                refused_all.set()
            raise

    assert check_unmixed(run_in_threads(start)) == MANY - 1
    assert entered.is_set()
    text = str(refusals[0])
    assert "'user' can't start a chat with 'assistant'" in text
    assert "clone()" in text
    assert str(pickle.loads(pickle.dumps(refusals[0]))) == text
    # The pair is free again.
    assert read(user.initiate_chat(assistant, message="task 0", **OPTIONS))[1] == "echo of task 0"


def test_200_tasks_with_the_same_agents_mix_nothing():
    user, assistant = make("user"), make("assistant", a_echo)
    outcomes = run_in_tasks(lambda index: user.a_initiate_chat(assistant, message=f"task {index}", **OPTIONS))
    assert check_unmixed(outcomes) == MANY - 1
    assert all(isinstance(outcome, ChatInProgress) for outcome in outcomes[1:])


@pytest.mark.parametrize("way", ["clones", "partners"])
def test_200_threads_with_clones_or_other_partners_are_all_answered(way):
    user, assistant = make("user"), make("assistant", echo)

    def start(index):
        sender = user.clone() if way == "clones" else make(f"user{index}")
        recipient = assistant.clone() if way == "clones" else assistant
        return sender.initiate_chat(recipient, message=f"task {index}", **OPTIONS)

    assert check_unmixed(run_in_threads(start)) == 0


@pytest.mark.parametrize("way", ["clones", "partners"])
def test_200_tasks_with_clones_or_other_partners_are_all_answered(way):
    user, assistant = make("user"), make("assistant", a_echo)

    def start(index):
        sender = user.clone() if way == "clones" else make(f"user{index}")
        recipient = assistant.clone() if way == "clones" else assistant
        return sender.a_initiate_chat(recipient, message=f"task {index}", **OPTIONS)

    assert check_unmixed(run_in_tasks(start)) == 0


def test_the_other_direction_is_the_same_pair():
    user, assistant = make("user"), make("assistant", a_echo)
    outcomes = run_in_tasks(
        lambda index: (user, assistant)[index].a_initiate_chat((assistant, user)[index], message=f"task {index}", **OPTIONS),
        2,
    )
    assert isinstance(outcomes[1], ChatInProgress)


def test_the_record_of_a_group_belongs_to_one_chat():
    members = [make(name, a_echo) for name in "ab"]
    manager = GroupChatManager(GroupChat(members, max_round=3, speaker_selection_method="round_robin"), llm_config=False)
    outcomes = run_in_tasks(
        lambda index: make(f"user{index}").a_initiate_chat(manager, message=f"task {index}", silent=True), 20
    )
    assert sum(isinstance(outcome, ChatInProgress) for outcome in outcomes) == 19
    assert [message["content"] for message in manager.groupchat.messages][:2] == ["task 0", "echo of task 0"]
    assert "a chat of 'user0' and 'chat_manager' runs already" in str(outcomes[1])


def test_a_chat_within_a_chat_may_be_between_the_same_agents(call):
    """As in 0.2: a reply function or a tool starts a chat with the agent that is being answered."""
    depth = []

    def nest(recipient, messages, sender, config):
        depth.append(len(depth))
        if len(depth) < 3:
            inner = recipient.initiate_chat(sender, message="inner", clear_history=False, **{**OPTIONS, "max_turns": 1})
            return True, f"inner chat: {inner.stop_reason}"
        return True, "deepest"

    user, assistant = make("user"), make("assistant", nest)
    result = call(user.initiate_chat, assistant, message="hi", max_turns=1, silent=True)
    assert result.chat_history[0]["content"] == "hi"
    assert depth


def test_an_async_queue_runs_chats_of_one_pair_after_each_other():
    user, assistant = make("user"), make("assistant", a_echo)
    queue = [{"chat_id": index, "recipient": assistant, "message": f"task {index}", **OPTIONS} for index in range(5)]
    with pytest.warns(UserWarning, match="same recipient"):
        results = asyncio.run(user.a_initiate_chats(queue))
    assert check_unmixed([results[index] for index in range(5)]) == 0


# A chat that ends in another way leaves the pair free


def fail(recipient, messages, sender, config):
    raise RuntimeError("broken")


def test_a_failed_chat_leaves_the_pair_free(call):
    user, assistant = make("user"), make("assistant", fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            call(user.initiate_chat, assistant, message="hi", **OPTIONS)


async def wait_for_ever(recipient, messages, sender, config):
    await asyncio.Event().wait()


def test_a_cancelled_chat_leaves_the_pair_free():
    user, assistant = make("user"), make("assistant", wait_for_ever)

    async def cancel_two():
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(user.a_initiate_chat(assistant, message="hi", **OPTIONS), 0.01)

    asyncio.run(cancel_two())


@pytest.mark.parametrize("way", ["loop closed", "coroutine dropped", "thread ended"])
def test_an_abandoned_chat_leaves_the_pair_free(way):
    user, assistant = make("user"), make("assistant", wait_for_ever)
    loop = asyncio.new_event_loop()
    kept = []

    def abandon():
        if way == "coroutine dropped":
            coroutine = user.a_initiate_chat(assistant, message="hi", **OPTIONS)

            async def begin():
                # Up to the point where it waits.
                coroutine.send(None)

            loop.run_until_complete(begin())
            coroutine.close()
        else:
            kept.append(loop.create_task(user.a_initiate_chat(assistant, message="hi", **OPTIONS)))
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(asyncio.sleep(0))

    if way == "thread ended":
        thread = threading.Thread(target=abandon)
        thread.start()
        thread.join()
    else:
        abandon()
    if way == "loop closed":
        with pytest.raises(ChatInProgress):
            make_chat(user, assistant)
        loop.close()
    assert make_chat(user, assistant) == ["hi", "hm"]
    for task in kept:
        if not loop.is_closed():
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
        task.get_coro().close()
        task._log_destroy_pending = False
    loop.close()


def make_chat(user, assistant):
    quiet = assistant._reply_func_list.pop(0)
    try:
        return read(user.initiate_chat(assistant, message="hi", max_turns=1, silent=True))
    finally:
        assistant._reply_func_list.insert(0, quiet)


def test_a_chat_whose_reader_left_leaves_the_pair_free():
    user, assistant = make("user"), make("assistant", echo)
    for _ in range(20):
        for _event in user.run_iter(assistant, message="hi", **OPTIONS):
            break
    assert read(user.initiate_chat(assistant, message="task 0", **OPTIONS))[1] == "echo of task 0"
