"""Tools that watch programs wrap methods by the path of their module: they are found there, and they are what is called."""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections import Counter

import pytest
from openinference.instrumentation.ag2 import AG2Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autogen import ConversableAgent, GroupChat, GroupChatManager, register_function
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import ScriptedModel, tool_call

AGENT = "autogen.agentchat.conversable_agent:ConversableAgent"
GROUP = "autogen.agentchat.groupchat:GroupChat"
CHATS = ["initiate_chat", "receive", "generate_reply", "execute_function", "_generate_oai_reply_from_client", "run_code"]
WRAPPED = {
    AGENT: [*CHATS, "__init__", "run", "a_initiate_chat", "a_receive", "a_generate_reply", "a_execute_function"],
    GROUP: ["select_speaker", "a_select_speaker"],
    f"{GROUP}Manager": ["run_chat", "a_run_chat"],
}
CODE = "```python\nprint(6 * 7)\n```"


@pytest.fixture
def called(monkeypatch) -> Counter[str]:
    """How often each method was called through a wrapper, as a tool sets one around it."""
    calls = Counter[str]()

    def wrap(place: str, name: str) -> None:
        module, _, owner = place.partition(":")
        owner = getattr(importlib.import_module(module), owner)
        method = getattr(owner, name)

        @functools.wraps(method)
        def wrapper(*args, **kwargs):
            calls[name] += 1
            return method(*args, **kwargs)

        @functools.wraps(method)
        async def a_wrapper(*args, **kwargs):
            calls[name] += 1
            return await method(*args, **kwargs)

        monkeypatch.setattr(owner, name, a_wrapper if asyncio.iscoroutinefunction(method) else wrapper)

    for place, names in WRAPPED.items():
        for name in names:
            wrap(place, name)
    return calls


def hold_a_group_chat(agent, call, folder):
    """Speakers chosen by a model, a tool, and code."""

    def work() -> str:
        return "done"

    caller = agent("caller", llm_config=ScriptedModel(tool_call("work"), CODE).llm_config, description="Calls.")
    executor = agent(
        "executor", code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=folder)}, description="Runs."
    )
    register_function(work, caller=caller, executor=executor, description="Work.")
    chooser = ScriptedModel("caller", "executor")
    group = GroupChat([caller, executor], max_round=5)
    manager = GroupChatManager(group, llm_config=chooser.llm_config, silent=True)
    return call(agent("user").initiate_chat, manager, message="begin")


def test_what_is_wrapped_is_called(called, agent, call, mode, tmp_path):
    result = hold_a_group_chat(agent, call, tmp_path)
    assert "42" in result.chat_history[-1]["content"]
    prefix = "" if mode == "sync" else "a_"
    for name in ("initiate_chat", "receive", "generate_reply", "execute_function", "run_chat", "select_speaker"):
        assert called[prefix + name], name
    assert called["_generate_oai_reply_from_client"] == 4
    assert called["__init__"] >= 4


def test_code_of_the_old_setting_and_a_single_agent(called, agent, tmp_path):
    user = agent("user", code_execution_config={"use_docker": False, "work_dir": str(tmp_path)})
    user.run_code("print(1)", lang="python")
    agent("a", llm_config=ScriptedModel("fine").llm_config).run("hi", silent=True)
    assert called["run_code"] == called["run"] == 1


def test_an_instrumentor_of_the_package_index_traces_a_group_chat(agent, call, mode, tmp_path, monkeypatch):
    """The real one of OpenInference. It asks for the name of another distribution, hence `skip_dep_check`."""
    for name in ("execute_function", "a_execute_function"):  # are inherited, and it leaves them in the class
        monkeypatch.setattr(ConversableAgent, name, getattr(ConversableAgent, name))
    exporter, provider, instrumentor = InMemorySpanExporter(), TracerProvider(), AG2Instrumentor()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    try:
        hold_a_group_chat(agent, call, tmp_path)
    finally:
        instrumentor.uninstrument()
    spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    tree = {(span.name, span.parent and spans[span.parent.span_id].name) for span in spans.values()}
    chat, reply = ("initiate_chat", "generate_reply") if mode == "sync" else ("a_initiate_chat", "a_generate_reply")
    assert {
        (f"user.{chat}", None),
        (f"caller.{reply}", f"user.{chat}"),
        (f"executor.{reply}", f"user.{chat}"),
        ("work", f"executor.{reply}"),
    } <= tree
    assert all(span.status.is_ok for span in spans.values())
