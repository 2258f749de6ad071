"""The kit for parts of others: this package's own parts pass it, and broken parts do not.

Its executors and caches are checked in `test_executor_contract.py` and `test_cache_contract.py`.
"""

import contextlib
import copy
import os
from types import SimpleNamespace

import pytest

from autogen import AssistantAgent, ConversableAgent, UserProxyAgent
from autogen._journal import SQLiteStore
from autogen.cache.in_memory_cache import InMemoryCache
from autogen.coding import CodeResult, MarkdownCodeExtractor
from autogen.testing.kit import check_agent, check_cache, check_executor, check_journal_store, check_model_client


def test_journal_stores(tmp_path):
    check_journal_store(lambda: SQLiteStore(tmp_path / "chat.db"))


@pytest.mark.parametrize("agent_class", [ConversableAgent, AssistantAgent, UserProxyAgent])
def test_agents(agent_class):
    options = {"human_input_mode": "NEVER", "code_execution_config": False}
    check_agent(lambda llm_config: agent_class("agent", llm_config=llm_config, **options))


class Client:
    def __init__(self, config):
        self.config = config

    def create(self, params):
        message = SimpleNamespace(role="assistant", content="Hi.", tool_calls=None)
        return SimpleNamespace(model="m", choices=[SimpleNamespace(index=0, finish_reason="stop", message=message)])

    def message_retrieval(self, response):
        return [choice.message.content for choice in response.choices]

    def cost(self, response):
        return 0

    @staticmethod
    def get_usage(response):
        return {}


def test_model_clients():
    check_model_client(Client)


# Broken parts


class BrokenExecutor:
    """Runs Python in this process, with a fault."""

    code_extractor = MarkdownCodeExtractor()

    def __init__(self, fault):
        self.fault = fault

    def execute_code_blocks(self, code_blocks):
        output, code = "", 0
        for block in code_blocks:
            if block.language == "cobol":
                return CodeResult(exit_code=1, output="" if self.fault == "language" else "unknown language cobol")
            with contextlib.redirect_stdout(__import__("io").StringIO()) as printed:
                try:
                    exec(block.code, {"input": lambda prompt: "me" if self.fault == "input" else 1 / 0})
                except ZeroDivisionError as error:
                    code = 0 if self.fault == "exit code" else 1
                    printed.write(type(error).__name__)
            output += printed.getvalue()
            if code and self.fault != "goes on":
                break
        return {"exit_code": code} if self.fault == "result" else CodeResult(exit_code=code, output=output)

    def restart(self):
        if self.fault == "restart":
            self.execute_code_blocks = lambda code_blocks: CodeResult(exit_code=1, output="")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("result", "must return a CodeResult"),
        ("exit code", "an error must be an exit code"),
        ("goes on", "no block may run after a failed block"),
        ("language", "an unknown language"),
        ("input", "nobody answers"),
        ("", "must not see the keys"),
        ("restart", "after restart"),
    ],
)
def test_a_broken_executor_fails(fault, message, monkeypatch):
    if fault == "restart":
        monkeypatch.setattr(
            os, "environ", type("Hidden", (dict,), {"__setitem__": lambda *_: None, "__delitem__": lambda *_: None})()
        )
    with pytest.raises(AssertionError, match=message):
        check_executor(lambda: BrokenExecutor(fault))


class BrokenCache(InMemoryCache):
    def __init__(self, seed, fault):
        super().__init__(seed)
        self.fault, self.own, self.is_closed = fault, {}, False

    def get(self, key, default=None):
        if self.fault == "default" and key == "missing":
            return None
        found = self.own.get(key[:10] if self.fault == "keys" else key, default)
        return found if self.fault == "shared" else copy.deepcopy(found)

    def set(self, key, value):
        if self.fault == "closed" and self.is_closed:
            return
        self.own[key[:10] if self.fault == "keys" else key] = (
            str(value) if self.fault == "text" else value if self.fault == "shared" else copy.deepcopy(value)
        )

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("default", "must return the default"),
        ("text", "a value must come back"),
        ("keys", "keys of any characters"),
        ("shared", "no later change"),
        ("seeds", "seeds must be apart"),
        ("closed", "after close"),
    ],
)
def test_a_broken_cache_fails(fault, message):
    caches = {}
    with pytest.raises(AssertionError, match=message):
        check_cache(lambda seed: caches.setdefault("" if fault == "seeds" else seed, BrokenCache(seed, fault)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"open": lambda self, chat: "id"}, "a journal in use"),
        ({"discard_step": lambda self, position: None}, "a step must be kept"),
        ({"delete_events": lambda self, first: None}, "events must be kept in order"),
        ({"has_steps_within": lambda self, position: False}, "within its scope"),
        ({"finish_step": lambda self, position, value: None}, "must be a TypeError"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_broken_journal_store_fails(tmp_path, changes, message):
    broken = type("Broken", (SQLiteStore,), changes)
    with pytest.raises(AssertionError, match=message):
        check_journal_store(lambda: broken(tmp_path / "chat.db"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"message_retrieval": lambda self, response: []}, "an answer for each choice"),
        ({"cost": lambda self, response: "free"}, "cost must be a number"),
        ({"get_usage": staticmethod(lambda response: {"cost": 1})}, "get_usage must have"),
        ({"__repr__": lambda self: str(self.config)}, "no key may be in a repr"),
        ({"create": lambda self, params: SimpleNamespace(model="m", choices=[])}, "must have choices"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_broken_model_client_fails(changes, message):
    with pytest.raises(AssertionError, match=message):
        check_model_client(type("Broken", (Client,), changes))


class Stubborn(ConversableAgent):
    """Doesn't call registered reply functions."""

    def generate_reply(self, messages=None, sender=None, **options):
        return "I am here."

    async def a_generate_reply(self, messages=None, sender=None, **options):
        return self.say()

    def say(self):
        return "I am here."


def test_a_broken_agent_fails():
    with pytest.raises(AssertionError, match="must be the first that is called"):
        check_agent(lambda llm_config: Stubborn("agent", llm_config=llm_config))
    other = type("Other", (Stubborn,), {"say": lambda self: "Async."})
    with pytest.raises(AssertionError, match="must be the same"):
        check_agent(lambda llm_config: other("agent", llm_config=llm_config))
