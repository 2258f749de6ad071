"""What is particular to Docker: isolation, and how containers are made. What all executors do is in the contract's tests."""

import asyncio
import logging
import os
import threading

import pytest
from containers import names, run, sh
from executors import no_docker

from autogen._threads import run_in_thread
from autogen.coding import DockerCommandLineCodeExecutor
from autogen.coding._docker import containers, execution
from autogen.coding._docker.ownership import OWNER_LABEL, get_process_label
from autogen.coding.func_with_reqs import FunctionWithRequirements
from autogen.coding.local_commandline_code_executor import Limits

docker = pytest.importorskip("docker")
pytestmark = [pytest.mark.docker, pytest.mark.skipif("no_docker()", reason=str(no_docker()))]


def test_the_code_has_no_rights(made):
    status = sh(made(), "grep -E 'Cap(Eff|Bnd)|NoNewPrivs' /proc/self/status").output.split()
    assert status == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]


def test_rights_may_be_kept(made):
    assert "cap_chown" not in sh(made(), "chown 5 /tmp && echo cap_chown").output
    assert sh(made(user="root", capabilities=["CHOWN"]), "chown 5 /tmp && echo cap_chown").output == "cap_chown\n"


def test_the_code_runs_as_who_runs_this(made):
    assert sh(made(), "id -u; id -g").output.split() == [str(os.getuid()), str(os.getgid())]


def test_another_user_has_a_home_to_install_in(made, tmp_path):
    tmp_path.chmod(0o755)
    code = (
        "id -u; mkdir -p $HOME/.local/bin; printf 'echo mine' > $HOME/.local/bin/mine; chmod +x $HOME/.local/bin/mine; mine"
    )
    assert sh(made(user="4711:4711"), code).output == "4711\nmine\n"


def test_the_network_may_be_shut_off(made, client):
    executor = made(network=False)
    assert sh(executor, "ls /sys/class/net").output == "lo\n"
    assert client.containers.get(executor._container.id).attrs["HostConfig"]["NetworkMode"] == "none"


def test_only_the_work_directory_and_tmp_can_be_written_to(made):
    executor = made(read_only=True)
    assert sh(executor, "echo x > /workspace/x; echo x > /tmp/x; echo x > $HOME/x; cat /tmp/x").output == "x\n"
    assert sh(executor, "echo x > /etc/x").exit_code != 0


def test_blocks_may_import_functions(made):
    executor = made(
        functions=[FunctionWithRequirements.from_str("def shout(x):\n    return x.upper()")], functions_module="mine"
    )
    for code in ("from mine import shout\nprint(shout('a'))", "import mine\nprint(mine.shout('a'))"):
        assert run(executor, ("python", code)).output == "A\n"
    assert executor.functions_module == "mine"
    assert "def shout(x)" in executor.format_functions_for_prompt()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (FunctionWithRequirements.from_str("def f(): ...", ["no-such-package-4711"]), "Pip install failed"),
        (FunctionWithRequirements.from_str("def f(): ...", [], ["no_such_module"]), "Functions failed to load"),
    ],
)
def test_functions_that_can_not_be_installed(made, function, message):
    with pytest.raises(ValueError, match=message):
        run(made(functions=[function], network=False), ("python", "print(1)"))


def test_the_module_of_functions_has_a_name_that_can_be_imported():
    with pytest.raises(ValueError, match="valid Python identifier"):
        DockerCommandLineCodeExecutor(functions_module="not a name")


def test_memory_is_limited(made):
    result = run(made(limits=Limits(memory=60_000_000)), ("python", "x = bytearray(200_000_000)\nprint('never')"))
    assert result.exit_code != 0
    assert "never" not in result.output


def test_a_fork_bomb_is_stopped_and_the_container_stays_of_use(made):
    """Every process starts others until no more can be; all of them stay."""
    executor = made(limits=Limits(processes=32), timeout=2)
    code = "import os, time\nwhile True:\n  try: os.fork()\n  except OSError: print('full', flush=True); time.sleep(600)"
    result = run(executor, ("python", code))
    assert result.exit_code == 124
    assert "full" in result.output
    assert sh(executor, "set -- /proc/[0-9]*; [ $# -lt 6 ] && echo clear").output == "clear\n"


def test_the_other_limits_are_set(made, client):
    executor = made(limits=Limits(file_size=1_000_000, memory=2**29), cpus=0.5)
    config = client.containers.get(executor._container.id).attrs["HostConfig"]
    assert (config["NanoCpus"], config["Memory"], config["MemorySwap"]) == (500_000_000, 2**29, 2**29)
    assert sh(executor, "head -c 2000000 /dev/zero > big").exit_code != 0


def test_what_a_block_starts_ends_with_it(made):
    executor = made()
    start = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True, env={}); print('started')"
    assert run(executor, ("python", start)).output == "started\n"
    assert sh(executor, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").output.count("sleep 600") == 0


def test_what_a_block_leaves_when_it_kills_its_shell_ends_too(made):
    executor = made()
    assert sh(executor, "sleep 600 & kill -9 $PPID; sleep 600").exit_code == 137
    assert "sleep" not in sh(executor, "cat /proc/[0-9]*/comm").output


def test_what_ignores_signals_is_killed(made):
    executor = made(timeout=1)
    code = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('before', flush=True)\ntime.sleep(600)"
    result = run(executor, ("python", code))
    assert (result.exit_code, result.output) == (124, "before\n\nTimeout")
    assert "python" not in sh(executor, "cat /proc/[0-9]*/comm").output


def test_orphans_do_not_fill_the_container(made):
    executor = made(limits=Limits(processes=16))
    for _ in range(3):
        assert sh(executor, "for i in 1 2 3 4 5 6 7 8; do setsid sleep 600 >/dev/null 2>&1 & done").exit_code == 0


WAITS = "import os, time\nopen('tmp', 'w').close()\nos.rename('tmp', 'waits')\ntime.sleep(600)"


def test_cancelling_the_caller_kills_the_block(made, tmp_path):
    executor = made(timeout=600)

    async def main():
        task = asyncio.create_task(run_in_thread(run, executor, ("python", WAITS)))
        while not (tmp_path / "waits").exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())  # returns when its threads have ended
    assert "python" not in sh(executor, "cat /proc/[0-9]*/comm").output


def test_an_interrupt_of_the_caller_kills_the_block(made, tmp_path, monkeypatch):
    executor = made()

    def interrupted(*_):
        while not (tmp_path / "waits").exists():
            pass
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(execution, "_wait_for_exit", interrupted)  # stands in for Ctrl-C, which would end the test run itself
        with pytest.raises(KeyboardInterrupt):
            run(executor, ("python", WAITS))
    assert "python" not in sh(executor, "cat /proc/[0-9]*/comm").output


def test_a_container_that_goes_while_a_block_runs_is_a_failed_result(made, tmp_path, client):
    executor = made()

    def kill():
        while not (tmp_path / "waits").exists():
            pass
        client.api.kill(executor._container.id)

    killer = threading.Thread(target=kill)
    killer.start()
    assert run(executor, ("python", WAITS)).exit_code == 137
    killer.join()


def test_a_missing_program_is_a_failed_result(made):
    executor = made(execution_policies={"javascript": True, "html": True, "cobol": True})
    for language, said in (("js", "node: not found"), ("ps1", "pwsh: not found"), ("html", "no program"), ("cobol", "")):
        result = run(executor, (language, "x"))
        assert result.exit_code != 0
        assert said in result.output
    assert result.output == "Unsupported language cobol\n"


def test_no_blocks_are_refused(made):
    with pytest.raises(ValueError, match="No code blocks to execute"):
        made().execute_code_blocks([])


@pytest.mark.parametrize("stop_container", [True, False])
def test_what_is_written_in_the_container_stays_over_a_restart(made, stop_container):
    executor = made(stop_container=stop_container)
    sh(executor, "echo kept > /var/tmp/x")
    executor.restart()
    assert sh(executor, "cat /var/tmp/x").output == "kept\n"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"timeout": 0}, ValueError),
        ({"work_dir": "missing/parent"}, FileNotFoundError),
        ({"reuse": True}, ValueError),
        ({"network": "no-such-network"}, docker.errors.APIError),
    ],
)
def test_impossible_settings_are_refused_and_leave_nothing(made, client, monkeypatch, tmp_path, options, error):
    monkeypatch.chdir(tmp_path)

    def of_this_process():
        return {c["Id"] for c in client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={get_process_label()}"})}

    before = of_this_process()
    with pytest.raises(error):
        made(**options)
    assert of_this_process() <= before


def test_an_image_that_can_not_be_had_is_an_error_of_the_engine(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(docker.errors.DockerException):
        DockerCommandLineCodeExecutor("localhost:9/autogen/none", work_dir=tmp_path)
    assert "Pulling image localhost:9/autogen/none" in caplog.text


def test_the_folder_may_have_another_name_for_the_engine(made, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    executor = made(work_dir=tmp_path / "link", bind_dir=tmp_path / "real")
    assert (executor.work_dir, executor.bind_dir) == (tmp_path / "link", tmp_path / "real")
    result = run(executor, ("python", "# filename: x.py\nprint(1)"))
    assert (result.output, result.code_file) == ("1\n", str(tmp_path / "link" / "x.py"))


def test_a_folder_may_have_any_name(made, tmp_path):
    assert run(made(work_dir=tmp_path / "a:b c, ü"), ("python", "print(1)")).output == "1\n"


def test_a_folder_that_is_not_there_for_the_engine_is_refused(made):
    with pytest.raises(ValueError, match="does not see the files of /no/such/folder"):
        made(bind_dir="/no/such/folder")


def test_a_folder_that_is_another_one_for_the_engine_is_refused(made, client, tmp_path, name):
    """A link that changes while the container is made stands in for an engine on another machine."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "work").symlink_to("there")
    start = containers.start_container

    def start_elsewhere(*arguments, **options):
        container = start(*arguments, **options)
        (tmp_path / "work").unlink()
        (tmp_path / "work").symlink_to("here")
        return container

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autogen.coding.docker_commandline_code_executor.start_container", start_elsewhere)
        with pytest.raises(ValueError, match=r"does not see the files of .*bind_dir"):
            made(work_dir=tmp_path / "work", container_name=name)
    assert name not in names(client)
