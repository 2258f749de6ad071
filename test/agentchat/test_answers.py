"""Answers with a value, the cost of one chat, and short views of results and agents."""

from dataclasses import dataclass
from typing import Literal

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, gather_usage_summary
from autogen.oai.errors import InvalidResponse
from autogen.testing import OpenAIServer, tool_call


class City(BaseModel):
    name: str


@dataclass
class Point:
    x: int


class Entry(TypedDict):
    key: str


PARIS = '{"name": "Paris"}'


def make(name, server=None, **config):
    llm_config = {**server.llm_config, **config} if server else False
    return ConversableAgent(name, llm_config=llm_config, human_input_mode="NEVER")


@pytest.mark.parametrize(
    ("output_type", "text", "value"),
    [
        (City, PARIS, City(name="Paris")),
        (City, f"Here it is:\n```json\n{PARIS}\n```", City(name="Paris")),
        (Point, '{"value": {"x": 1}}', Point(1)),
        (Entry, '{"value": {"key": "k"}}', {"key": "k"}),
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (Literal["yes", "no"], '{"value": "no"}', "no"),
        (int, '{"value": 7}', 7),
        (list[City], f'{{"value": [{PARIS}]}}', [City(name="Paris")]),
    ],
)
def test_a_run_answers_with_an_object(call, output_type, text, value):
    with OpenAIServer(text) as server:
        result = call(make("a", server).run, "Which?", output_type=output_type, silent=True)
    assert result.value == value
    assert type(result.value) is type(value)
    assert server.requests[0]["response_format"]["type"] == "json_schema"


def test_the_type_is_for_this_run_and_this_agent_alone(call):
    def look_up(name: str) -> str:
        """Look something up."""
        return other.run("Anything", silent=True).summary

    with OpenAIServer(tool_call("look_up", name="x"), PARIS, "text") as server, OpenAIServer("found") as second:
        agent, other = make("a", server, response_format={"type": "json_object"}), make("b", second)
        assert call(agent.run, "Which?", tools=[look_up], output_type=City, silent=True).value == City(name="Paris")
        assert call(agent.run, "Which?", silent=True).value is None
    formats = [request.get("response_format", {}).get("type") for request in (*server.requests, *second.requests)]
    assert formats == ["json_schema", "json_schema", "json_object", None]


def test_an_answer_that_never_fits_is_an_error(call):
    with OpenAIServer(*["no"] * 3) as server, pytest.raises(InvalidResponse, match="does not match the schema"):
        call(make("a", server).run, "Which?", output_type=City, silent=True)


def test_a_type_without_a_schema_is_refused(call):
    class Opaque:
        pass

    with OpenAIServer() as server, pytest.raises(TypeError, match="output_type must be a type that pydantic validates, got"):
        call(make("a", server).run, "Which?", output_type=Opaque, silent=True)


def test_run_iter_has_the_value_too():
    with OpenAIServer(PARIS) as server:
        events = make("a", server).run_iter(message="Which?", output_type=City, silent=True)
        list(events)
    assert events.result.value == City(name="Paris")


def test_a_chat_has_the_object_of_a_response_format(call):
    with OpenAIServer(PARIS, '{"name": "Rome"}') as server:
        a, b = make("a"), make("b", server, response_format=City)
        result = call(a.initiate_chat, b, message="Which?", max_turns=2, silent=True)
        assert result.value == City(name="Rome")
        assert call(a.initiate_chat, make("c"), message="Which?", max_turns=1, silent=True).value is None


def test_a_group_has_the_object_of_its_last_structured_answer(call):
    with OpenAIServer(PARIS) as server:
        a, b, c = make("a"), make("b", server, response_format=City), make("c")
        group = GroupChat([a, b, c], max_round=3, speaker_selection_method="round_robin")
        result = call(a.initiate_chat, GroupChatManager(group), message="Which?", silent=True)
    assert result.value == City(name="Paris")


def test_a_resumed_chat_has_the_value(call, tmp_path):
    with OpenAIServer(PARIS) as server:
        for _ in range(2):
            a, b = make("a"), make("b", server, response_format=City)
            options = {"max_turns": 1, "silent": True, "checkpoint": tmp_path / "chat.db"}
            assert call(a.initiate_chat, b, message="Which?", **options).value == City(name="Paris")
    assert len(server.requests) == 1


# The cost of one chat


def sum_up(usage):
    return {kind: figures.get("scripted", {}).get("total_tokens", 0) for kind, figures in usage.items()}


def test_the_cost_is_of_this_chat_alone(call):
    with OpenAIServer("one", "two") as server:
        a, b = make("a"), make("b", server, price=[1, 2])
        costs = [call(a.initiate_chat, b, message="hi", max_turns=1, silent=True).cost for _ in range(2)]
    assert costs[0] == costs[1]
    single, both = (sum_up(usage)["usage_excluding_cached_inference"] for usage in (costs[0], gather_usage_summary([a, b])))
    assert both == 2 * single > 0
    assert b.get_total_usage()["total_cost"] == pytest.approx(2 * costs[0]["usage_including_cached_inference"]["total_cost"])


def test_chats_inside_a_chat_belong_to_its_cost(call):
    with OpenAIServer("inner", "outer") as server:
        a, b, inner = make("a"), make("b", server, price=[1, 2]), make("inner", server, price=[1, 2])
        b.register_nested_chats([{"recipient": inner, "message": "hi", "max_turns": 1, "silent": True}], trigger=a)
        result = call(a.initiate_chat, b, message="hi", max_turns=1, silent=True)
    assert result.summary == "inner"
    assert sum_up(result.cost) == sum_up(gather_usage_summary([inner]))


def test_a_client_of_the_program_reports_what_a_chat_adds(call):
    class Client:
        def __init__(self):
            self.spent = 0

        @property
        def total_usage_summary(self):
            return {"total_cost": self.spent, "own": {"cost": self.spent, "prompt_tokens": self.spent}}

        actual_usage_summary = total_usage_summary

        def create(self, **config):
            self.spent += 5
            return "answer"

        def extract_text_or_completion_object(self, response):
            return [response]

    a, b = make("a"), make("b")
    b.client = Client()
    for _ in range(2):
        cost = call(a.initiate_chat, b, message="hi", max_turns=1, silent=True).cost["usage_including_cached_inference"]
        assert cost == {"total_cost": 5, "own": {"cost": 5, "prompt_tokens": 5}}
    assert b.get_total_usage()["total_cost"] == 10


# Views


def test_agents_and_results_fit_on_a_line(call):
    with OpenAIServer("word " * 100) as server:
        a, b = make("a"), AssistantAgent("b", llm_config={**server.llm_config, "price": [1, 2]})
        result = call(a.initiate_chat, b, message="hi", max_turns=1, silent=True)
    assert (repr(a), repr(b)) == ("ConversableAgent('a')", "AssistantAgent('b')")
    assert repr(ConversableAgent.__new__(ConversableAgent)) == str(ConversableAgent.__new__(ConversableAgent))
    assert repr(ConversableAgent.__new__(ConversableAgent)) == "ConversableAgent(None)"
    assert str(a) == "a"
    a._get_display_name = lambda: "Ann"
    assert (f"{a}", repr(a)) == ("Ann", "ConversableAgent('a')")
    assert repr(result).startswith("ChatResult(messages=2, stop_reason='max_turns', cost=")
    assert "\n" not in repr(result)
    assert len(repr(result)) < 160
    assert repr(GroupChat([a, b])).startswith("GroupChat(agents=[ConversableAgent('a'), AssistantAgent('b')]")


def test_a_notebook_shows_a_result_as_a_short_table(call):
    def work(n: int) -> str:
        """Work."""
        return "<done>"

    with OpenAIServer(tool_call("work", n=1), "<b>bold</b>") as server:
        html = call(make("a", server).run, "<script>", tools=[work], silent=True)._repr_html_()
    assert html.startswith("<table><caption>ended by ")
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert "work(" in html
    assert "<script>" not in html
    a, b = make("a"), make("b")
    long = call(a.initiate_chat, b, message="x" * 1000, max_turns=30, silent=True)._repr_html_()
    assert "40 earlier messages" in long
    assert len(long) < 5000
