"""What a model may write: each program is contained, and comes back as a result.

The programs are bounded in themselves, so that a failure of the tests harms nobody's machine.
"""

import os
import sys
import time
from pathlib import Path

import pytest

from autogen import AssistantAgent, UserProxyAgent
from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor
from autogen.coding._process import Limits

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are written for POSIX")

CLOCK = time.monotonic


@pytest.fixture
def run(tmp_path):
    def run(language, code, **options):
        executor = LocalCommandLineCodeExecutor(**{"work_dir": tmp_path, "timeout": 1, **options})
        return executor.execute_code_blocks([CodeBlock(language=language, code=code)])

    return run


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "print('before', flush=True)\nwhile True: pass"),
        ("sh", "echo before; while :; do :; done"),
        ("python", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('before', flush=True)\ntime.sleep(600)"),
    ],
    ids=["loop in Python", "loop in sh", "ignores signals"],
)
def test_an_endless_program_is_killed_and_what_it_printed_is_kept(run, language, code):
    result = run(language, code)
    assert (result.exit_code, result.output) == (124, "before\n\nTimeout")


CHILDREN = {
    "child": "p = subprocess.Popen(['sleep', '600'])",
    "new session": "p = subprocess.Popen(['sleep', '600'], start_new_session=True)",
    "orphan in a new session": (
        "p = subprocess.Popen(['sh', '-c', 'sleep 600 & echo $! > pid'], start_new_session=True); p.wait()\n"
        "p.pid = int(open('pid').read())"
    ),
}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes of other sessions are found in /proc")
@pytest.mark.parametrize("then", ["time.sleep(600)", "pass"], ids=["times out", "ends"])
@pytest.mark.parametrize("start", CHILDREN.values(), ids=CHILDREN.keys())
def test_what_a_program_starts_dies_with_it(run, tmp_path, start, then):
    began = CLOCK()
    result = run("python", f"import subprocess, time\n{start}\nopen('child', 'w').write(str(p.pid))\n{then}")
    assert result.exit_code == (124 if "sleep" in then else 0)
    assert not alive(int((tmp_path / "child").read_text()))
    assert CLOCK() - began < 30


def test_a_background_job_that_holds_the_output_does_not_hold_the_chat(run):
    result = run("sh", "echo done; sleep 600 & exit 0", timeout=30)
    assert (result.exit_code, result.output) == (0, "done\n")


def test_a_fork_bomb_is_killed_when_it_has_too_many_processes(run, tmp_path):
    """Its first steps: every process starts two, down to a depth of 9. The watch on the number of processes ends it."""
    code = (
        "import os, time\n"
        "for depth in range(9):\n"
        "    os.fork(); os.fork() if depth < 1 else None\n"
        "open(f'p{os.getpid()}', 'w').close()\n"
        "time.sleep(600)"
    )
    result = run("python", code, timeout=60, limits=Limits(processes=32))
    assert "more than 32 processes at once" in result.output
    assert result.exit_code != 0
    assert not [path for path in tmp_path.glob("p*") if path.name[1:].isdigit() and alive(int(path.name[1:]))]


def test_a_gigabyte_of_output_is_cut(run):
    resource = pytest.importorskip("resource", reason="memory is measured with it")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blocks = "for _ in range(1000): os.write(1, b'x' * 1_000_000)"
    code = f"import os\nos.write(1, b'first')\n{blocks}\nos.write(1, b'last')"
    result = run("python", code, timeout=60)
    assert result.exit_code == 0
    assert len(result.output) < 1_100_000
    assert result.output.startswith("first")
    assert result.output.endswith("last")
    assert "bytes of output cut here" in result.output
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_a_disk_filler_is_stopped(run, tmp_path):
    code = "f = open('big', 'wb')\nfor _ in range(64): f.write(b'x' * 1_000_000)"
    result = run("python", code, timeout=30, limits=Limits(file_size=5_000_000))
    assert result.exit_code != 0
    assert (tmp_path / "big").stat().st_size <= 5_000_000


def test_a_memory_hog_is_stopped(run):
    code = "hog = []\nfor _ in range(64): hog.append(bytearray(10_000_000))"
    result = run("python", code, timeout=30, limits=Limits(memory=300_000_000))
    assert result.exit_code != 0
    assert "MemoryError" in result.output


@pytest.mark.parametrize("name", ["../../x.py", "../x.py", "/tmp/autogen-escape.py", "sub/../../x.py", "link/x.py"])
def test_a_file_name_that_leads_out_is_refused(run, tmp_path, name):
    inside = tmp_path / "a" / "work"
    inside.mkdir(parents=True)
    (inside / "link").symlink_to(tmp_path)
    result = run("python", f"# filename: {name}\nprint('ran')", work_dir=inside)
    assert (result.exit_code, result.output) == (1, "Filename is not in the workspace")
    assert not list(tmp_path.rglob("x.py"))
    assert not os.path.exists("/tmp/autogen-escape.py")


def test_a_link_planted_in_the_place_of_a_file_is_not_followed(run, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    inside = tmp_path / "work"
    inside.mkdir()
    first = run("python", "print('x')", work_dir=inside)
    os.replace(first.code_file, inside / "moved")
    os.symlink(precious, first.code_file)
    assert run("python", "print('x')", work_dir=inside).output == "x\n"
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", [".", "sub/..", "x" * 300 + ".py"])
def test_an_impossible_file_name_is_a_result(run, name):
    assert run("python", f"# filename: {name}\nprint('ran')").exit_code == 1


def test_no_secret_of_the_environment_is_seen(run, monkeypatch):
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HTTPS_PROXY", "OAI_CONFIG_LIST", "MY_PASSWORD"):
        monkeypatch.setenv(name, "planted-secret")
    for language, code in (("python", "import os; print(dict(os.environ))"), ("sh", "env")):
        result = run(language, code, timeout=30)
        assert "PATH" in result.output
        assert "planted-secret" not in result.output


def test_the_input_of_the_user_is_not_read(run):
    result = run("python", "import sys; print(repr(sys.stdin.read()))", timeout=30)
    assert result.output == "''\n"


def test_output_that_is_not_utf8_is_shown_as_well_as_can_be(run):
    assert run("python", r"import os; os.write(1, b'a\xff\xfeb')", timeout=30).output == "a\ufffd\ufffdb"


def test_code_with_a_lone_surrogate_is_a_result(run):
    assert run("python", "print('\ud800')", timeout=30).output == "?\n"


def test_an_interrupt_of_the_caller_kills_the_program(tmp_path, monkeypatch):
    """Ctrl-C arrives while the caller waits for the program."""
    from autogen.coding import _process

    def interrupted(process, limits):
        while not (tmp_path / "pid").exists():
            assert process.poll() is None
        raise KeyboardInterrupt

    monkeypatch.setattr(_process, "_watch", interrupted)  # stands in for the signal, which would end the test run itself
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    code = "import os, time\nopen('tmp', 'w').write(str(os.getpid()))\nos.rename('tmp', 'pid')\ntime.sleep(600)"
    with pytest.raises(KeyboardInterrupt):
        executor.execute_code_blocks([CodeBlock(language="python", code=code)])
    assert not alive(int((tmp_path / "pid").read_text()))


def test_the_chat_goes_on_after_each(call, scripted_model, tmp_path):
    hostile = ["while True: pass", "# filename: ../../x.py\nprint(1)", "import os; os.write(1, b'\\xff' * 3_000_000)"]
    replies = [f"```python\n{code}\n```" for code in hostile]
    model = scripted_model(*replies, "TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=1)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"executor": executor})
    history = call(user.initiate_chat, assistant, message="go", silent=True).chat_history
    assert [message["content"][:11] for message in history[2::2]] == ["exitcode: 1", "exitcode: 1", "exitcode: 0"]
    assert history[2]["content"] == "exitcode: 124 (execution failed)\nCode output: \nTimeout"


@pytest.mark.parametrize("name", ["../../x.py", "/tmp/autogen-escape.py"])
def test_the_way_without_an_executor_is_as_safe(call, scripted_model, tmp_path, name):
    model = scripted_model(f"```python\n# filename: {name}\nprint(1)\n```", "TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    config = {"use_docker": False, "work_dir": str(tmp_path / "a" / "b"), "timeout": 5}
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=config)
    result = call(user.initiate_chat, assistant, message="go", silent=True)
    assert "Filename is not in the workspace" in result.chat_history[2]["content"]
    assert not list(tmp_path.rglob("x.py"))
