"""What the table of hostile programs can't say: those that need a second step, and callers that don't wait for the end."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from executors import no_sandbox

from autogen._threads import run_in_thread
from autogen.coding import CodeBlock, LocalCommandLineCodeExecutor, SandboxedCommandLineCodeExecutor
from autogen.coding._processes import limits, runner, watch
from autogen.coding._workspace import clear_set_id_bits, write_code
from autogen.coding.local_commandline_code_executor import Limits

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


@pytest.mark.slow
def test_a_fork_bomb_is_killed_when_it_has_too_many_processes(run, tmp_path):
    """Its first steps: every process starts another, down to a depth of 9, and all of them sleep.

    The watch on the number of processes ends it, and the kill of the group. The system's own limit does not count here: it
    is not enforced for root, which the tests may run as.
    """
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


HOGS = {
    "one process": "hog = []\nfor _ in range(64): hog.append(b'x' * 10_000_000)",
    "several processes": (
        "import os, time\nfor _ in range(3):\n    if os.fork() == 0: break\nhog = b'x' * 100_000_000\ntime.sleep(600)"
    ),
    "shared memory": (
        "import mmap, time\nhog = mmap.mmap(-1, 400_000_000)\nfor at in range(0, len(hog), 4096): hog[at] = 1\n"
        "time.sleep(600)"
    ),
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of several processes is read in /proc")
@pytest.mark.parametrize("executor", ["local", "sandbox"])
@pytest.mark.parametrize("hog", HOGS)
def test_by_default_a_program_gets_half_of_the_memory(tmp_path, monkeypatch, hog, executor):
    monkeypatch.setattr(limits, "read_total_memory", lambda: 600_000_000)
    if executor == "sandbox" and no_sandbox():
        pytest.skip(no_sandbox())
    kind = LocalCommandLineCodeExecutor if executor == "local" else SandboxedCommandLineCodeExecutor
    block = CodeBlock(language="python", code=HOGS[hog])
    result = kind(work_dir=tmp_path, timeout=60).execute_code_blocks([block])
    assert result.exit_code not in (0, 124)
    assert ("MemoryError" if hog == "one process" else "more than 300,000,000 bytes of memory") in result.output


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory that is shared is told in /proc")
def test_memory_that_processes_share_counts_once(run, monkeypatch):
    monkeypatch.setattr(limits, "read_total_memory", lambda: 600_000_000)
    code = (
        "import os, time\nhog = b'x' * 150_000_000\nchildren = [os.fork() for _ in range(2)]\ntime.sleep(1.5)\n"
        "if all(children): print('done')"
    )
    assert run("python", code, timeout=60).output == "done\n"


@pytest.mark.parametrize("free", [(5_000_000_000, 900_000_000), (1_000_000_000, 400_000_000)])
def test_by_default_the_disk_does_not_become_full(run, tmp_path, monkeypatch, free):
    """A disk is told to have little space left as soon as a program has written to it."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(watch.shutil, "disk_usage", lambda path: usage._replace(free=free[(tmp_path / "big").exists()]))
    result = run("python", "import time\nopen('big', 'w').close()\ntime.sleep(600)", timeout=60)
    assert f"less than {min(1_000_000_000, free[0] // 2):,} bytes left on the disk" in result.output
    assert result.exit_code not in (0, 124)


def test_no_default_limit_is_left_out(run):
    code = "import resource as r\nprint(*(r.getrlimit(k)[0] for k in (r.RLIMIT_FSIZE, r.RLIMIT_DATA, r.RLIMIT_CORE)))"
    size, memory, core = map(int, run("python", code, timeout=30).output.split())
    assert (size, core) == (10_000_000_000, 0)
    assert 0 < memory == limits.read_total_memory() // 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit counts on top of what /proc/loadavg says")
def test_the_system_limits_the_processes_of_the_user(run):
    code = "import resource; print(*resource.getrlimit(resource.RLIMIT_NPROC))"
    limits = [run("python", code, timeout=30, limits=Limits(processes=count)).output.split() for count in (1, 10_000)]
    assert limits[0][0] == limits[0][1] != "-1"
    assert int(limits[0][0]) < 100_000


@pytest.mark.slow
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


def plant_pipe(place, precious):
    os.mkfifo(place)


def plant_second_name(place, precious):
    os.link(precious, place)


@pytest.mark.parametrize("plant", [plant_pipe, plant_second_name])
def test_what_is_planted_in_the_place_of_a_file_is_replaced(run, tmp_path, plant):
    """Opening a pipe to write to it would wait for ever."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    plant(tmp_path / "x.py", precious)
    assert run("python", "# filename: x.py\nprint('ran')", timeout=30).output == "ran\n"
    assert precious.read_text() == "precious"
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_folder_in_the_place_of_a_file_is_a_result(run, tmp_path):
    (tmp_path / "x.py").mkdir()
    assert run("python", "# filename: x.py\nprint('ran')").exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.py"]


def test_links_in_a_circle_are_a_result(run, tmp_path):
    (tmp_path / "a").symlink_to("a")
    assert run("python", "# filename: a/x.py\nprint('ran')").exit_code == 1


@pytest.mark.parametrize("link", ["folder", "file.py"])
def test_a_link_that_appears_after_the_name_was_checked_is_not_followed(tmp_path, link):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "file.py").write_text("precious")
    (inside / "folder").symlink_to(outside)
    (inside / "file.py").symlink_to(outside / "file.py")
    if link == "folder":
        with pytest.raises(OSError):
            write_code(inside, "folder/file.py", "code")
    else:
        assert write_code(inside, "file.py", "code").read_text() == "code"
    assert [path.read_text() for path in outside.iterdir()] == ["precious"]


@pytest.mark.slow
def test_set_id_bits_are_cleared_at_any_depth_and_behind_no_link(tmp_path):
    """A container, which has no filter of ours, may leave such files in the folder that it shares with this machine."""
    work, outside = tmp_path / "work", tmp_path / "outside"
    for folder in (work, work / ".hidden", outside):
        folder.mkdir()
    files = [work / "a", work / ".hidden" / "b", outside / "c"]
    folder = os.open(work, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    with contextlib.closing(os.fdopen(os.open("deep", os.O_CREAT | os.O_RDWR, 0o600, dir_fd=folder), "w")) as deep:
        for file in files:
            file.touch()
            file.chmod(0o6755)
        os.fchmod(deep.fileno(), 0o6711)
        (work / "link").symlink_to(outside / "c")
        (work / "folder").symlink_to(outside)
        os.mkfifo(work / "pipe")
        clear_set_id_bits(work)
        assert [oct(file.stat().st_mode & 0o7777) for file in files] == ["0o755", "0o755", "0o6755"]
        assert oct(os.fstat(deep.fileno()).st_mode & 0o7777) == "0o711"
    os.close(folder)
    clear_set_id_bits(tmp_path / "missing")
    subprocess.run(["rm", "-r", str(work)], check=True)


@pytest.mark.parametrize("name", [".", "sub/..", "x" * 300 + ".py", "a\0.py", "\ud800.py"])
def test_an_impossible_file_name_is_a_result(run, name):
    assert run("python", f"# filename: {name}\nprint('ran')").exit_code == 1


def test_no_secret_of_the_environment_is_seen(run, monkeypatch):
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HTTPS_PROXY", "OAI_CONFIG_LIST", "MY_PASSWORD"):
        monkeypatch.setenv(name, "planted-secret")
    monkeypatch.setenv("HTTP_PROXY", "http://me:planted-secret@proxy:80")
    monkeypatch.setenv("LC_API_KEY", "planted-secret")
    for language, code in (("python", "import os; print(dict(os.environ))"), ("sh", "env")):
        result = run(language, code, timeout=30)
        assert "PATH" in result.output
        assert "planted-secret" not in result.output


@pytest.mark.parametrize("proxy", ["http://proxy:80", "socks5://[::1]:1080"])
def test_a_proxy_without_a_password_is_used(run, monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    assert run("sh", "echo $https_proxy", timeout=30).output == f"{proxy}\n"


WAITS = "import os, time\nopen('tmp', 'w').write(str(os.getpid()))\nos.rename('tmp', 'pid')\ntime.sleep(600)"


def test_an_interrupt_of_the_caller_kills_the_program(run, tmp_path, monkeypatch):
    """Ctrl-C arrives while the caller waits for the program."""

    def interrupted(process, *_):
        while not (tmp_path / "pid").exists():
            assert process.poll() is None
        raise KeyboardInterrupt

    monkeypatch.setattr(
        runner, "_wait_for_exit", interrupted
    )  # stands in for the signal, which would end the test run itself
    with pytest.raises(KeyboardInterrupt):
        run("python", WAITS, timeout=60)
    assert not alive(int((tmp_path / "pid").read_text()))


def test_cancelling_the_caller_kills_the_program(run, tmp_path):
    async def main():
        task = asyncio.create_task(run_in_thread(run, "python", WAITS, timeout=600))
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())  # returns when its threads have ended
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_program_in_a_thread_gives_its_result(run):
    assert asyncio.run(run_in_thread(run, "python", "print(1)", timeout=30)).output == "1\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="setsid is a program of Linux")
def test_a_program_that_gets_away_does_not_hold_the_chat(run, tmp_path, monkeypatch):
    """It has left its group, its parent and its environment, so it isn't found. It still holds the output."""
    monkeypatch.setattr(runner, "KILL_GRACE", 0.5)
    result = run("sh", "echo done; env -i setsid sleep 60 & echo $! > pid", timeout=30)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert (result.exit_code, result.output) == (0, "done\n")
