"""Benchmarks replayed from the recorded responses of models."""

import itertools
import json

import pytest

from autogen import ConversableAgent
from autogen.bench import evaluate
from autogen.testing import OpenAIServer, Reply

CASES = [("How many?", 1), ("How much?", 2)]
SCORERS = ["number", {"kind": "model_graded", "rubric": "Is it a number?"}]
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
ASSISTANT = "autogen.bench.systems:run_assistant"


def make_config(server):
    return {"config_list": [{**server.config, "price": [1, 1]}], "cache_seed": None}


def list_results(report):
    return [(run.case, run.repetition, run.answer, run.scores, run.prompt_tokens, run.stop_reason) for run in report.records]


@pytest.mark.parametrize("isolation", ["none", pytest.param("process", marks=pytest.mark.slow)])
def test_a_replay_sends_nothing_costs_nothing_and_ends_alike(tmp_path, isolation):
    numbers = itertools.count(1)

    def answer(messages):
        if "You grade" in messages[0]["content"]:
            return Reply(json.dumps({"explanation": f"Grade {next(numbers)}.", "value": 1}), usage=USAGE)
        return Reply(f"It is {next(numbers)}.", usage=USAGE)

    options = {"repeats": 2, "isolation": isolation, "name": "suite"}
    with OpenAIServer(answer, api_key="sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD") as server:
        config = make_config(server)
        first = evaluate(CASES, ASSISTANT, SCORERS, llm_config=config, out=tmp_path / "a", jobs=2, **options)
        assert len(server.requests) == 8
    # Equal requests of two repetitions have responses of their own.
    assert len({run.answer for run in first.records}) == 4
    # The server is gone.
    again = evaluate(CASES, ASSISTANT, SCORERS, llm_config=config, out=tmp_path / "b", replay=tmp_path / "a", **options)
    assert list_results(again) == list_results(first)
    assert (again.total_cost, first.total_cost) == (0, pytest.approx(8 * 0.025))
    assert "ABCD" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_run_that_a_budget_ended_ends_there_in_a_replay(tmp_path):
    def talk(case, context):
        assistant = ConversableAgent("assistant", llm_config=context.llm_config, human_input_mode="NEVER", silent=True)
        user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER", default_auto_reply="more", silent=True)
        return user.initiate_chat(assistant, message=case.input, max_turns=9, silent=True)

    options = {"limits": {"tokens": 60}, "name": "suite"}
    with OpenAIServer(lambda messages: Reply("Go on.", usage=USAGE)) as server:
        config = make_config(server)
        first = evaluate([("talk", "x")], talk, ["exact"], llm_config=config, out=tmp_path, **options)
    again = evaluate([("talk", "x")], talk, ["exact"], llm_config=config, replay=tmp_path, **options)
    assert [(run.stop_reason, run.turns) for run in first.records] == [("budget", again.records[0].turns)]
    assert list_results(again) == list_results(first)


def test_a_request_that_was_not_made_then_is_an_error_and_not_sent(tmp_path):
    with OpenAIServer("It is 1.", "It is 2.") as server:
        config = make_config(server)
        evaluate(CASES, ASSISTANT, ["number"], llm_config=config, out=tmp_path, name="suite")
        changed = [("How many, then?", 1), CASES[1]]
        report = evaluate(changed, ASSISTANT, ["number"], llm_config=config, replay=tmp_path, name="suite")
        assert len(server.requests) == 2
    assert [run.error for run in report.records] == ["ReplyNotRecorded", None]
    with pytest.raises(FileNotFoundError):
        evaluate(CASES, ASSISTANT, ["number"], llm_config=config, replay=tmp_path / "none")
