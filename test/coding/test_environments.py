"""AG2's environments: the same code in each of them."""

import asyncio
import os
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from executors import IMAGE, no_docker

from autogen.environments import (
    DockerPythonEnvironment,
    SystemPythonEnvironment,
    VenvPythonEnvironment,
    WorkingDirectory,
)
from autogen.environments.python_environment import PythonEnvironment

DOCKER = [pytest.mark.docker, pytest.mark.skipif("no_docker()", reason=str(no_docker()))]
KEY = "sk-0123456789abcdefghijklmnop"


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """A virtual environment without pip, which takes long to install."""
    import venv

    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    return str(folder)


@pytest.fixture(params=["system", "venv", pytest.param("docker", marks=DOCKER)])
def environment(request, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", KEY)
    if request.param == "system":
        return SystemPythonEnvironment()
    if request.param == "venv":
        return VenvPythonEnvironment(venv_path=request.getfixturevalue("venv"))
    return DockerPythonEnvironment(IMAGE, environment={"GREETING": "hello"})


def run(environment, code, script="script.py", **options):
    return asyncio.run(environment.execute_code(code, str(script), **options))


@pytest.mark.slow
def test_code_runs(environment, tmp_path):
    before = os.getcwd()
    with WorkingDirectory(tmp_path / "work") as directory, environment as entered:
        assert entered is environment
        assert WorkingDirectory.get_current_working_directory() is directory
        assert PythonEnvironment.get_current_python_environment() is environment
        assert os.getcwd() == before
        script = Path(directory.path, "script.py")
        code = (
            "import os, sys\nprint('out', os.getcwd() == os.path.dirname(os.path.abspath(__file__)))\n"
            "print('err', os.environ.get('MY_API_KEY'), file=sys.stderr)\nopen('made.txt', 'w').write('x')\nsys.exit(3)"
        )
        result = run(environment, code, script)
        assert result == {"success": False, "stdout": "out True\n", "stderr": "err None\n", "returncode": 3}
        assert run(environment, "print('hi')", script)["success"] is True
        assert Path(directory.path, "made.txt").read_text() == "x"
        assert run(environment, "while True: pass", script, timeout=1) == {
            "success": False,
            "error": "Execution timed out after 1 seconds",
        }
        with pytest.raises(ValueError, match="timeout must be a positive number of seconds, got 0"):
            run(environment, "", script, timeout=0)
    assert WorkingDirectory.get_current_working_directory() is None
    assert PythonEnvironment.get_current_python_environment() is None


def test_blocks_in_blocks_of_one_environment(tmp_path):
    environment = SystemPythonEnvironment(os.path.basename(sys.executable))
    other = SystemPythonEnvironment("no-such-python")
    with environment, other, environment:
        assert PythonEnvironment.get_current_python_environment() is environment
        assert PythonEnvironment.get_current_python_environment(other) is other
    # Without a working directory, and outside of a block: the folder of the file.
    assert run(environment, "import os; print(os.getcwd())", tmp_path / "s.py")["stdout"].strip() == str(tmp_path)
    assert "can't be run" in run(other, "", tmp_path / "s.py")["error"]


def test_a_temporary_directory_is_removed():
    directory = WorkingDirectory.create_tmp()
    for block in (directory, directory):
        with block if os.path.exists(directory.path) else nullcontext():
            Path(directory.path).mkdir(exist_ok=True)
    assert WorkingDirectory.get_current_working_directory(directory) is directory


def test_a_virtual_environment_is_made_and_removed(tmp_path, venv):
    with VenvPythonEnvironment(venv_path=venv) as environment:
        result = run(environment, "import sys; print(sys.prefix)", tmp_path / "s.py")
    assert result["stdout"].strip() == venv
    with pytest.raises(RuntimeError, match="made by its `with` block"):
        environment.get_executable()
    with pytest.raises(RuntimeError, match=r"Python 9\.9 is not installed"), VenvPythonEnvironment("9.9"):
        pass
    with pytest.raises(ValueError, match="not both"):
        VenvPythonEnvironment("3.12", "/usr/bin/python3")


@pytest.mark.slow
def test_a_new_virtual_environment(tmp_path):
    with VenvPythonEnvironment(python_path=sys.executable) as environment:
        executable = environment.get_executable()
        assert run(environment, "import pip; print(1)", tmp_path / "s.py")["stdout"] == "1\n"
    assert not os.path.exists(executable)


@pytest.mark.docker
@pytest.mark.skipif("no_docker()", reason=str(no_docker()))
def test_a_container_with_volumes_packages_and_without_a_network(tmp_path, client):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "NAME = 'tiny'")
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    (tmp_path / "requirements.txt").write_text("--no-index\n--find-links /wheels\ntiny\n")
    dockerfile = tmp_path / "image" / "Dockerfile"
    dockerfile.parent.mkdir()
    dockerfile.write_text(f"FROM {IMAGE}\nARG WORD\nENV WORD=$WORD\n")
    environment = DockerPythonEnvironment(
        volumes={str(wheels): "/wheels"},
        network="none",
        dockerfile=str(dockerfile),
        build_args={"WORD": "built"},
        container_name_prefix="autogen-test-env-",
        requirements_file=str(tmp_path / "requirements.txt"),
    )
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        environment.get_executable()
    with environment:
        [container] = client.containers.list(filters={"name": "autogen-test-env-"})
        code = "import os, tiny; print(os.environ['WORD'], tiny.NAME, os.listdir('/sys/class/net'), os.listdir())"
        assert run(environment, code, "/elsewhere/script.py")["stdout"] == "built tiny ['lo'] ['script.py']\n"
    assert not client.containers.list(all=True, filters={"id": container.id})
    environment.pip_packages = ["--no-index", "no-such-package"]
    with pytest.raises(RuntimeError, match=r"packages can.t be installed: .*no-such-package"), environment:
        pass
    assert not client.containers.list(all=True, filters={"name": "autogen-test-env-"})
    client.images.prune()
