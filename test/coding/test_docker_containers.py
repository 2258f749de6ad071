"""How the containers that code runs in end, whose they are, and who shares them."""

import gc
import subprocess
import sys
import threading

import pytest
from containers import names, sh
from executors import IMAGE, no_docker

from autogen.coding import DockerCommandLineCodeExecutor
from autogen.coding._docker.ownership import NAME_LABEL, OWNER_LABEL, get_process_label, is_process_gone

docker = pytest.importorskip("docker")
pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.skipif("no_docker()", reason=str(no_docker()))]


def test_an_engine_that_goes_away_does_not_break_the_end(made, caplog, name):
    executor = made(container_name=name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor._client.api, "remove_container", refuse)  # stands in for an engine that was stopped
        executor._finish()
    assert "can't be stopped" in caplog.text
    executor._is_ours = False


def refuse(*_, **__):
    raise ConnectionError("nobody listens")


def test_it_is_gone_after_stop(made, client, name):
    executor = made(container_name=name)
    executor.stop()
    assert name not in names(client)
    executor.stop()
    with pytest.raises(docker.errors.NotFound):
        sh(executor, "echo never")


def test_the_engine_does_not_remove_it_in_a_restart(made, client, name):
    made(container_name=name)
    # Such an engine removes a container that it restarts, if it is busy: too rarely for a test.
    assert client.containers.get(name).attrs["HostConfig"]["AutoRemove"] is False


def test_it_may_be_kept_when_it_is_stopped(made, client, name):
    made(container_name=name, auto_remove=False).stop()
    assert client.containers.get(name).status == "exited"


def test_it_stops_with_the_block_of_code_it_is_for(made, client, name):
    with made(container_name=name, stop_container=False):
        assert name in names(client)
    assert name not in names(client)


def test_it_stops_when_nobody_has_it_any_more(tmp_path, client, name):
    executor = DockerCommandLineCodeExecutor(IMAGE, name, work_dir=tmp_path)
    assert name in names(client)
    del executor
    gc.collect()
    assert name not in names(client)


def in_another_process(tmp_path, name, then, **options):
    program = (
        "import os\nfrom autogen.coding import DockerCommandLineCodeExecutor\n"
        f"executor = DockerCommandLineCodeExecutor({IMAGE!r}, {name!r}, work_dir={str(tmp_path)!r}, **{options})\n{then}"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("then", ["", "raise RuntimeError", "if os.fork(): os.wait()\nelse: raise SystemExit"])
def test_it_stops_when_the_program_ends(tmp_path, client, name, then):
    assert "DockerException" not in in_another_process(tmp_path, name, then).stderr
    assert name not in names(client)


def test_a_fork_of_the_program_that_ends_does_not_stop_it(tmp_path, client, name):
    then = (
        "if os.fork() == 0: raise SystemExit\n"
        "os.wait()\nfrom autogen.coding import CodeBlock\n"
        "print(executor.execute_code_blocks([CodeBlock(language='sh', code='echo alive')]).output)"
    )
    assert in_another_process(tmp_path, name, then).stdout.strip() == "alive"


def test_it_outlives_the_program_on_request(tmp_path, made, client, name):
    in_another_process(tmp_path, name, "", stop_container=False)
    made()
    assert name in names(client)


@pytest.mark.parametrize("auto_remove", [True, False])
def test_what_a_killed_program_left_is_ended_by_the_next_one(tmp_path, made, client, name, auto_remove):
    then = "print(executor._container.status, flush=True); os.kill(os.getpid(), 9)"
    assert in_another_process(tmp_path, name, then, auto_remove=auto_remove).stdout == "running\n"
    made()
    assert (name in names(client)) is not auto_remove
    if not auto_remove:
        assert client.containers.get(name).status == "exited"


def test_what_belongs_to_others_is_left_alone(made, client, name):
    label = get_process_label()
    boot, namespace, pid, started = label.split("/")
    for owner in (label, f"another-boot/{namespace}/1/0", f"{boot}/another-namespace/1/0", "", "nonsense"):
        assert not is_process_gone(owner)
    assert is_process_gone(f"{boot}/{namespace}/{pid}/{int(started or 0) + 1}")  # the number was used again
    first = made(container_name=name)
    made()
    assert sh(first, "echo alive").output == "alive\n"


def test_what_others_make_of_an_image_with_our_labels_is_left_alone(made, client, name):
    boot, namespace, pid, started = get_process_label().split("/")
    labels = {OWNER_LABEL: f"{boot}/{namespace}/{pid}/{int(started or 0) + 1}", NAME_LABEL: "another"}
    client.containers.create(IMAGE, ["sleep", "600"], name=name, labels=labels)
    made()
    assert name in names(client)


def test_a_name_that_is_taken_is_refused(made, name):
    made(container_name=name)
    with pytest.raises(docker.errors.APIError, match="already in use"):
        made(container_name=name)


def test_a_container_is_shared_by_those_that_ask_for_it(made, client, name):
    first, second = made(container_name=name, reuse=True), made(container_name=name, reuse=True)
    sh(first, "echo warm > /var/tmp/x")
    assert sh(second, "cat /var/tmp/x").output == "warm\n"
    second.stop()
    assert sh(first, "echo alive").output == "alive\n"
    first.stop()
    assert name not in names(client)


def test_a_container_made_otherwise_is_not_shared(made, name):
    made(container_name=name)
    with pytest.raises(ValueError, match="other settings"):
        made(container_name=name, reuse=True)


def test_sharing_is_for_the_same_settings(made, name):
    made(container_name=name, reuse=True)
    with pytest.raises(ValueError, match="other settings"):
        made(container_name=name, reuse=True, network=False)


def test_in_a_shared_container_a_block_is_killed_and_not_that_of_others(made, name, tmp_path):
    first, second = made(container_name=name, reuse=True), made(container_name=name, reuse=True, timeout=1)
    results = []
    wait = "touch ready; while [ ! -e go ]; do sleep 0.01; done; echo through"
    thread = threading.Thread(target=lambda: results.append(sh(first, wait)))
    thread.start()
    while not (tmp_path / "ready").exists():
        pass
    assert sh(second, "setsid sleep 666 & sleep 666").exit_code == 124
    assert "sleep 666" not in sh(second, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").output
    (tmp_path / "go").touch()
    thread.join()
    assert results[0].output == "through\n"
