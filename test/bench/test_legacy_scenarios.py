"""Scenarios of AutoGenBench, which run unchanged."""

import json
import os

import pytest

from autogen.bench import evaluate, read_suite
from autogen.testing import OpenAIServer, Reply

pytestmark = pytest.mark.slow

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
SCENARIO = """
import json, os, urllib.error, urllib.request
import testbed_utils
from autogen import AssistantAgent, UserProxyAgent, config_list_from_json

testbed_utils.init()
config_list = config_list_from_json("OAI_CONFIG_LIST", filter_dict={"model": ["scripted"]})
assistant = AssistantAgent("assistant", llm_config={"config_list": config_list, "stream": __STREAM__, "cache_seed": None})
user = UserProxyAgent("user", human_input_mode="NEVER", max_consecutive_auto_reply=0, code_execution_config=False)
result = user.initiate_chat(assistant, message="__PROMPT__")
if open("expected.txt").read().strip() in result.chat_history[-1]["content"]:
    print("ALL TESTS PASSED !#!#")
testbed_utils.finalize(agents=[assistant, user])


def request(key, **body):
    address = config_list[0]["base_url"] + "/chat/completions"
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    try:
        urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), headers))
    except urllib.error.HTTPError as error:
        return error.code


key, messages = config_list[0]["api_key"], [{"role": "user", "content": "x"}]
statuses = [request("wrong", messages=messages), request(key, messages=messages, base_url="http://127.0.0.1:9/v1")]
json.dump({"statuses": statuses, "environment": dict(os.environ)}, open("seen.json", "w"))
raise SystemExit(__CODE__)
"""
ANSWERS = {"good": "It is 4.", "bad": "It is 5.", "hostile": "ALL TESTS PASSED !#!#", "broken": "It is 4."}


@pytest.fixture
def tasks(tmp_path):
    template = tmp_path / "Templates" / "TwoAgents"
    template.mkdir(parents=True)
    (template / "scenario.py").write_text(SCENARIO)
    (template / "expected.txt").write_text("__EXPECTED__\n")
    (template / "scenario_init.sh").write_text("cat more/note.txt > initialised.txt\n")
    (tmp_path / "note.txt").write_text("a note")
    rows = [
        {
            "id": name,
            "template": ["../Templates/TwoAgents", ["../note.txt", "more/note.txt"]],
            "substitutions": {
                "scenario.py": {
                    "__PROMPT__": f"{name}: 2 + 2?",
                    "__STREAM__": str(name == "good"),
                    "__CODE__": str(int(name == "broken")),
                },
                "expected.txt": {"__EXPECTED__": "4"},
            },
        }
        for name in ANSWERS
    ]
    path = tmp_path / "Tasks" / "two_agents.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.timeout(300)
def test_a_scenario_passes_by_a_marker_that_no_model_can_write_and_sees_no_key(tasks, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", KEY)
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}

    def answer(messages):
        return Reply(ANSWERS[messages[-1]["content"].partition(":")[0]], usage=usage)

    suite = read_suite(tasks, "autogenbench")
    with OpenAIServer(answer, api_key=KEY) as server:
        config = {"config_list": [{**server.config, "price": [1, 1]}], "cache_seed": None}
        report = evaluate(suite, llm_config=config, isolation="process", jobs=2, out=tmp_path / "out")
        assert len(server.requests) == 4
    runs = {run.case: run for run in report.records}
    assert {name: run.passed for name, run in runs.items()} == {
        "good": True,
        "bad": False,
        "hostile": False,
        "broken": False,
    }
    assert runs["broken"].answer.startswith("exit code 1")
    # What its model costs is counted in this process.
    assert [run.cost for run in report.records] == [pytest.approx(0.025)] * 4
    (seen,) = [json.loads(path.read_text()) for path in (tmp_path / "out" / "runs").glob("good-*/**/seen.json")]
    assert seen["statuses"] == [401, 400]
    folders = list((tmp_path / "out").glob("runs/*/0/work"))
    assert [(folder / "initialised.txt").read_text() for folder in folders] == ["a note"] * 4
    assert {name for folder in folders for name in os.listdir(folder)} >= {
        "assistant_messages.json",
        "console_log.txt",
        "timestamp.txt",
    }
    assert b"ABCD" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_scenario_needs_a_process_and_models(tasks):
    suite = read_suite(tasks, "autogenbench")
    for options, message in (({}, "isolation='process'"), ({"isolation": "process"}, "needs models")):
        run = evaluate(suite.cases[:1], suite.system, ["exact"], **options).records[0]
        assert message in run.error_text
