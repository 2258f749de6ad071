"""Running a file in Docker: a real engine, and an image with Python of the name below."""

import pytest

from autogen import code_utils
from autogen.code_utils import execute_code

IMAGE = "autogen-test:python"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run code in the image, also where the tests run in a container themselves."""
    docker = pytest.importorskip("docker")
    if not code_utils.is_docker_running():
        pytest.skip("no Docker engine answers")
    client = docker.from_env()
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"there is no image {IMAGE}")
    monkeypatch.setattr(code_utils, "in_docker_container", lambda: False)
    made = []

    def run(code, image=IMAGE, **options):
        result = execute_code(code, work_dir=str(tmp_path), use_docker=image, **options)
        made.append(result[2])
        return result

    yield run
    for image in {*made} - {IMAGE}:
        client.images.remove(image, force=True)
    client.close()


def test_output_and_exit_code(run):
    assert run("print(1)")[:2] == (0, "1\n")
    assert run("print('out'); raise SystemExit(3)")[:2] == (3, "out\n")
    assert run("pwd", lang="sh")[:2] == (0, "/workspace\n")


def test_running_too_long(run):
    assert run("while True: pass", timeout=2) == (1, "Timeout", IMAGE)


def test_what_a_run_installs_is_in_its_image(run):
    _, _, image = run("open('/root/x', 'w').write('kept')")
    assert run("print(open('/root/x').read())", image)[:2] == (0, "kept\n")
