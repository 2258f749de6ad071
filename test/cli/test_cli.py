"""The command line, run as users run it: in a process of its own, and in this one where a script stands in for a model."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from autogen import __version__
from autogen._cli.app import app
from autogen.oai._local import weights
from autogen.testing import Fault

KEY = "sk-test-0123456789abcdefghij"


def run(*arguments, cwd=None, **environment):
    """Run the command line; the environment has no key and no config list."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "OAI"))}
    return subprocess.run(
        [sys.executable, "-m", "autogen", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**kept, "COLUMNS": "200", "NO_COLOR": "1", **environment},
        check=False,
    )


@pytest.fixture
def config_list(tmp_path):
    """Write a config list; returns its path."""

    def write(*entries):
        path = tmp_path / "LIST"
        path.write_text(json.dumps(entries))
        return str(path)

    return write


def test_help_names_the_commands():
    told = run("--help").stdout
    for command in ("demo", "chat", "doctor", "models"):
        assert command in told


def test_the_version():
    assert run("--version").stdout == f"autogen {__version__}\n"


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_the_demo_runs_code_that_a_real_model_wrote(tmp_path):
    shown = run("demo", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "smollm2-135m" in shown.stdout
    assert "exitcode: 0 (execution succeeded)" in shown.stdout
    assert "printed (exit code 0)" in shown.stdout
    assert "The right answer is 5050" in shown.stdout
    assert not list(tmp_path.iterdir())


def test_a_chat_runs_the_code_of_the_model(openai_server, config_list, tmp_path):
    server = openai_server("```python\nprint(6 * 7)\n```", "It is 42. TERMINATE")
    path = config_list(server.config)
    arguments = ("--config", path, "--no-docker", "--human", "never")
    shown = run("chat", "What is 6 times 7?", *arguments, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "Code output: 42" in shown.stdout
    assert "Ended: termination_message, 4 messages" in shown.stderr
    assert (tmp_path / "coding").is_dir()


def test_a_chat_may_be_limited(openai_server, config_list, tmp_path):
    path = config_list(openai_server("one").config)
    arguments = ("--config", path, "--no-docker", "--human", "never", "--max-turns", "1")
    shown = run("chat", "hi", *arguments, cwd=tmp_path)
    assert "Ended: max_turns, 2 messages" in shown.stderr


def test_without_docker_a_chat_says_what_to_do(openai_server, config_list, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setattr("autogen.code_utils.in_docker_container", lambda: False)  # the tests themselves may run in one
    ended = CliRunner().invoke(app, ["chat", "hi", "--config", config_list(openai_server().config)])
    assert isinstance(ended.exception, RuntimeError)
    assert "no Docker engine responds" in str(ended.exception)
    assert "--no-docker" in str(ended.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--config", "NOWHERE"), "No config list"),
        (("--model", "gpt-99"), "There is no local model 'gpt-99'"),
        (("--model", "nowhere.gguf", "--no-docker"), "neither a GGUF file nor one of"),
    ],
)
def test_what_is_missing_is_told_in_one_paragraph(tmp_path, arguments, told):
    shown = run("chat", "hi", *arguments, cwd=tmp_path)
    assert shown.returncode == 1
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_model_that_fails_is_told_without_its_key(openai_server, config_list, tmp_path):
    server = openai_server("unused", api_key="right")
    path = config_list(server.config | {"api_key": KEY})
    shown = run("chat", "hi", "--config", path, "--no-docker", "--human", "never", cwd=tmp_path)
    assert shown.returncode == 1
    assert "AuthenticationError" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert KEY not in shown.stderr + shown.stdout


def test_the_doctor_sees_which_endpoints_answer(openai_server, config_list, tmp_path):
    good = openai_server().config | {"model": "good", "api_key": KEY}
    bad = openai_server(api_key="right").config | {"model": "bad", "api_key": KEY}
    gone = {"model": "gone", "base_url": "http://127.0.0.1:9/v1", "api_key": KEY}
    shown = run("doctor", "--config", config_list(good, bad, gone), cwd=tmp_path)
    lines = {line.split()[0]: line for line in shown.stdout.splitlines() if line.split()}
    assert lines["good"].rstrip().endswith("yes")
    assert "AuthenticationError" in lines["bad"]
    assert "APIConnectionError" in lines["gone"]
    assert "openai" in lines
    assert KEY not in shown.stdout + shown.stderr


def test_the_doctor_of_a_bare_machine_names_the_model_of_this_package(tmp_path):
    shown = run("doctor", cwd=tmp_path, AUTOGEN_HOME=str(tmp_path))
    assert shown.returncode == 0
    assert "smollm2-135m (on this machine)" in shown.stdout
    assert "autogen models pull smollm2-135m" in shown.stdout


def test_a_key_in_the_environment_is_used(tmp_path):
    shown = run("doctor", cwd=tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert "gpt-4o-mini (OPENAI_API_KEY is set)" in shown.stdout
    assert KEY not in shown.stdout


def test_models_are_listed(tmp_path):
    shown = run("models", "list", AUTOGEN_HOME=str(tmp_path))
    assert "smollm2-135m" in shown.stdout
    assert "not here: autogen models pull smollm2-135m" in shown.stdout


def test_a_pull_without_an_index_is_told(tmp_path):
    nowhere = "http://127.0.0.1:9/simple"
    shown = run(
        "models", "pull", "smollm2-135m", AUTOGEN_HOME=str(tmp_path), PIP_INDEX_URL=nowhere, PIP_EXTRA_INDEX_URL=nowhere
    )
    assert shown.returncode == 1
    assert nowhere in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_model_by_name_out_of_a_list(openai_server, config_list, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = openai_server(Fault(status=500)), openai_server("from the second")
    path = config_list(first.config | {"model": "one"}, second.config | {"model": "two"})
    arguments = ["chat", "hi", "--config", path, "--model", "two", "--no-docker", "--human", "never", "--max-turns", "1"]
    assert "from the second" in CliRunner().invoke(app, arguments).output
    assert not first.requests
    assert weights.CATALOGUE
