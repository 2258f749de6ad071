"""Finding an engine, and what is said where there is none. A small server stands in for the engines of other systems."""

import contextlib
import http.server
import os
import socketserver
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from autogen import UserProxyAgent, code_utils
from autogen.code_utils import check_can_use_docker_or_throw, is_docker_running
from autogen.coding import DockerCommandLineCodeExecutor
from autogen.coding._docker import engine as docker_engine

docker = pytest.importorskip("docker")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the engines of other systems listen at sockets")


@pytest.fixture
def home(monkeypatch):
    """A home with no engine in it; sockets need short paths."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("HOME", folder)
        monkeypatch.setenv("XDG_RUNTIME_DIR", os.path.join(folder, "run"))
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        monkeypatch.setattr(docker_engine, "_SYSTEM_SOCKETS", ())  # this machine may have one
        monkeypatch.setattr(code_utils, "in_docker_container", lambda: False)
        yield Path(folder)


class Engine(http.server.BaseHTTPRequestHandler):
    """As much of an engine as tells that it is one."""

    def do_GET(self):
        body = b'{"ApiVersion": "1.41"}' if self.path.endswith("/version") else b"OK"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "client"

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def engine(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), Engine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield
        server.shutdown()


@pytest.mark.parametrize(
    "place",
    [
        "run/docker.sock",
        "run/podman/podman.sock",
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
        ".rd/docker.sock",
        ".orbstack/run/docker.sock",
        ".local/share/containers/podman/machine/podman.sock",
    ],
)
def test_an_engine_is_found_where_it_listens(home, place):
    assert not is_docker_running()
    with engine(home / place):
        assert is_docker_running()
        check_can_use_docker_or_throw(True)
        with contextlib.closing(docker_engine.connect()) as client:
            assert client.ping()
    assert not is_docker_running()


def test_a_socket_that_nobody_listens_at_is_passed_over(home):
    with engine(home / ".rd" / "docker.sock"):
        with engine(home / "run" / "docker.sock"):
            pass
        assert (home / "run" / "docker.sock").is_socket()
        assert is_docker_running()


def test_the_variable_alone_counts_where_it_is_set(home, monkeypatch):
    with engine(home / "mine.sock"), engine(home / ".colima/default/docker.sock"):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/mine.sock")
        assert is_docker_running()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/none.sock")
        assert not is_docker_running()
        with pytest.raises(
            RuntimeError, match=rf"without it the engine at .*{home}/.colima/default/docker.sock would be used"
        ):
            check_can_use_docker_or_throw(True)


def test_what_does_not_speak_as_an_engine_is_none(home, monkeypatch):
    monkeypatch.setattr(Engine, "do_GET", lambda self: self.send_error(404))
    with engine(home / "run/docker.sock"):
        assert not is_docker_running()


WAYS_OUT = [
    "colima start",
    "podman.socket",
    "DOCKER_HOST",
    "SandboxedCommandLineCodeExecutor",
    "apt-get install bubblewrap",
    '{"use_docker": False}',
    "LocalCommandLineCodeExecutor",
    "AUTOGEN_USE_DOCKER",
    "--no-docker",
    "code_execution_config=False",
]


def make_user(folder):
    return UserProxyAgent("user", code_execution_config={"work_dir": str(folder)})


def make_executor(folder):
    return DockerCommandLineCodeExecutor(work_dir=folder)


@pytest.mark.parametrize(
    ("make", "error"),
    [(make_user, RuntimeError), (make_executor, docker.errors.DockerException)],
    ids=["agent", "executor"],
)
def test_without_an_engine_all_ways_out_are_named(home, tmp_path, make, error):
    with pytest.raises(error) as raised:
        make(tmp_path)
    text = str(raised.value)
    for way_out in WAYS_OUT:
        assert way_out in text
    for place in (".colima/default/docker.sock: no such file", "run/podman/podman.sock: no such file"):
        assert f"{home}/{place}" in text


def test_it_is_said_why_a_place_is_of_no_use(home):
    with engine(home / "run/docker.sock"):
        pass
    (home / ".rd").mkdir()
    (home / ".rd/docker.sock").touch()
    with pytest.raises(RuntimeError) as raised:
        check_can_use_docker_or_throw("image")
    assert f"{home}/run/docker.sock: no engine listens" in str(raised.value)
    assert f"{home}/.rd/docker.sock: no engine listens" in str(raised.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_an_address_that_leads_nowhere_is_an_error_that_names_it(home, monkeypatch, tmp_path, address):
    monkeypatch.setenv("DOCKER_HOST", address)
    assert not is_docker_running()
    with pytest.raises(docker.errors.DockerException, match=f"{address}: it does not respond"):
        make_executor(tmp_path)


@pytest.mark.parametrize("use_docker", [None, False, []])
def test_nothing_is_asked_where_docker_is_not_wanted(home, use_docker):
    check_can_use_docker_or_throw(use_docker)


def test_in_a_container_no_engine_is_looked_for(home, monkeypatch):
    monkeypatch.setattr(code_utils, "in_docker_container", lambda: True)
    check_can_use_docker_or_throw(True)
