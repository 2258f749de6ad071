"""A server in a container. What needs an image is skipped where there is none.

The image `autogen-test:jupyter` is any that holds a Python with jupyter_server and ipykernel; `.ci/docker` builds one. The
containers use the network of this machine, because an engine for tests may have none of its own; each takes a free port.
"""

import gc
import socket

import pytest

from autogen.code_utils import is_docker_running
from autogen.coding import CodeBlock
from autogen.coding._docker.engine import connect
from autogen.coding.jupyter import DockerJupyterServer, JupyterCodeExecutor, JupyterConnectable, docker_jupyter_server

IMAGE = "autogen-test:jupyter"
SERVER = (
    "exec python3 -m jupyter_server --no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port={port}"
    ' --ServerApp.port_retries=0 --IdentityProvider.token="$TOKEN" --ZMQChannelsWebsocketConnection.limit_rate=False'
)
pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def engine():
    if not is_docker_running():
        pytest.skip("no Docker engine answers")
    client = connect()
    yield client
    client.close()


@pytest.fixture
def image(engine, monkeypatch):
    """Options for a server in a container. On the host's network port 8888 may be taken, so it listens at a free one."""
    if not engine.images.list(IMAGE):
        pytest.skip(f"there is no image {IMAGE}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(docker_jupyter_server, "PORT", f"{port}/tcp")
    return {"custom_image_name": IMAGE, "network_mode": "host", "command": ["sh", "-c", SERVER.format(port=port)]}


def test_without_an_engine_it_says_so(monkeypatch):
    docker = pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
    with pytest.raises(docker.errors.DockerException, match=r"no/such/docker\.sock"):
        DockerJupyterServer()


def test_what_its_own_image_is_made_of_can_be_read():
    text = DockerJupyterServer.DEFAULT_DOCKERFILE
    assert text.startswith("FROM quay.io/jupyter/")
    for part in ("ipykernel", "ENV TOKEN=", "EXPOSE 8888"):
        assert part in text
    assert not [line for line in text.splitlines() if line.endswith("\\\\")]


def test_an_image_that_is_not_there_is_a_value_error(engine):
    with pytest.raises(ValueError, match="Custom image no-such-image does not exist"):
        DockerJupyterServer(custom_image_name="no-such-image")


def test_code_runs_in_the_container(image, engine, tmp_path):
    with DockerJupyterServer(**image, docker_env={"GIVEN": "seen"}) as server:
        assert isinstance(server, JupyterConnectable)
        assert server._token not in repr(server) + repr(server.connection_info)
        with JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
            code = "import os; print(os.path.exists('/.dockerenv'), os.environ['GIVEN'])"
            blocks = [CodeBlock(language="python", code=code), CodeBlock(language="python", code="x = 6\nx * 7")]
            result = executor.execute_code_blocks(blocks)
            assert (result.exit_code, result.output) == (0, "True seen\n\n42")
            shown = "display({'text/html': 'x'}, raw=True)"
            result = executor.execute_code_blocks([CodeBlock(language="python", code=shown)])
            assert [path.parent for path in tmp_path.iterdir()] == [tmp_path]
            assert len(result.output_files) == 1
        name = server._container.name
    assert name.startswith("autogen-jupyterkernelgateway-")
    assert name not in [container.name for container in engine.containers.list(all=True)]
    server.stop()


def test_the_container_ends_when_the_server_is_dropped(image, engine):
    server = DockerJupyterServer(**image, container_name="autogen-test-jupyter-dropped")
    assert server.get_client().list_kernels() == []
    del server
    gc.collect()
    assert "autogen-test-jupyter-dropped" not in [container.name for container in engine.containers.list(all=True)]


def test_a_container_that_shall_stay_stays_until_it_is_stopped(image, engine):
    server = DockerJupyterServer(
        **image, container_name="autogen-test-jupyter-stays", stop_container=False, auto_remove=False
    )
    name = server._container.name
    del server
    gc.collect()
    container = engine.containers.get(name)
    assert container.status == "running"
    container.remove(force=True)


def test_the_error_for_a_container_that_ends_has_its_last_output(image, engine):
    with pytest.raises(ValueError, match=r"(?s)failed to start.*last words of mine"):
        DockerJupyterServer(
            **image | {"command": ["sh", "-c", "echo last words of mine; exit 3"]},
            container_name="autogen-test-jupyter-ended",
            auto_remove=False,
        )
    engine.containers.get("autogen-test-jupyter-ended").remove(force=True)
