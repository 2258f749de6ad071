"""AG2's functions for OpenTelemetry, with the real SDK."""

import gc
import json
import weakref
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from autogen import GroupChat, GroupChatManager, OpenAIWrapper
from autogen.agentchat.group.patterns import RoundRobinPattern
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import ScriptedModel, ToolCall

otel = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra 'otel' is not installed")

from opentelemetry import trace as api  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

from autogen.opentelemetry import (  # noqa: E402
    instrument_agent,
    instrument_groupchat,
    instrument_llm_wrapper,
    instrument_pattern,
    setup_instrumentation,
    uninstrument,
)

KEY = "sk-0123456789abcdefghijklmnop"
HI = [{"role": "user", "content": "hi"}]


class Spans:
    """A provider, and the spans that it exported."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self.provider = otel.TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def all(self):
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    @property
    def kinds(self):
        return [(span.attributes["ag2.span.type"], span.name) for span in self.all]


@pytest.fixture
def spans():
    before = api.get_current_span()
    yield Spans()
    uninstrument()
    assert api.get_current_span() is before


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def test_an_agent_and_the_requests_to_models(call, agent, spans):
    me = agent("me", llm_config=ScriptedModel(ToolCall("multiply", a=6, b=7).to_message(), "42").llm_config)
    other = agent("other", llm_config=ScriptedModel("hello").llm_config)
    assert instrument_agent(me, tracer_provider=spans.provider) is me
    assert instrument_agent(me, tracer_provider=spans.provider) is me
    for _ in range(2):
        assert instrument_llm_wrapper(tracer_provider=spans.provider) is None
    call(me.run, "6 times 7?", tools=[multiply])
    call(agent("user").initiate_chat, other, message="hi", max_turns=1)
    assert spans.kinds == [
        ("conversation", "invoke_agent me"),
        ("llm", "chat scripted"),
        ("tool", "execute_tool multiply"),
        ("llm", "chat scripted"),
        ("llm", "chat scripted"),
    ]
    conversation, asked, tool, _, elsewhere = spans.all
    assert conversation.attributes["gen_ai.conversation.turns"] == 4
    assert conversation.attributes["gen_ai.usage.cost"] == asked.attributes["gen_ai.usage.cost"] == 0.0
    assert {asked.parent.span_id, tool.parent.span_id} == {conversation.context.span_id}
    assert elsewhere.parent is None
    text = "".join(span.to_json() for span in spans.all)
    assert "6 times 7?" not in text
    assert "hello" not in text


def test_messages_are_captured_if_asked_for_and_not_undone_by_a_second_call(call, agent, spans):
    instrument_llm_wrapper(tracer_provider=spans.provider, capture_messages=True)
    instrument_llm_wrapper(tracer_provider=spans.provider)
    wrapper = OpenAIWrapper(**ScriptedModel(f"the answer and {KEY}").llm_config)
    wrapper.create(messages=[{"role": "user", "content": f"the question, api_key={KEY}"}])
    [span] = spans.all
    [question] = json.loads(span.attributes["gen_ai.input.messages"])
    assert question["parts"][0]["content"].startswith("the question")
    assert "the answer" in span.attributes["gen_ai.output.messages"]
    assert KEY not in span.to_json()


def test_code_and_questions_to_humans(call, agent, spans, tmp_path):
    code = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    answers = iter(["go on", "exit"])
    user = agent("user", code_execution_config=code)
    human = agent("human", human_input_mode="ALWAYS", human_input_source=lambda prompt: next(answers))
    for member in (user, human):
        instrument_agent(member, tracer_provider=spans.provider)
    call(user.generate_reply, [{"role": "user", "content": "```python\nraise SystemExit(3)\n```"}])
    call(agent("bot", default_auto_reply=f"I am {KEY}").initiate_chat, human, message="hi")
    assert [kind for kind, _ in spans.kinds] == ["code_execution", "conversation", "human_input", "human_input"]
    assert spans.all[0].attributes["ag2.code_execution.exit_code"] == 3
    assert "ag2.human_input.prompt" in spans.all[2].attributes


@pytest.mark.parametrize("kind", ["pattern", "group"])
def test_a_group_and_no_other_agents(call, agent, spans, kind):
    members = [agent(name, default_auto_reply=f"I am {name}") for name in "ab"]
    if kind == "pattern":
        pattern = RoundRobinPattern(members[0], members)
        assert instrument_pattern(pattern, tracer_provider=spans.provider) is pattern
        _, manager = pattern.build(max_rounds=3)
    else:
        model = ScriptedModel("b")
        group = GroupChat(members, max_round=2, speaker_selection_method="auto", allow_repeat_speaker=True)
        assert instrument_groupchat(group, tracer_provider=spans.provider) is group
        manager = GroupChatManager(group, llm_config=model.llm_config)
    call(agent("outsider").initiate_chat, manager, message="hi", silent=True)
    call(agent("x").initiate_chat, agent("a", default_auto_reply="another agent of this name"), message="hi", max_turns=1)
    expected = [("conversation", "invoke_agent chat_manager")]
    turns = ["a", "b"] if kind == "pattern" else ["b"]
    if kind == "group":
        expected.append(("speaker_selection", "invoke_agent speaker_selection_agent"))
    expected += [("agent", f"invoke_agent {name}") for name in turns]
    assert spans.kinds == expected
    assert [s.attributes.get("ag2.speaker_selection.selected") for s in spans.all if s.name[-2] == " "] == turns


def test_two_providers_and_the_end(agent, spans):
    others = Spans()
    bot = agent("bot", llm_config=ScriptedModel("one", "two", "three").llm_config)
    for provider in (spans.provider, others.provider):
        instrument_llm_wrapper(tracer_provider=provider)
    bot.generate_reply(HI)
    uninstrument(tracer_provider=others.provider)
    bot.generate_reply(HI)
    uninstrument()
    bot.generate_reply(HI)
    assert (len(spans.all), len(others.all)) == (2, 1)


def test_an_instrumented_agent_is_freed(agent, spans):
    bot = instrument_agent(agent("bot", default_auto_reply="hello"), tracer_provider=spans.provider)
    bot.initiate_chat(agent("user"), message="hi", max_turns=1)
    freed = weakref.ref(bot)
    del bot
    gc.collect()
    assert freed() is None


@pytest.mark.parametrize(
    ("function", "subject"),
    [(instrument_agent, "agent"), (instrument_pattern, "pattern"), (instrument_groupchat, "groupchat")],
)
def test_mistakes_are_refused(agent, spans, function, subject):
    with pytest.raises(TypeError, match=f"{subject} must be an? .*, got a str"):
        function("me", tracer_provider=spans.provider)
    with pytest.raises(TypeError, match="tracer_provider must be a TracerProvider of OpenTelemetry, got None"):
        instrument_llm_wrapper(tracer_provider=None)


def test_a_provider_with_an_exporter():
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        provider = setup_instrumentation("weather service", f"http://127.0.0.1:{server.server_port}/v1/traces")
        provider.get_tracer("test").start_span("a span").end()
        provider.shutdown()
        server.shutdown()
        thread.join()
    assert b"weather service" in bodies[0]
    assert b"a span" in bodies[0]
