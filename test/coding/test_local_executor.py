"""Running code on this machine: what comes back, and where it is kept."""

import os
import sys
import venv
from concurrent.futures import ThreadPoolExecutor

import pytest

from autogen.coding import CodeBlock, CodeExecutor, CodeExecutorFactory, LocalCommandLineCodeExecutor
from autogen.coding import local_commandline_code_executor as module
from autogen.coding.base import CommandLineCodeResult


@pytest.fixture
def run(tmp_path):
    """Run blocks given as (language, code) pairs."""

    def run(*blocks, **options):
        executor = LocalCommandLineCodeExecutor(**{"work_dir": tmp_path, **options})
        return executor.execute_code_blocks([CodeBlock(language=language, code=code) for language, code in blocks])

    return run


@pytest.mark.parametrize(
    ("blocks", "exit_code", "output"),
    [
        ([], 0, ""),
        ([("python", "print(1)")], 0, "1\n"),
        ([("Python", "print(1)"), ("py", "print(2)")], 0, "1\n2\n"),
        ([("sh", "echo hi; echo err 1>&2; exit 3"), ("sh", "echo never")], 3, "hi\nerr\n"),
        ([("python", "print(1)"), ("ruby", "x")], 1, "1\n\nunknown language ruby"),
        ([("bash", "false\necho ok")], 0, "ok\n"),
        ([("python", "print(1)"), ("python", "# filename: ../x.py\nprint(2)")], 1, "1\nFilename is not in the workspace"),
        ([("python", "print('A')"), ("sh", "exit 5"), ("sh", "echo never")], 5, "A\n"),
        ([("sh", "rm -rf /")], 1, "Potentially dangerous command detected: Use of 'rm -rf' command is not allowed."),
        ([("python", "import os; os.kill(os.getpid(), 11)")], -11, ""),
    ],
)
def test_results(run, blocks, exit_code, output):
    result = run(*blocks)
    assert (result.exit_code, result.output) == (exit_code, output)


def test_output_and_errors_come_in_their_order(run):
    code = "import sys\nfor i in range(3):\n  print(i, flush=True)\n  print(-i, file=sys.stderr, flush=True)"
    assert run(("python", code)).output == "0\n0\n1\n-1\n2\n-2\n"


def test_the_python_of_this_process_runs(run):
    assert run(("python", "import sys; print(sys.executable)")).output.strip() == sys.executable


def test_the_python_of_a_virtual_environment_runs(run, tmp_path):
    builder = venv.EnvBuilder(with_pip=False)
    builder.create(tmp_path / "v")
    context = builder.ensure_directories(tmp_path / "v")
    result = run(("python", "import sys; print(sys.prefix)"), virtual_env_context=context)
    assert result.output.strip() == str(tmp_path / "v")
    which = run(("sh", "command -v python; echo $VIRTUAL_ENV"), virtual_env_context=context)
    assert which.output == f"{tmp_path / 'v' / 'bin' / 'python'}\n{tmp_path / 'v'}\n"


@pytest.mark.parametrize(
    ("first_line", "file"),
    [
        ("# filename: a.py", "a.py"),
        ("# filename:a.py", "a.py"),
        ("# a.py", "a.py"),
        ("# filename: sub/a.py", "sub/a.py"),
        ("# filename: sub/../b.py", "b.py"),
    ],
)
def test_a_block_may_name_its_file(run, tmp_path, first_line, file):
    result = run(("python", f"{first_line}\nprint('ran')"))
    assert result.output == "ran\n"
    assert result.code_file == str(tmp_path / file)
    assert (tmp_path / file).read_text().startswith(first_line)


@pytest.mark.parametrize(
    "comment",
    ["# This is a comment", "# 3.14", "# e.g.", "# calculate 3/4 of the total", "# " + "x" * 300, "#", "#!/bin/sh"],
)
def test_an_ordinary_comment_is_no_file_name(run, comment):
    result = run(("python", f"{comment}\nprint('ran')"))
    assert (result.exit_code, result.output) == (0, "ran\n")
    assert "tmp_code_" in result.code_file


@pytest.mark.parametrize("language", ["html", "css", "javascript", "js"])
def test_some_languages_are_saved_only(run, language):
    result = run((language, "x"))
    assert result.exit_code == 0
    assert result.output == f"Code saved to {result.code_file}\n"


def test_policies_may_be_changed(run):
    assert run(("python", "print(1)"), execution_policies={"python": False}).output.startswith("Code saved to ")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"functions_module": "not a name"}, ValueError),
        ({"work_dir": "missing/parent"}, FileNotFoundError),
        ({"functions": None}, TypeError),
    ],
)
def test_impossible_settings_are_refused(tmp_path, monkeypatch, options, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        LocalCommandLineCodeExecutor(**options)


def test_variables_may_be_given(run):
    code = "import os; print(os.environ['GREETING'])"
    assert run(("python", code), environment={"GREETING": "hello"}).output == "hello\n"


def test_restart_warns():
    with pytest.warns(UserWarning, match="No action is taken"):
        LocalCommandLineCodeExecutor().restart()


def test_the_factory(tmp_path):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    assert CodeExecutorFactory.create({"executor": executor}) is executor
    made = CodeExecutorFactory.create({"executor": "commandline-local", "commandline-local": {"work_dir": tmp_path}})
    assert made.work_dir == tmp_path


@pytest.mark.parametrize("config", [{}, {"executor": "commandline-mainframe"}, {"executor": 5}])
def test_the_factory_refuses_what_it_does_not_know(config):
    with pytest.raises(ValueError, match=f"Unknown code executor {config.get('executor')}"):
        CodeExecutorFactory.create(config)


def test_the_protocol_is_structural(tmp_path):
    class Half:
        code_extractor = None

        def execute_code_blocks(self, code_blocks): ...

    assert isinstance(LocalCommandLineCodeExecutor(work_dir=tmp_path), CodeExecutor)
    assert isinstance(LocalCommandLineCodeExecutor, CodeExecutor)
    assert not isinstance(Half(), CodeExecutor)


OLD_NAMES = {
    "LocalCommandlineCodeExecutor": (LocalCommandLineCodeExecutor, {}),
    "CommandlineCodeResult": (CommandLineCodeResult, {"exit_code": 0, "output": ""}),
}


@pytest.mark.parametrize("name", OLD_NAMES)
def test_an_old_name_warns_and_works(name):
    new, arguments = OLD_NAMES[name]
    old = getattr(module, name)
    with pytest.warns(DeprecationWarning, match=f"{name} is deprecated.*{new.__name__}"):
        made = old(**arguments)
    assert type(made) is new
    assert isinstance(made, old)
    with pytest.warns(DeprecationWarning, match=name):

        class Child(old): ...

    assert issubclass(Child, new)
    assert issubclass(Child, old)


@pytest.mark.slow
def test_pip_is_quiet(run):
    result = run(("sh", "pip install ./nothing-here"))
    assert result.exit_code != 0
    with open(result.code_file) as file:
        assert file.read() == "pip install -qqq ./nothing-here"


def test_the_temporary_files_are_in_the_work_directory(run, tmp_path):
    run(("python", "open('made.txt', 'w').write('x')"))
    assert "made.txt" in os.listdir(tmp_path)


def test_the_same_code_in_several_threads(run):
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: run(("python", "print(1)")), range(16)))
    assert {(result.exit_code, result.output) for result in results} == {(0, "1\n")}


def test_an_override_that_refuses_code_is_called(tmp_path):
    class Guarded(LocalCommandLineCodeExecutor):
        def _execute_code_dont_check_setup(self, code_blocks):
            return CommandLineCodeResult(exit_code=1, output="refused")

    result = Guarded(work_dir=tmp_path).execute_code_blocks([CodeBlock(language="python", code="print('ran')")])
    assert result.output == "refused"
