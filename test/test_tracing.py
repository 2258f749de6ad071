"""Chats as OpenTelemetry spans, made by the real SDK."""

import asyncio
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import autogen.events
import autogen.tracing
from autogen import Cache, GroupChat, GroupChatManager, OpenAIWrapper, register_function
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.oai import Provider, register_provider
from autogen.oai.providers import PROVIDERS, Connection
from autogen.testing import Fault, OpenAIServer, ScriptedModel, tool_call

otel = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra 'otel' is not installed")

from opentelemetry import trace as api  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

KEY = "sk-0123456789abcdefghijklmnop"


class Spans:
    """What was exported."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self.provider = otel.TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def all(self):
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name):
        return [span for span in self.all if span.name == name]

    def one(self, name):
        [span] = self.named(name)
        return span

    def parent(self, span):
        return next((one.name for one in self.all if span.parent and one.context.span_id == span.parent.span_id), None)

    def tree(self):
        return [(span.name, self.parent(span)) for span in self.all]


@pytest.fixture
def spans():
    made = Spans()
    before = api.get_current_span()
    yield made
    assert api.get_current_span() is before  # nothing is left behind


@pytest.fixture
def traced(spans):
    with autogen.tracing.trace(spans.provider):
        yield spans


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def test_a_chat_with_a_tool(call, agent, traced):
    model = ScriptedModel(tool_call("multiply", a=6, b=7), "It is 42.")
    call(agent("me", llm_config=model.llm_config).run, "6 times 7?", tools=[multiply])
    assert traced.tree() == [
        ("invoke_agent me", None),
        ("chat scripted", "invoke_agent me"),
        ("execute_tool multiply", "invoke_agent me"),
        ("chat scripted", "invoke_agent me"),
    ]
    chat, asked, tool, _ = traced.all
    assert chat.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert chat.attributes["gen_ai.agent.name"] == "me"
    assert chat.attributes["autogen.chat.stop_reason"] == "termination_message"
    assert asked.kind is api.SpanKind.CLIENT
    assert asked.attributes["gen_ai.operation.name"] == "chat"
    assert asked.attributes["gen_ai.request.model"] == "scripted"
    assert asked.attributes["gen_ai.usage.input_tokens"] > 0
    assert asked.attributes["gen_ai.usage.output_tokens"] == 1
    assert asked.attributes["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert (tool.attributes["gen_ai.operation.name"], tool.attributes["gen_ai.tool.name"]) == ("execute_tool", "multiply")
    assert tool.attributes["gen_ai.agent.name"] == "user"
    assert {span.attributes["gen_ai.conversation.id"] for span in traced.all} == {chat.attributes["gen_ai.conversation.id"]}
    assert all(span.status.is_unset for span in traced.all)


def test_the_names_are_those_of_the_conventions():
    names = pytest.importorskip("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
    known = {value for name, value in vars(names).items() if name.startswith("GEN_AI_")}
    used = {value for value in vars(autogen.tracing).values() if isinstance(value, str) and value.startswith("gen_ai.")}
    assert used | set(autogen.tracing._PARAMETERS.values()) <= known
    providers = {provider.value for provider in names.GenAiProviderNameValues}
    assert {name for row in PROVIDERS.values() for name in row.otel_names.values()} <= providers


def test_parameters_and_the_server_of_a_request(call, agent, traced):
    with OpenAIServer("hello") as server:
        config = {"config_list": [server.config], "temperature": 0.5, "max_tokens": 9, "cache_seed": None}
        call(agent("a", llm_config=config).generate_reply, [{"role": "user", "content": "hi"}])
    [span] = traced.all
    assert (span.attributes["gen_ai.request.temperature"], span.attributes["gen_ai.request.max_tokens"]) == (0.5, 9)
    assert span.attributes["server.address"] in ("127.0.0.1", "localhost")
    assert span.attributes["server.port"] > 0
    assert span.attributes["gen_ai.response.id"]


def test_a_registered_provider_is_named_in_the_span(call, agent, traced, provider_registry):
    connection = Connection(base_url="https://api.acme.example/v1")
    register_provider(Provider(api_type="acme", title="Acme", connection=connection, otel_names={"127.0.0.1": "acme_ai"}))
    with OpenAIServer("hello") as server:
        entry = {**server.config, "api_type": "acme", "base_url": server.base_url.replace("localhost", "127.0.0.1")}
        call(agent("a", llm_config={"config_list": [entry]}).generate_reply, [{"role": "user", "content": "hi"}])
    assert traced.one("chat scripted").attributes["gen_ai.provider.name"] == "acme_ai"


def test_nothing_that_was_said_is_in_a_span_unless_asked_for(call, agent, spans):
    for content in (False, True):
        model = ScriptedModel(tool_call("multiply", a=611_173_902_846, b=1), f"the answer, and {KEY}")
        with autogen.tracing.trace(spans.provider, content=content):
            call(agent("me", llm_config=model.llm_config).run, f"the question, api_key={KEY}", tools=[multiply])
        text = "\n".join(span.to_json() for span in spans.all)
        for said in ("the question", "the answer", "611173902846"):
            assert (said in text) is content
        assert KEY not in text
    asked = spans.named("chat scripted")[-1]
    told = json.loads(asked.attributes["gen_ai.input.messages"])[-1]
    [part] = told["parts"]
    assert (told["role"], part["type"], part["response"]) == ("tool", "tool_call_response", "611173902846")
    [answer] = json.loads(asked.attributes["gen_ai.output.messages"])
    assert (answer["role"], answer["finish_reason"]) == ("assistant", "stop")
    chat = spans.named("invoke_agent me")[-1]
    assert [one.attributes["autogen.sender"] for one in chat.events] == ["user", "me", "user", "me"]
    assert "the question" in json.loads(chat.attributes["gen_ai.input.messages"])[0]["parts"][0]["content"]
    assert "the answer" in json.loads(chat.attributes["gen_ai.output.messages"])[0]["parts"][0]["content"]
    assert spans.named("execute_tool multiply")[-1].attributes["gen_ai.tool.call.result"] == "611173902846"


def test_an_error_is_recorded_on_all_that_it_ended(call, agent, traced):
    b = agent("b", llm_config=ScriptedModel(LookupError(f"no {KEY}")).llm_config)
    with pytest.raises(LookupError):
        call(agent("a").initiate_chat, b, message="hi")
    for span in traced.all:
        assert span.status.status_code is api.StatusCode.ERROR
        assert span.attributes["error.type"] == "LookupError"
        assert KEY not in span.to_json()
    assert len(traced.all) == 2


def test_requests_that_fail_are_spans_of_their_own(call, agent, traced):
    with OpenAIServer(Fault(status=500)) as bad, OpenAIServer("fine") as good:
        config = {"config_list": [bad.config | {"max_retries": 0}, good.config], "cache_seed": None}
        call(agent("a", llm_config=config).generate_reply, [{"role": "user", "content": "hi"}])
    failed, worked = traced.all
    assert failed.attributes["error.type"] == "InternalServerError"
    assert failed.attributes["autogen.then"] == "trying the next endpoint"
    assert worked.status.is_unset
    assert (failed.parent, worked.parent) == (None, None)


def test_tools_and_code_that_fail(call, agent, traced, tmp_path):
    model = ScriptedModel(tool_call("divide", a=1), "done")
    call(agent("me", llm_config=model.llm_config).run, "go", tools=[divide])
    code = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    user = agent("user", code_execution_config=code)
    call(user.generate_reply, [{"role": "user", "content": "```python\nraise SystemExit(3)\n```"}])
    tool, code = traced.one("execute_tool divide"), traced.one("execute_tool code")
    assert (tool.attributes["error.type"], tool.status.description) == ("tool_error", "tool_error: it failed")
    assert (code.attributes["error.type"], code.attributes["process.exit.code"]) == ("exit_code", 3)


def divide(a: int) -> float:
    """Divide by zero."""
    return a / 0


def test_an_answer_from_the_cache_is_told_as_such(call, agent, traced, tmp_path):
    with OpenAIServer("hello") as server, Cache.disk(cache_path_root=str(tmp_path)) as cache:
        for _ in range(2):
            speaker = agent("b", llm_config={"config_list": [server.config | {"model": "m"}]})
            call(agent("a").initiate_chat, speaker, message="hi", max_turns=1, cache=cache)
    assert [span.attributes["autogen.cached"] for span in traced.named("chat m")] == [False, True]


def test_chats_inside_chats_hang_under_what_began_them(call, agent, traced):
    outer, inner = agent("outer"), agent("inner", llm_config=ScriptedModel("deep").llm_config)
    outer.register_nested_chats([{"recipient": inner, "max_turns": 1, "silent": True}], trigger=lambda sender: True)
    call(agent("asker").initiate_chat, outer, message="hi", max_turns=1)
    assert traced.tree() == [
        ("invoke_agent outer", None),
        ("invoke_agent inner", "invoke_agent outer"),
        ("chat scripted", "invoke_agent inner"),
    ]


def test_each_turn_of_a_group_is_an_invocation(call, agent, traced):
    a, b = (agent(name, llm_config=ScriptedModel(lambda messages: "hm").llm_config) for name in "ab")
    group = GroupChat([a, b], max_round=4, speaker_selection_method="round_robin")
    call(a.initiate_chat, GroupChatManager(group, silent=True), message="hi")
    top = "invoke_agent chat_manager"
    assert traced.tree() == [
        (top, None),
        *[("invoke_agent b", top), ("chat scripted", "invoke_agent b")],
        *[("invoke_agent a", top), ("chat scripted", "invoke_agent a")],
        *[("invoke_agent b", top), ("chat scripted", "invoke_agent b")],
    ]


@pytest.mark.parametrize("at_once", [False, True])
def test_calls_that_run_side_by_side_have_their_own_chats_and_spans(call, agent, traced, at_once):
    def research(topic: str) -> str:
        """Ask another pair of agents."""
        with api.get_tracer("mine", tracer_provider=traced.provider).start_as_current_span(f"mine {topic}"):
            expert = agent(topic, llm_config=ScriptedModel(f"about {topic}").llm_config)
            return agent("asker").initiate_chat(expert, message="?", max_turns=1).summary

    model = ScriptedModel([tool_call("research", topic=f"t{number}") for number in range(4)], "done")
    caller = agent("caller", llm_config=model.llm_config)
    user = agent("user", concurrent_tool_calls=at_once, is_termination_msg=lambda m: m["content"] == "done")
    register_function(research, caller=caller, executor=user, description="Research.")
    call(user.initiate_chat, caller, message="go")
    tools = traced.named("execute_tool research")
    assert len(tools) == 4
    assert {traced.parent(span) for span in tools} == {"invoke_agent caller"}
    mine = [traced.one(f"mine t{number}") for number in range(4)]
    assert {span.parent.span_id for span in mine} == {span.context.span_id for span in tools}
    for number in range(4):
        expert = traced.one(f"invoke_agent t{number}")
        assert traced.parent(expert) == f"mine t{number}"
        assert [traced.parent(span) for span in traced.named("chat scripted")].count(expert.name) == 1


def test_many_chats_side_by_side_do_not_mix(agent, spans):
    def pair(number):
        model = ScriptedModel(tool_call("multiply", a=number, b=1), "done", name=f"m{number}")
        return agent(f"a{number}", llm_config=model.llm_config)

    async def main():
        await asyncio.gather(*(pair(number).a_run("go", tools=[multiply]) for number in range(20)))

    with autogen.tracing.trace(spans.provider):
        asyncio.run(main())
    with autogen.tracing.trace(spans.provider, everywhere=True), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: pair(number).run("go", tools=[multiply]), range(20, 40)))
    assert len(spans.all) == 40 * 4
    for number in range(40):
        top = spans.one(f"invoke_agent a{number}")
        family = [span for span in spans.all if span.context.trace_id == top.context.trace_id]
        assert [span.name for span in family] == [
            top.name,
            f"chat m{number}",
            "execute_tool multiply",
            f"chat m{number}",
        ]
        assert all(span.parent.span_id == top.context.span_id for span in family[1:])


def test_other_contexts_are_traced_only_if_asked_for(agent, spans):
    def elsewhere():
        thread = threading.Thread(target=lambda: agent("a").initiate_chat(agent("b"), message="hi", max_turns=1))
        thread.start()
        thread.join()

    with autogen.tracing.trace(spans.provider, everywhere=True):
        elsewhere()
    assert len(spans.all) == 1
    with autogen.tracing.trace(spans.provider):
        assert autogen.events.has_listeners
    assert not autogen.events.has_listeners


def test_a_chat_belongs_to_the_span_around_it(call, agent, traced):
    with api.get_tracer("mine", tracer_provider=traced.provider).start_as_current_span("request"):
        call(agent("a").initiate_chat, agent("b"), message="hi", max_turns=1)
    assert traced.tree() == [("request", None), ("invoke_agent b", "request")]


def test_a_chat_that_is_stopped_leaves_no_span_open(agent, traced):
    model = ScriptedModel(lambda messages: tool_call("multiply", a=1, b=1))
    for event in agent("a", llm_config=model.llm_config).run_iter(message="go", tools=[multiply]):
        if event.type == "tool_called":
            break
    assert traced.one("invoke_agent a").attributes["autogen.chat.stop_reason"] == "stopped"
    assert traced.one("execute_tool multiply").status.status_code is api.StatusCode.ERROR


def test_humans_are_waited_for_in_a_span(call, agent, traced):
    user = agent("user", human_input_mode="ALWAYS", human_input_source=lambda prompt: "typed")
    call(agent("a").initiate_chat, user, message="hi", max_turns=1)
    assert traced.tree() == [("invoke_agent user", None), ("ask_human user", "invoke_agent user")]


def test_two_tracers_do_not_disturb_each_other(call, agent):
    one, two = Spans(), Spans()
    with autogen.tracing.trace(one.provider), autogen.tracing.trace(two.provider, content=True):
        call(agent("a").initiate_chat, agent("b", llm_config=ScriptedModel("x").llm_config), message="hi", max_turns=1)
    assert [span.name for span in one.all] == [span.name for span in two.all] == ["invoke_agent b", "chat scripted"]
    assert not api.get_current_span().get_span_context().is_valid  # neither leaves its own behind


def test_without_the_package_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"autogen-classic\[otel\]"), autogen.tracing.trace():
        pass


@pytest.mark.slow
def test_opentelemetry_is_not_imported_before_it_is_used():
    probe = "import autogen.tracing, sys; print('opentelemetry' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).strip() == "False"


def test_requests_for_embeddings_have_a_name_of_their_own(spans):
    with OpenAIServer() as server, autogen.tracing.trace(spans.provider):
        OpenAIWrapper(config_list=[{**server.config, "model": "words-v1"}]).create_embeddings(["a text"])
    assert spans.one("embeddings words-v1").attributes["gen_ai.operation.name"] == "embeddings"
