"""What every executor promises, whatever it runs code in. `executors.py` lists those it is tested with."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from executors import EXECUTORS, REMOTE

from autogen import AssistantAgent, UserProxyAgent
from autogen.coding import CodeBlock, CodeExecutor, CodeResult
from autogen.testing.kit import check_executor

EVERY = [pytest.param(entry, id=entry.name, marks=entry.marks) for entry in EXECUTORS]
PROGRAMS = [pytest.param(entry, id=entry.name, marks=entry.marks) for entry in EXECUTORS if entry.programs]
SLOW = (pytest.mark.slow,)
ALL = [pytest.param(e, id=e.name, marks=e.marks or (SLOW if e.name != "local" else ())) for e in [*EXECUTORS, *REMOTE]]
of_programs = pytest.mark.parametrize("entry", PROGRAMS, indirect=True)  # what only those promise that run programs


@pytest.fixture(params=EVERY)
def entry(request):
    if reason := request.param.skip():
        pytest.skip(reason)
    return request.param


@pytest.fixture
def started(entry, tmp_path):
    """Start an executor, with a time limit if one is given."""
    running = []

    def start(timeout=60):
        manager = entry.make(tmp_path, timeout)
        running.append(manager)
        return manager.__enter__()

    yield start
    for manager in running:
        manager.__exit__(None, None, None)


@pytest.fixture
def run(started):
    """Run blocks given as code, or as (language, code) pairs, in one executor."""
    executor = started()

    def run(*blocks):
        return execute(executor, *blocks)

    return run


def execute(executor, *blocks):
    pairs = [("python", block) if isinstance(block, str) else block for block in blocks]
    return executor.execute_code_blocks([CodeBlock(language=language, code=code) for language, code in pairs])


def test_it_is_an_executor(started):
    executor = started()
    assert isinstance(executor, CodeExecutor)
    assert isinstance(type(executor), CodeExecutor)  # users ask that of the class, too
    blocks = executor.code_extractor.extract_code_blocks("```python\nprint(1)\n```")
    assert executor.execute_code_blocks(blocks).output.strip() == "1"


def test_what_is_printed_comes_back(run):
    result = run("print('one'); print('two')")
    assert isinstance(result, CodeResult)
    assert (result.exit_code, result.output.strip()) == (0, "one\ntwo")


def test_blocks_run_in_order(run):
    result = run("print('one')", "print('two')")
    assert result.exit_code == 0
    assert result.output.split() == ["one", "two"]


def test_languages_are_known_in_any_case(run):
    assert run(("Python", "print(1)"), ("PYTHON", "print(2)")).output.split() == ["1", "2"]


def test_an_error_ends_the_run_and_says_what_and_where(run):
    result = run("print('before')", "def f():\n    return 1 / 0\nf()", "print('never')")
    assert result.exit_code != 0
    assert "before" in result.output
    assert "ZeroDivisionError" in result.output
    assert "line 2" in result.output or "2 " in result.output
    assert "never" not in result.output


def test_an_unknown_language_is_a_failed_result_that_names_it(run):
    result = run("print('before')", ("cobol", "DISPLAY 'x'."), "print('never')")
    assert result.exit_code != 0
    assert "before" in result.output
    assert "cobol" in result.output
    assert "never" not in result.output


@pytest.mark.slow
def test_a_block_that_takes_too_long_is_ended_and_the_next_one_runs(started):
    executor = started(timeout=2)
    result = execute(executor, "print('before', flush=True)\nwhile True: pass", "print('never')")
    assert result.exit_code == 124
    assert "before" in result.output
    assert result.output.endswith("Timeout")
    assert "never" not in result.output
    assert execute(executor, "print('after')").output.strip() == "after"


def test_a_block_that_sleeps_too_long_is_ended(started):
    assert execute(started(timeout=1), "import time; time.sleep(600)").exit_code == 124


def test_nobody_answers_a_question_of_the_code(run):
    result = run("input('name? ')")
    assert result.exit_code not in (0, 124)


def test_files_stay_in_the_work_directory(run, tmp_path):
    assert run("open('made.txt', 'w').write('kept')").exit_code == 0
    assert run("print(open('made.txt').read())").output.strip() == "kept"
    assert "made.txt" in os.listdir(tmp_path)


def test_text_of_all_scripts_comes_back(run):
    assert run("print('héllo 你好 🙂')").output.strip() == "héllo 你好 🙂"


def test_code_with_a_lone_surrogate_is_a_result(run):
    assert isinstance(run("print('\ud800')").exit_code, int)


def test_much_output_is_cut_and_says_so(run):
    result = run("print('first'); print('x' * 3_000_000); print('last')")
    assert result.exit_code == 0
    assert len(result.output) < 1_100_000
    assert "first" in result.output[:100]
    assert "last" in result.output[-100:]
    assert "cut here" in result.output


def test_no_key_of_the_environment_is_seen(monkeypatch, started):
    monkeypatch.setenv("OPENAI_API_KEY", "planted-secret")
    result = execute(started(), "import os; print(sorted(os.environ.items()))")
    assert "PATH" in result.output
    assert "planted-secret" not in result.output


def test_it_works_after_a_restart(started):
    executor = started()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one that has nothing to restart says so
        executor.restart()
    assert execute(executor, "print('after')").output.strip() == "after"


@pytest.mark.slow
def test_several_threads_may_use_it(run):
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda number: run(f"print({number})"), range(8)))
    assert [result.output.strip() for result in results] == [str(number) for number in range(8)]


def test_it_serves_a_chat(call, scripted_model, started):
    model = scripted_model("```python\nprint(6 * 7)\n```", "TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"executor": started()})
    history = call(user.initiate_chat, assistant, message="go", silent=True).chat_history
    assert history[2]["content"].strip() == "exitcode: 0 (execution succeeded)\nCode output: 42"


@pytest.mark.slow
@pytest.mark.parametrize("entry", ALL, indirect=True)
def test_it_passes_the_kit(entry, tmp_path):
    check_executor(lambda: entry.make(tmp_path, 60), make_impatient=lambda: entry.make(tmp_path, 2))


@of_programs
def test_the_exit_code_is_that_of_the_program(run):
    result = run(("sh", "echo out; echo err 1>&2; exit 3"), ("sh", "echo never"))
    assert (result.exit_code, result.output) == (3, "out\nerr\n")


@of_programs
def test_output_and_errors_come_in_their_order(run):
    code = "import sys\nfor i in range(3):\n  print(i, flush=True)\n  print(-i, file=sys.stderr, flush=True)"
    assert run(code).output == "0\n0\n1\n-1\n2\n-2\n"


@of_programs
def test_a_crash_is_a_failed_result(run):
    assert run("import os; os.kill(os.getpid(), 11)").exit_code not in (0, 124)


@of_programs
def test_a_block_may_name_its_file(run, tmp_path):
    result = run("# filename: sub/mine.py\nprint(__file__)")
    assert result.output.strip().endswith("sub/mine.py")
    assert os.path.samefile(result.code_file, tmp_path / "sub" / "mine.py")


@of_programs
@pytest.mark.parametrize("name", ["../x.py", "../../x.py", "/tmp/autogen-escape.py", "link/x.py"])
def test_a_file_name_that_leads_out_is_refused(run, tmp_path, name):
    (tmp_path / "link").symlink_to(tmp_path.parent)
    result = run("print('before')", f"# filename: {name}\nprint('never')")
    assert (result.exit_code, result.output) == (1, "before\nFilename is not in the workspace")
    assert not os.path.exists("/tmp/autogen-escape.py")


@of_programs
def test_a_link_that_code_plants_in_the_place_of_a_file_is_not_followed(run, tmp_path):
    precious = tmp_path.parent / f"{tmp_path.name}-precious"
    precious.write_text("precious")
    file = run("print(1)").code_file
    os.unlink(file)
    os.symlink(precious, file)
    assert run("print(1)").output == "1\n"
    assert precious.read_text() == "precious"


@of_programs
@pytest.mark.parametrize("language", ["html", "css", "javascript", "js"])
def test_some_languages_are_saved_only(run, language):
    result = run((language, "x"))
    assert result.exit_code == 0
    assert result.output.startswith("Code saved to ")
    assert os.path.isfile(result.code_file)


@of_programs
def test_output_that_is_not_utf8_is_shown_as_well_as_can_be(run):
    assert run(r"import os; os.write(1, b'a\xff\xfeb')").output == "a\ufffd\ufffdb"


@of_programs
def test_a_background_job_that_holds_the_output_does_not_hold_the_chat(run):
    result = run(("sh", "echo done; sleep 600 & exit 0"))
    assert (result.exit_code, result.output) == (0, "done\n")


@of_programs
def test_files_that_blocks_made_are_told(run, tmp_path):
    result = run("open('plot.png', 'w').write('x')")
    assert result.output_files == [str(tmp_path / "plot.png")]
