"""A test kit for parts that others write: executors, model clients, caches, journal stores and agents.

Each function checks that a part does what this package relies on, and raises an `AssertionError` that says what it does not.
Call them in tests:

    def test_the_executor():
        check_executor(MyExecutor)
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from .._journal import FINISHED, STARTED, JournalError, JournalStore, Position
from ..agentchat.conversable_agent import ConversableAgent
from ..coding.base import CodeBlock, CodeExecutor, CodeResult
from ..oai.client import OpenAIWrapper
from ._scripted import ScriptedModel

__all__ = ["check_agent", "check_cache", "check_executor", "check_journal_store", "check_model_client"]

_SECRET = "planted-secret-of-the-kit"
# Long enough for a busy machine. Nothing waits that long unless it fails.
_PATIENCE = 60.0
_VALUES: tuple[Any, ...] = ({"text": "é 🙂", "list": [1, 2.5, None, True]}, "", 0, False, [], {}, "\ud800", "x" * 100_000)
_KEYS = ("k", "", "\0", "a:b/c*?[]\r\n", "é🙂", "k" * 10_000, "k" * 9_999 + "x")


def _expect(condition: object, text: str) -> None:
    """Raise an `AssertionError`, also where Python leaves out assertions."""
    if not condition:
        raise AssertionError(text)


@contextlib.contextmanager
def _leave_no_thread() -> Iterator[None]:
    """Check that a block leaves no thread that keeps the process alive."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in left:
        thread.join(_PATIENCE)
    _expect(not any(thread.is_alive() for thread in left), f"it leaves threads that go on: {left}")


# Executors


@contextlib.contextmanager
def _open_executor(make: Callable[[], Any]) -> Iterator[Any]:
    made = make()
    if isinstance(made, AbstractContextManager):
        with made as executor:
            yield executor
        return
    try:
        yield made
    finally:
        if callable(stop := getattr(made, "stop", None)):
            stop()


def check_executor(make: Callable[[], Any], *, make_impatient: Callable[[], Any] | None = None) -> None:
    """Check an executor that runs Python.

    Args:
        make: Makes an executor, or a context manager of one.
        make_impatient: Makes an executor with a time limit of a few seconds; None if it has no time limit.

    Raises:
        AssertionError: if it fails.
    """
    with _leave_no_thread(), _open_executor(make) as executor:
        _expect(isinstance(executor, CodeExecutor), "it needs code_extractor, execute_code_blocks and restart")
        _check_results(executor)
        _check_environment(executor)
        with warnings.catch_warnings():
            # An executor without a state says that there is nothing to do.
            warnings.simplefilter("ignore")
            executor.restart()
        _expect(_run(executor, "print('again')").output.strip() == "again", "it must work after restart()")
    if make_impatient is not None:
        with _open_executor(make_impatient) as executor:
            result = _run(executor, "print('before', flush=True)\nwhile True: pass")
            _expect(result.exit_code != 0, "a block that exceeds the time limit must fail")
            _expect("before" in result.output, "the output before the time limit must be kept")
            _expect(_run(executor, "print('after')").output.strip() == "after", "it must work after a time limit")


def _run(executor: Any, *codes: str, language: str = "python") -> CodeResult:
    return _execute(executor, [CodeBlock(language=language, code=code) for code in codes])


def _execute(executor: Any, blocks: list[CodeBlock]) -> CodeResult:
    result = executor.execute_code_blocks(blocks)
    _expect(isinstance(result, CodeResult), f"execute_code_blocks must return a CodeResult, got {type(result).__name__}")
    checked: CodeResult = result
    return checked


def _check_results(executor: Any) -> None:
    blocks = executor.code_extractor.extract_code_blocks("```python\nprint(6 * 7)\n```")
    _expect(len(blocks) == 1, "code_extractor must find a block of Markdown")
    result = _execute(executor, blocks)
    _expect((result.exit_code, result.output.strip()) == (0, "42"), f"printed text must be the output, got {result!r}")
    result = _run(executor, "print('one')", "print('two')")
    _expect(result.output.split() == ["one", "two"], f"blocks must run in order, got {result!r}")
    result = _run(executor, "print('before')\n1 / 0", "print('never')")
    _expect(result.exit_code != 0, "an error must be an exit code other than 0")
    _expect("ZeroDivisionError" in result.output, f"the output must have the error, got {result!r}")
    _expect("before" in result.output and "never" not in result.output, "no block may run after a failed block")
    result = _run(executor, "DISPLAY 'x'.", language="cobol")
    _expect(result.exit_code != 0 and "cobol" in result.output, "an unknown language must be a failed result that names it")
    _expect(_run(executor, "print('é 你好 🙂')").output.strip() == "é 你好 🙂", "text of all scripts must come back")
    _expect(_run(executor, "input('name? ')").exit_code != 0, "a question of the code must fail, for nobody answers it")


def _check_environment(executor: Any) -> None:
    import os

    name = "AUTOGEN_KIT_API_KEY"
    os.environ[name] = _SECRET
    try:
        output = _run(executor, "import os; print(sorted(os.environ.items()))").output
    finally:
        del os.environ[name]
    _expect(_SECRET not in output, "code must not see the keys in the environment")


# Model clients


def check_model_client(client_class: Callable[..., Any], config: Mapping[str, Any] | None = None) -> None:
    """Check a model client, in sync and async requests.

    Args:
        client_class: Its class, which is called with the entry of a config list.
        config: Further settings of the entry, such as `base_url`.

    Raises:
        AssertionError: if it fails.
    """
    entry = {"model": "kit", "api_key": _SECRET, **(config or {})}
    client = client_class(dict(entry))
    messages = [{"role": "user", "content": "Hello."}]
    response = client.create({"model": entry["model"], "messages": messages})
    _expect(isinstance(getattr(response, "model", None), str), "a response must have the name of the model")
    _expect(len(getattr(response, "choices", ())) > 0, "a response must have choices")
    answers = client.message_retrieval(response)
    _expect(len(answers) == len(response.choices), "message_retrieval must return an answer for each choice")
    cost = client.cost(response)
    _expect(isinstance(cost, (int, float)) and cost >= 0, f"cost must be a number of USD, got {cost!r}")
    usage = client.get_usage(response)
    keys = {"prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"}
    _expect(isinstance(usage, Mapping), f"get_usage must return a dict, got {usage!r}")
    _expect(not usage or keys <= usage.keys(), f"get_usage must have {sorted(keys)} or nothing, got {sorted(usage)}")
    with _leave_no_thread():
        wrapper = OpenAIWrapper(config_list=[{**entry, "model_client_cls": client_class}], cache_seed=None)
        first = wrapper.create(messages=messages)
        second = asyncio.run(wrapper.a_create(messages=messages))
    texts = [wrapper.extract_text_or_completion_object(answer) for answer in (first, second)]
    _expect(all(texts), "a response must have an answer in sync and async requests")
    _expect(_SECRET not in f"{client!r} {response!r} {usage!r}", "no key may be in a repr or in the usage")


# Caches


def check_cache(make: Callable[[str], Any]) -> None:
    """Check a cache of responses.

    Args:
        make: Makes a cache for a seed. Entries of another seed are apart.

    Raises:
        AssertionError: if it fails.
    """
    with make("kit-1") as cache:
        _expect(cache.get("missing") is None, "get must return None for a key without a value")
        _expect(cache.get("missing", "default") == "default", "get must return the default for a key without a value")
        for value in _VALUES:
            cache.set("k", value)
            found = cache.get("k", "missing")
            _expect(found == value and type(found) is type(value), f"a value must come back, got {found!r:.200}")
        for number, key in enumerate(_KEYS):
            cache.set(key, number)
        _expect([cache.get(key) for key in _KEYS] == list(range(len(_KEYS))), "keys of any characters must be apart")
        value = {"list": [1]}
        cache.set("k", value)
        value["list"].append(2)
        cache.get("k")["list"].append(3)
        _expect(cache.get("k") == {"list": [1]}, "no later change of a value may change the cache")
        cache.set("k", "before")
        with contextlib.suppress(TypeError):
            cache.set("k", object())
            _expect(type(cache.get("k")) is object, "a value without a JSON form must be a TypeError, or come back")
            cache.set("k", "before")
        _expect(cache.get("k") == "before", "a value that is refused must leave the one before it")
    _expect(make("kit-2").get("k") is None, "seeds must be apart")
    _expect(cache.get("k") == "before", "it must be usable after its with block")
    cache.close()
    cache.close()
    cache.set("k", "after")
    _expect(cache.get("k") == "after", "it must be usable after close()")
    _check_threads(cache)
    cache.close()


def _check_threads(cache: Any) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            # As requests use it. A cache may close what this thread has opened at the end.
            with cache as store:
                for step in range(20):
                    store.set(f"{number}-{step}", [number, step])
                    _expect(store.get(f"{number}-{step}") == [number, step], "threads must not disturb each other")
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise AssertionError(f"it must be usable by several threads: {errors[0]!r}") from errors[0]


# Journal stores


def check_journal_store(make: Callable[[], Any]) -> None:
    """Check a store of journals.

    Args:
        make: Makes a store of the same journal each time; the first one finds it empty.

    Raises:
        AssertionError: if it fails.
    """
    chat, step = {"name": "kit"}, Position("", "tool", "a", 0)
    inner, other = Position(str(step), "model", "b", 0), Position("", "tool", "a", 1)
    store = make()
    _expect(isinstance(store, JournalStore), "it needs the methods of JournalStore")
    with contextlib.closing(store):
        chat_id = store.open(chat)
        _expect(isinstance(chat_id, str) and chat_id, f"open must return the id of the chat, got {chat_id!r}")
        _expect(_is_refused(lambda: make().open(chat)), "a journal in use must be a JournalError for others")
        _expect(store.get_step(step) is None, "a step that was not started must be None")
        store.start_step(step)
        _expect(tuple(store.get_step(step)) == (STARTED, None), "a step must be started after start_step")
        _expect(not store.has_steps_within(step), "a step must not be within itself")
        store.start_step(inner)
        _expect(store.has_steps_within(step), "a step must be within its scope")
        try:
            store.finish_step(step, object())
        except TypeError:
            pass
        else:
            raise AssertionError("a value without a JSON form must be a TypeError")
        store.finish_step(step, {"é": [1, None]})
        store.start_step(other)
        store.discard_step(other)
        numbers = [store.add_event({"type": "kit", "at": 0.0, "chat": None, "n": number}) for number in range(3)]
        _expect(numbers == sorted(set(numbers)), f"numbers of events must rise, got {numbers}")
        store.delete_events(numbers[2])
    _check_stored(make, chat, chat_id, {step: (FINISHED, {"é": [1, None]}), inner: (STARTED, None), other: None}, numbers)


def _check_stored(
    make: Callable[[], Any], chat: Mapping[str, Any], chat_id: str, steps: Mapping[Position, Any], numbers: list[int]
) -> None:
    """Check that all is there when a journal is opened again."""
    _expect(_is_refused(lambda: make().open({"name": "another chat"})), "a journal of another chat must be a JournalError")
    with contextlib.closing(make()) as store:
        _expect(store.open(chat) == chat_id, "the id of a chat must be the same each time")
        for position, expected in steps.items():
            found = store.get_step(position)
            _expect((found if found is None else tuple(found)) == expected, f"a step must be kept, got {found!r}")
        events = [(number, event["n"]) for number, event in store.read_events()]
        _expect(events == list(zip(numbers[:2], (0, 1), strict=True)), f"events must be kept in order, got {events}")
        _expect(
            [number for number, _ in store.read_events(numbers[0])] == [numbers[1]], "read_events must begin after a number"
        )


def _is_refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except JournalError:
        return True
    return False


# Agents


def check_agent(make: Callable[[dict[str, Any]], ConversableAgent]) -> None:
    """Check an agent: sync and async, with reply functions of others, cancelled, and without threads that stay.

    Args:
        make: Makes an agent with an `llm_config`. It answers with what its model says.

    Raises:
        AssertionError: if it fails.
    """
    with _leave_no_thread():
        histories = [_chat(make, is_async=False), _chat(make, is_async=True)]
        _expect(histories[0] == histories[1], f"sync and async chats must be the same, got {histories}")
        _expect(histories[0] == ["Hello.", "I am here."], f"the reply must be that of the model, got {histories[0]}")
        _check_reply_functions(make)
        asyncio.run(_check_cancellation(make))


def _make_partner() -> ConversableAgent:
    return ConversableAgent("kit_partner", llm_config=False, human_input_mode="NEVER")


def _chat(make: Callable[[dict[str, Any]], ConversableAgent], *, is_async: bool) -> list[Any]:
    agent, partner = make(ScriptedModel("I am here.").llm_config), _make_partner()
    options: dict[str, Any] = {"message": "Hello.", "max_turns": 1, "silent": True}
    if is_async:
        result = asyncio.run(partner.a_initiate_chat(agent, **options))
    else:
        result = partner.initiate_chat(agent, **options)
    return [message["content"] for message in result.chat_history]


def _check_reply_functions(make: Callable[[dict[str, Any]], ConversableAgent]) -> None:
    agent = make(ScriptedModel().llm_config)
    agent.register_reply([ConversableAgent, None], lambda *_, **__: (True, "Registered."))
    messages = [{"role": "user", "content": "Hello."}]
    replies = [
        agent.generate_reply(messages=messages, sender=_make_partner()),
        asyncio.run(agent.a_generate_reply(messages=messages, sender=_make_partner())),
    ]
    _expect(replies == ["Registered."] * 2, f"a registered reply function must be the first that is called, got {replies}")


async def _check_cancellation(make: Callable[[dict[str, Any]], ConversableAgent]) -> None:
    agent, started = make(ScriptedModel().llm_config), asyncio.Event()

    async def wait(*_: Any, **__: Any) -> tuple[bool, None]:
        started.set()
        await asyncio.Event().wait()
        return True, None

    agent.register_reply([ConversableAgent, None], wait, ignore_async_in_sync_chat=True)
    partner = _make_partner()
    task = asyncio.ensure_future(partner.a_initiate_chat(agent, message="Hello.", max_turns=1, silent=True))
    await asyncio.wait_for(started.wait(), _PATIENCE)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=_PATIENCE)
    _expect(task in done and task.cancelled(), "a chat that is cancelled must end as cancelled")
    agent.replace_reply_func(wait, lambda *_, **__: (True, "Again."))
    reply = await agent.a_generate_reply(messages=[{"role": "user", "content": "Hello."}], sender=partner)
    _expect(reply == "Again.", f"an agent must be usable after a chat was cancelled, got {reply!r}")
