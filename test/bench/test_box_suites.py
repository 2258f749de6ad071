"""The suites in the box: a model that does what they are about passes, and a careless model fails."""

import re

import pytest

from autogen.bench import evaluate, load_suite
from autogen.bench.systems import find_passages
from autogen.testing import ScriptedModel, tool_call


def work_in_shop(messages):
    """Call the tool that a question is about, and repeat its result."""
    if messages[-1]["role"] == "tool":
        return f"It is {messages[-1]['content']}."
    question = messages[-1]["content"]
    for pattern, tool, names in (
        (r"How many (?P<item>.+) are in stock", "get_stock", {}),
        (r"does an? (?P<item>.+) cost", "get_price", {}),
        (r"do (?P<quantity>\d+) (?P<item>.+) cost", "compute_total", {"quantity": int}),
        (r"is (?P<days>\d+) days? (?P<way>after|before) (?P<day>\S+)\?", "add_days", {"days": int}),
        (r"letter (?P<letter>.) occur in the word (?P<word>\w+)", "count_letter", {}),
        (r"How many (?P<currency>\w+) are (?P<amount>\d+) crowns", "convert_crowns", {"amount": float}),
    ):
        if found := re.search(pattern, question):
            arguments = {name: names.get(name, str)(value) for name, value in found.groupdict().items()}
            if arguments.pop("way", "") == "before":
                arguments["days"] *= -1
            return tool_call(tool, **arguments)
    raise AssertionError(question)


@pytest.mark.slow
def test_tools_are_needed_and_enough():
    with ScriptedModel(work_in_shop) as model:
        report = evaluate("tools", llm_config=model.llm_config)
    assert (report.pass_rate, len(report.cases), report.means["turns"]) == (1.0, 20, 4)
    with ScriptedModel(lambda messages: "It is 1.") as model:
        assert evaluate("tools", llm_config=model.llm_config).pass_rate == 0


WORDS = {
    "billing": r"card|invoice|bank|bill|receipt",
    "delivery": r"been here|my new address|courier|Iceland|tracking",
    "returns": r"send them back|send back|take it back|exchange",
    "technical": r"wireless|thermostat|router|app|headphones",
}


@pytest.mark.slow
def test_messages_are_handed_over_to_each_desk():
    chosen = []

    def hand_over(messages):
        text = messages[-1]["content"]
        desk = next(name for name in ("returns", "billing", "delivery", "technical") if re.search(WORDS[name], text))
        (name,) = [tool for tool in names if desk in tool]
        chosen.append(name)
        return tool_call(name)

    names = []

    class Model(ScriptedModel):
        def create(self, params):
            names[:] = [tool["function"]["name"] for tool in params["tools"]]
            return super().create(params)

    with Model(hand_over) as model:
        report = evaluate("handoffs", llm_config=model.llm_config)
    assert (report.pass_rate, len(report.cases), len(set(chosen))) == (1.0, 20, 4), report.to_markdown()
    with ScriptedModel(lambda messages: "I take care of it myself.") as model:
        assert evaluate("handoffs", llm_config=model.llm_config).pass_rate == 0


@pytest.mark.slow
def test_the_documentation_has_the_answer_to_each_question():
    suite = load_suite("retrieval")
    assert len(suite.cases) == 20
    missing = [
        case.id for case in suite.cases if case.target.casefold() not in "\n".join(find_passages(case.input)).casefold()
    ]
    assert missing == []
    targets = {case.input: case.target for case in suite.cases}

    def read(messages):
        passages, _, question = messages[-1]["content"].partition("\n\nQuestion: ")
        return targets[question] if targets[question].casefold() in passages.casefold() else "unknown"

    with ScriptedModel(read) as model:
        assert evaluate(suite, llm_config=model.llm_config).pass_rate == 1.0
    with ScriptedModel(lambda messages: "unknown") as model:
        assert evaluate(suite, llm_config=model.llm_config).pass_rate == 0


def test_ids_are_unique_and_targets_are_not_in_the_questions():
    for name in ("tools", "retrieval", "handoffs", "basics"):
        suite = load_suite(name)
        for case in suite.cases:
            assert not isinstance(case.target, str) or len(case.target) == 1 or case.target not in case.input, case.id
