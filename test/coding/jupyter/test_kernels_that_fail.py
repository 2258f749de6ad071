"""Blocks that never end, and kernels that do: each comes back as a result, and the next block runs."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are written for POSIX")


ENDLESS = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(600)",
    "await": "import asyncio; await asyncio.sleep(600)",
    "shell": "!sleep 600",
    "program": "import subprocess; subprocess.run(['sleep', '600'])",
    "prints": "import time\nwhile True: print('.', flush=True); time.sleep(0.1)",
    "catches": "import time\ntry: time.sleep(600)\nexcept BaseException: pass",
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_endless_block_is_interrupted_and_variables_are_kept(run, code):
    run("kept = 1")
    result = run(f"print('before', flush=True)\n{code}", "print('never')", timeout=1)
    assert result.exit_code == 124
    assert result.output.startswith("before\n")
    assert "Timeout" in result.output
    assert "kept the variables" in result.output
    assert "never" not in result.output
    assert run("kept").output == "1"


STUBBORN = {
    "ignores the signal": "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    "handles the signal": "import signal, time; signal.signal(signal.SIGINT, lambda *_: None)\nwhile True: time.sleep(1)",
}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(STUBBORN["ignores the signal"], id="ignores the signal"),
        pytest.param(STUBBORN["handles the signal"], id="handles the signal", marks=pytest.mark.slow),
    ],
)
def test_a_block_that_can_not_be_interrupted_costs_the_kernel_and_the_result_says_so(run, code):
    run("lost = 1")
    result = run(f"print('before', flush=True)\n{code}", timeout=1)
    assert result.exit_code == 124
    assert result.output.startswith("before\n")
    assert "has been restarted" in result.output
    assert "NameError" in run("lost").output


DEADLY = {
    "exit": "import os; os._exit(3)",
    "signal": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "crash": "import ctypes; ctypes.string_at(0)",
    "other program": "import os; os.execvp('true', ['true'])",
}


@pytest.mark.parametrize(
    "code",
    [pytest.param(code, id=name, marks=() if name == "signal" else pytest.mark.slow) for name, code in DEADLY.items()],
)
def test_the_death_of_a_kernel_is_noticed_and_a_new_one_started(run, code):
    result = run(f"print('before', flush=True)\nimport time; time.sleep(0.2)\n{code}", "print('never')")
    assert result.exit_code == 1
    assert "died" in result.output
    assert "has been restarted" in result.output
    assert "never" not in result.output
    assert run("1").output == "1"


def test_exit_ends_the_kernel_and_the_result_says_so(run):
    run("lost = 1")
    assert "ended the kernel" in run("print('x'); exit()").output
    assert "NameError" in run("lost").output


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
def test_a_kernel_that_died_between_two_blocks_is_reported(run, alive):
    pid = int(run("import os, threading; threading.Timer(0.2, os._exit, [1]).start(); print(os.getpid())").output)
    while alive(pid):
        os.sched_yield()
    assert "has been restarted" in run("1").output
    assert run("1").output == "1"


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.close(1); os.close(2)",
        pytest.param("import sys; sys.stdout.close()", marks=pytest.mark.slow),
        pytest.param("import os; os.close(0)", marks=pytest.mark.slow),
    ],
)
def test_a_kernel_without_output_answers_all_the_same(run, shared, code):
    run(code, timeout=10)
    shared.restart()
    assert run("1").output == "1"


def test_what_a_block_starts_ends_with_the_kernel(run, shared, alive):
    code = "import subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session={}); print(p.pid)"
    if "Embedded" not in type(shared).__name__:
        pytest.skip("the server only ends what is in the kernel's own group; the rest ends with the server")
    pids = [int(run(code.format(own)).output) for own in (False, True)]
    assert all(map(alive, pids))
    shared.restart()
    assert not any(map(alive, pids))


def test_a_restart_forgets(run, shared):
    run("lost = 1")
    shared.restart()
    assert "NameError" in run("lost").output


@pytest.mark.usefixtures("sigint_raises")
def test_ctrl_c_of_the_user_interrupts_the_block(run, tmp_path):
    run("kept = 1")
    begun = tmp_path / "begun"

    def press():
        while not begun.exists():
            ended.wait(0.01)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    ended = threading.Event()
    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)")
    thread.join()
    assert run("kept").output == "1"
