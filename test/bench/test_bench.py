"""Benchmarks: runs, limits, isolation, records that survive a kill, and reports."""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autogen import ConversableAgent
from autogen.bench import Case, Limits, a_evaluate, bench, compare, evaluate, load_suite, read_report
from autogen.testing import OpenAIServer, Reply, ScriptedModel

HERE = Path(__file__).parent


def answer_input(case):
    return case.input


def chat(case, model):
    assistant = ConversableAgent("assistant", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
    user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER", default_auto_reply="more", silent=True)
    return user.initiate_chat(assistant, message=case.input, max_turns=5, silent=True)


def test_functions_chats_and_agents_are_evaluated():
    cases = [("6 * 7", 42), ("7 * 7", 49)]
    report = evaluate(cases, lambda case: str(eval(case.input)), ["exact"])
    assert (report.pass_rate, report.failures, len(report.records)) == (1.0, {}, 2)

    async def answer(case, context):
        await asyncio.sleep(0)
        return str(context.seed)

    first, second = (evaluate(cases, answer, ["exact"], repeats=2, jobs=jobs) for jobs in (1, 3))
    assert [run.answer for run in first.records] == [run.answer for run in second.records]
    assert len({run.answer for run in first.records}) == 4
    with ScriptedModel(lambda messages: f"It is {eval(messages[-1]['content'])}.") as model:
        agent = ConversableAgent("agent", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
        report = asyncio.run(a_evaluate(cases, agent, ["number"], jobs=2))
    assert report.pass_rate == 1.0
    assert [run.turns for run in report.records] == [2, 2]
    assert agent.chat_messages == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"), [({"turns": 3}, "turns"), ({"tokens": 60}, "budget"), ({"cost": 0.05}, "budget")]
)
def test_limits_end_a_run(limits, reason):
    usage = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
    with OpenAIServer(lambda messages: Reply("Go on.", usage=usage)) as server:
        config = {"config_list": [{**server.config, "price": [1, 1]}], "cache_seed": None}
        model = type("Model", (), {"llm_config": config})
        report = evaluate([("talk", "x")], lambda case: chat(case, model), ["exact"], limits=limits)
        (run,) = report.records
        assert (run.passed, run.stop_reason, report.failures) == (False, reason, {reason: 1})
        assert 0 < len(server.requests) < 5
        assert run.cost == pytest.approx(0.025 * len(server.requests))
        assert run.prompt_tokens == 20 * len(server.requests)


def test_a_run_that_exceeds_its_time_ends():
    with ScriptedModel(lambda messages: Reply("Wait.", delay=60)) as model:
        (run,) = evaluate([("talk", "x")], lambda case: chat(case, model), ["exact"], limits={"seconds": 0.2}).records
    assert (run.passed, run.stop_reason) == (False, "time")


def test_no_run_begins_after_the_money_is_spent():
    usage = {"prompt_tokens": 1000, "completion_tokens": 0, "total_tokens": 1000}
    with OpenAIServer(lambda messages: Reply("Yes.", usage=usage)) as server:
        config = {"config_list": [{**server.config, "price": [1, 1]}], "cache_seed": None}
        suite = [(f"question {number}", "Yes.") for number in range(4)]
        system = "autogen.bench.systems:run_assistant"
        report = evaluate(suite, system, ["exact"], max_cost=1.5, llm_config=config)
    assert [run.case for run in report.records] == ["1", "2"]
    assert report.missing == ["3", "4"]
    assert report.total_cost == pytest.approx(2)


def test_an_error_is_a_result_and_is_retried_when_wanted(tmp_path):
    def fail(case):
        raise KeyError("api_key=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD")

    options = {"out": tmp_path, "name": "suite"}
    fail.__qualname__ = answer_input.__qualname__
    report = evaluate([("a", "a")], fail, ["exact"], **options)
    assert report.failures == {"KeyError": 1}
    assert "ABCD" not in (tmp_path / "records.jsonl").read_text()
    assert evaluate([("a", "a")], answer_input, ["exact"], **options).pass_rate == 0
    assert evaluate([("a", "a")], answer_input, ["exact"], retry_errors=True, **options).pass_rate == 1


def test_a_scorer_that_fails_does_not_fail_the_answer():
    def judge(case, output):
        return 1 / 0

    (run,) = evaluate([("a", "a")], answer_input, [judge]).records
    assert (run.error, run.answer) == ("scorer: ZeroDivisionError", "a")
    (run,) = evaluate([("a", "a")], answer_input, [lambda case, output: 7]).records
    assert "a number from 0 to 1" in run.error_text


def test_what_has_a_record_is_not_run_again_whatever_was_cut_off(tmp_path):
    calls = []

    def answer(case):
        calls.append(case.id)
        return case.input

    cases = [(str(number), str(number)) for number in range(4)]
    options = {"out": tmp_path, "name": "suite"}
    whole = evaluate(cases, answer, ["exact"], **options)
    records = tmp_path / "records.jsonl"
    content = records.read_bytes()
    for length in sorted(random.Random(5).sample(range(len(content)), 6)):
        records.write_bytes(content[:length])
        calls.clear()
        finished = content[:length].count(b"\n")
        again = evaluate(cases, answer, ["exact"], **options)
        assert len(calls) == 4 - finished
        assert [(run.case, run.passed) for run in again.records] == [(run.case, run.passed) for run in whole.records]
    more = evaluate(cases, answer, ["exact"], repeats=3, **options)
    assert (len(more.records), more.pass_at) == (12, {1: 1.0, 2: 1.0, 3: 1.0})


def test_a_report_of_unfinished_results_names_what_is_missing(tmp_path):
    cases = [(str(number), str(number)) for number in range(3)]
    evaluate(cases, answer_input, ["exact"], out=tmp_path, max_cost=0)
    assert list(read_report(tmp_path).missing) == ["1", "2", "3"]
    evaluate(cases, answer_input, ["exact"], out=tmp_path)
    assert [(case.id, case.input) for case in read_report(tmp_path).cases] == [("1", "0"), ("2", "1"), ("3", "2")]


def test_results_of_another_benchmark_are_not_mixed_in(tmp_path):
    evaluate([("a", "a")], answer_input, ["exact"], out=tmp_path)
    with pytest.raises(ValueError, match=r"another benchmark .*scorers"):
        evaluate([("a", "a")], answer_input, ["includes"], out=tmp_path)
    with pytest.raises(ValueError, match=r"another benchmark .*cases"):
        evaluate([("a", "b")], answer_input, ["exact"], out=tmp_path)
    (tmp_path / "records.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="line 1 is not the record"):
        read_report(tmp_path)


def test_a_folder_is_for_one_program_at_a_time(tmp_path):
    started, release = threading.Event(), threading.Event()

    def wait(case):
        started.set()
        release.wait(60)
        return "a"

    thread = threading.Thread(target=evaluate, args=([("a", "a")], wait, ["exact"]), kwargs={"out": tmp_path})
    thread.start()
    try:
        assert started.wait(60)
        with pytest.raises(ValueError, match="Another program"):
            evaluate([("a", "a")], wait, ["exact"], out=tmp_path)
    finally:
        release.set()
        thread.join()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"isolation": "sandbx"}, "did you mean 'sandbox'"),
        ({"isolation": "process"}, "can't import"),
        ({"isolation": "process", "chat": "a:b", "llm_config": {"x": len}}, "can't get llm_config, which must be JSON"),
        ({"repeats": 0}, "repeats must be a positive integer"),
        ({"limits": {"second": 1}}, "did you mean 'seconds'"),
        ({"limits": {"seconds": -1}}, "positive number"),
        ({"scorers": ["exakt"]}, "did you mean 'exact'"),
        ({"scorers": [{"kind": "number", "tolerence": 1}]}, "does not take these arguments"),
        ({"scorers": []}, "Nothing scores case '1'"),
        ({"chat": lambda: "x"}, "a function of a case"),
        ({"chat": "no.such.module:answer"}, "can't be imported"),
        ({"chat": f"{HERE}/bench_systems.py:answre"}, "has no 'answre'"),
        ({"cases": []}, "no cases"),
        ({"cases": [("a", None)]}, "case '1' needs a target for the scorer 'exact'"),
        ({"cases": [{"input": "a", "scorers": "exact"}]}, "must be a list"),
        ({"cases": [{"input": "a", "files": ["x"]}]}, "must be an object"),
        ({"cases": [{"input": "a", "files": {"C:x": "y"}}]}, "below the work directory"),
        ({"cases": [{"input": "a", "id": "1"}, ("b", "c"), {"id": "1", "input": "d"}]}, "'1' occurs twice"),
        ({"cases": [{"id": "1", "inptu": "a"}]}, "did you mean 'input'"),
        ({"cases": [{"input": "a", "files": {"../x": "y"}}]}, "below the work directory"),
    ],
)
def test_mistakes_are_named(options, message):
    arguments = {"cases": [("a", "a")], "chat": lambda case: "a", "scorers": ["exact"], **options}
    with pytest.raises(ValueError, match=f"(?i){message}"):
        raise_errors(evaluate(**arguments))


def raise_errors(report):
    for run in report.records:
        if run.error:
            raise ValueError(run.error_text)


def test_a_test_fails_if_too_few_pass():
    cases = [("a", "a"), ("b", "b"), ("c", "d")]
    bench(cases, ["exact"], min_pass=0.6)(answer_input)()
    assert evaluate(cases, answer_input, ["exact"]).failures == {"wrong answer": 1}
    with pytest.raises(AssertionError, match=r"66.7% passed, not 80.0%(.|\n)*\| 3 \| 0/1 \|"):
        bench(cases, ["exact"], min_pass=0.8)(answer_input)()
    with pytest.raises(ValueError, match="min_pass must be a number from 0 to 1"):
        bench(cases, min_pass=80)


def test_reports_are_written_in_all_forms_and_hostile_answers_stay_text(tmp_path):
    hostile = "</pre><script>alert(1)</script>=1+1 | \u202e"
    report = evaluate([Case("a|b <i>", hostile, "x")], answer_input, ["exact"], out=tmp_path)
    page = report.to_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "Content-Security-Policy" in page
    assert "a\\|b &lt;i>" in report.to_markdown()
    assert report.to_csv().splitlines()[1].startswith("a|b <i>,0,")
    assert json.loads(report.to_json())["records"][0]["answer"] == hostile
    assert read_report(tmp_path).to_html() == page


def test_two_systems_are_compared_by_the_cases_of_both():
    cases = [(str(number), str(number)) for number in range(12)]
    good = evaluate(cases, answer_input, ["exact"])
    bad = evaluate(cases, lambda case: "0", ["exact"])
    comparison = compare(bad, good)
    assert (comparison.wins, comparison.losses) == (11, 0)
    assert comparison.p_value == pytest.approx(2 / 2**11)
    assert comparison.difference == pytest.approx(11 / 12)
    assert comparison.interval[0] > 0.5
    assert comparison.verdict.startswith("answer_input is better")
    assert compare(good, good).verdict.startswith("No difference shown")
    with pytest.raises(ValueError, match="two suites"):
        compare(good, evaluate(cases, answer_input, ["exact"], name="others"))


SUITE = """
name = "sums"
system = "system.py:answer"
scorers = [{ kind = "number", tolerance = 0.5 }]
limits = { turns = 9 }
"""


def test_suites_are_read_from_folders_and_files(tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE)
    (tmp_path / "tasks.jsonl").write_text(
        '{"id": "a", "input": "1", "target": 1.2}\n\n{"id": "b", "input": "2", "target": 3}'
    )
    (tmp_path / "system.py").write_text("def answer(case):\n    return case.input\n")
    suite = load_suite(tmp_path)
    assert (suite.name, suite.limits, [case.id for case in suite.cases]) == ("sums", Limits(turns=9), ["a", "b"])
    assert [run.passed for run in evaluate(suite).records] == [True, False]
    assert [case.id for case in load_suite(tmp_path / "tasks.jsonl").cases] == ["a", "b"]
    (tmp_path / "suite.py").write_text("from autogen.bench import Case, Suite\nsuite = Suite('s', [Case('a', 'b')])")
    assert load_suite(tmp_path / "suite.py").name == "s"
    (tmp_path / "tasks.jsonl").write_text('{"id": "a", "input": "1"}\n{"id": "b"}')
    with pytest.raises(ValueError, match=r"tasks.jsonl, line 2: A case needs 'input'"):
        load_suite(tmp_path)
    with pytest.raises(ValueError, match="Did you mean 'basics'"):
        load_suite("basic")
    assert len(load_suite("basics").cases) == 12


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_process_that_hangs_or_dies_is_a_result(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    cases = [
        Case(kind, kind, target="secret", files={"data/x.txt": "1"}, limits=Limits(seconds=1 if kind == "hang" else 60))
        for kind in ("hang", "die", "raise", "look")
    ]
    report = evaluate(cases, "bench_systems:misbehave", ["includes"], jobs=4, isolation="process", out=tmp_path, name="bad")
    runs = {run.case: run for run in report.records}
    assert runs["hang"].stop_reason == "time"
    assert (runs["die"].stop_reason, runs["die"].error) == ("killed", "ProcessEnded")
    assert runs["raise"].error == "KeyError"
    # The target is not in the process of the system.
    assert json.loads(runs["look"].answer) == {"files": ["data"], "target": None}
    assert "ABCD" not in "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    if os.path.isdir("/proc/self"):
        assert not find_processes(str(tmp_path))


def find_processes(word):
    """Return the processes with a word in their command line."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes())
        except OSError:
            continue
    return [command for command in commands if word.encode() in command]


def read_results(folder):
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    return sorted(
        tuple(json.dumps(record[name]) for name in record if name not in ("seconds", "versions")) for record in records
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
@pytest.mark.parametrize("isolation", ["none", "process"])
def test_killed_at_ten_random_moments_it_ends_with_the_same_results(tmp_path, isolation):
    draw = random.Random(isolation)

    def start(folder):
        command = [sys.executable, str(HERE / "bench_systems.py"), str(folder), isolation]
        return subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})

    started = time.monotonic()
    with start(tmp_path / "whole") as process:
        assert process.wait() == 0, process.stderr.read()
    duration = time.monotonic() - started
    whole = read_results(tmp_path / "whole")
    assert len(whole) == 10
    kills = 0
    while kills < 10:
        with start(tmp_path / "killed") as process:
            try:
                process.wait(draw.uniform(0, duration))
            # It goes on: this is the moment.
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            else:
                assert process.returncode == 0, process.stderr.read()
                assert read_results(tmp_path / "killed") == whole
                # It ended before all kills were made: it begins from the beginning.
                shutil.rmtree(tmp_path / "killed")
    with start(tmp_path / "killed") as process:
        assert process.wait() == 0, process.stderr.read()
    assert read_results(tmp_path / "killed") == whole
