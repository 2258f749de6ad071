"""Running a file in Docker without an executor, as `execute_code` does."""

import pytest
from executors import IMAGE, no_docker

from autogen import code_utils
from autogen.code_utils import execute_code
from autogen.coding._docker.ownership import OWNER_LABEL, get_process_label

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.skipif("no_docker()", reason=str(no_docker()))]


@pytest.fixture
def run(monkeypatch, tmp_path, client):
    """Run code in the image, also where the tests run in a container themselves."""
    monkeypatch.setattr(code_utils, "in_docker_container", lambda: False)
    made = []

    def run(code, image=IMAGE, **options):
        result = execute_code(code, work_dir=str(tmp_path), use_docker=image, **options)
        made.append(result[2])
        return result

    yield run
    for image in {*made} - {IMAGE}:
        client.images.remove(image, force=True)


def test_output_and_exit_code(run):
    assert run("print(1)")[:2] == (0, "1\n")
    assert run("print('out'); raise SystemExit(3)")[:2] == (3, "out\n")
    assert run("pwd", lang="sh")[:2] == (0, "/workspace\n")


def test_running_too_long(run):
    assert run("while True: pass", timeout=2) == (1, "Timeout", IMAGE)


def test_what_a_run_installs_is_in_its_image(run, client):
    _, _, image = run("open('/var/tmp/x', 'w').write('kept')")
    assert run("print(open('/var/tmp/x').read())", image) == (0, "kept\n", image)
    assert not client.images.get(image).labels[OWNER_LABEL]  # whoever uses it owns what is made of it


def test_a_run_that_installs_nothing_makes_no_image(run):
    assert run("open('/workspace/x', 'w').write('x')")[2] == IMAGE


def test_the_first_image_there_is_is_used(run, tmp_path):
    assert run("print(1)", ["localhost:9/autogen/none", IMAGE])[1:] == ("1\n", IMAGE)


def test_the_code_has_no_rights(run):
    status = run("grep -E 'CapEff|NoNewPrivs' /proc/self/status", lang="sh")[1].split()
    assert status == ["CapEff:", "0" * 16, "NoNewPrivs:", "1"]


def test_much_output_is_cut(run):
    output = run("print('first'); print('x' * 3_000_000); print('last')")[1]
    assert len(output) < 1_100_000
    assert output.startswith("first")
    assert output.endswith("last\n")


def test_no_container_is_left(run, client):
    run("print(1)")
    run("while True: pass", timeout=1)
    assert not client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={get_process_label()}"})
