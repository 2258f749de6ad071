"""`autogen bench`: benchmarks are run, resumed, reported and compared."""

import json

import pytest
from typer.testing import CliRunner

from autogen._cli.app import app
from autogen.testing import OpenAIServer


@pytest.fixture
def suite(tmp_path):
    tasks = [{"id": name, "input": name, "target": name} for name in ("one", "two", "three")]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)))
    (tmp_path / "suite.toml").write_text('name = "words"\nscorers = ["exact"]\nsystem = "system.py:good"\n')
    (tmp_path / "system.py").write_text("def good(case):\n    return case.input\n\n\ndef bad(case):\n    return 'one'\n")
    return tmp_path


def run(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["bench", *map(str, arguments)])


def test_a_suite_is_run_resumed_reported_and_compared(suite, tmp_path):
    options = ("--isolation", "none", "--jobs", "2")
    first = run("run", suite, "--out", tmp_path / "a", *options)
    assert (first.exit_code, "| passed | 100.0%" in first.stdout) == (0, True)
    lines = (tmp_path / "a" / "records.jsonl").read_bytes()
    assert run("run", suite, "--out", tmp_path / "a", *options).exit_code == 0
    assert (tmp_path / "a" / "records.jsonl").read_bytes() == lines
    system = f"{suite / 'system.py'}:bad"
    assert "33.3%" in run("run", suite, "--system", system, "--out", tmp_path / "b", *options).stdout
    assert "No difference shown" in run("compare", tmp_path / "a", tmp_path / "b").stdout
    for name, start in {"r.html": "<!DOCTYPE", "r.csv": "case,", "r.json": "{", "r.md": "# words"}.items():
        assert run("report", tmp_path / "a", "--out", tmp_path / name).exit_code == 0
        assert (tmp_path / name).read_text().lstrip().startswith(start)
    again = run("report", tmp_path / "a", "--out", tmp_path / "r.md")
    assert (again.exit_code, str(again.exception)) == (1, f"{tmp_path / 'r.md'} exists: --force overwrites it.")
    assert run("report", tmp_path / "a", "--out", tmp_path / "log.json", "--export", "inspect").exit_code == 0
    log = json.loads((tmp_path / "log.json").read_text())
    assert log["results"]["scores"][0]["metrics"]["accuracy"]["value"] == 1
    assert next((sample["id"], sample["input"], sample["epoch"]) for sample in log["samples"]) == ("one", "one", 1)
    assert "needs --out" in str(run("report", tmp_path / "a", "--export", "inspect").exception)
    assert run("run", suite, "--out", tmp_path / "c", "--sample", 2, *options).stdout.count("1/1") == 2
    assert "humaneval" in run("list").stdout


def test_files_of_public_benchmarks_are_read_and_replayed(suite, tmp_path):
    (tmp_path / "gsm8k.jsonl").write_text(json.dumps({"question": "6 * 7?", "answer": "#### 42"}))
    with OpenAIServer("It is 42.") as server:
        config = tmp_path / "LIST"
        config.write_text(json.dumps([server.config]))
        options = (tmp_path / "gsm8k.jsonl", "--format", "gsm8k", "--config", config, "--isolation", "none")
        first = run("run", *options, "--out", tmp_path / "a")
    assert "| passed | 100.0%" in first.stdout
    assert "| passed | 100.0%" in run("run", *options, "--out", tmp_path / "b", "--replay", tmp_path / "a").stdout
    assert "--legacy is a format of its own" in str(run("run", *options, "--legacy").exception)


def test_a_suite_without_a_system_asks_the_model_that_is_chosen(suite, tmp_path):
    (suite / "suite.toml").write_text('name = "words"\nscorers = ["exact"]\n')
    with OpenAIServer(lambda messages: messages[-1]["content"]) as server:
        config = tmp_path / "LIST"
        config.write_text(json.dumps([server.config]))
        result = run("run", suite, "--config", config, "--out", tmp_path / "a", "--isolation", "none")
        assert len(server.requests) == 3
    assert "| passed | 100.0%" in result.stdout
    assert server.config["api_key"] not in "".join(p.read_text() for p in (tmp_path / "a").rglob("*") if p.is_file())
