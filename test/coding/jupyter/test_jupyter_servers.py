"""Servers: what they show to whom, how they start and fail, and the client that speaks to them."""

import gc
import logging
import os
import socket
from pathlib import Path

import pytest
import requests

from autogen.coding import CodeBlock, CodeExecutor, CodeExecutorFactory
from autogen.coding.jupyter import (
    JupyterClient,
    JupyterCodeExecutor,
    JupyterConnectable,
    JupyterConnectionInfo,
    LocalJupyterServer,
)
from autogen.coding.jupyter.jupyter_client import DataItem


def execute(executor, code):
    return executor.execute_code_blocks([CodeBlock(language="python", code=code)])


@pytest.mark.slow
def test_two_executors_on_one_server_have_a_kernel_each(server, tmp_path):
    with (
        JupyterCodeExecutor(server, output_dir=tmp_path) as one,
        JupyterCodeExecutor(server, output_dir=str(tmp_path)) as two,
    ):
        execute(one, "x = 'one'")
        execute(two, "x = 'two'")
        assert (execute(one, "x").output, execute(two, "x").output) == ("'one'", "'two'")
        one.stop()
        assert execute(two, "x").output == "'two'"


def test_its_settings_are_those_of_0_2(server, tmp_path):
    with JupyterCodeExecutor(server, "python3", 60, tmp_path) as executor:
        assert (executor._timeout, executor._kernel_name, executor._output_dir) == (60, "python3", tmp_path)
        assert executor._kernel_id in [kernel["id"] for kernel in server.get_client().list_kernels()]
        assert isinstance(executor, CodeExecutor)
    assert isinstance(JupyterCodeExecutor, CodeExecutor)
    assert isinstance(server, JupyterConnectable)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"timeout": 0}, "Timeout must be greater than or equal to 1."),
        ({"output_dir": "no/such/dir"}, "Output directory no/such/dir does not exist."),
        ({"kernel_name": "klingon"}, "Kernel klingon is not installed. The server has python3"),
        ({"jupyter_server": "localhost"}, "must be a JupyterConnectable or JupyterConnectionInfo"),
    ],
)
def test_a_wrong_setting_is_a_value_error(server, settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        JupyterCodeExecutor(**{"jupyter_server": server, **settings})


def test_a_kernel_ends_with_its_executor(server, tmp_path):
    client = server.get_client()
    before = client.list_kernels()
    executor = JupyterCodeExecutor(server, output_dir=tmp_path)
    assert len(client.list_kernels()) == len(before) + 1
    executor.stop()
    executor.stop()
    assert len(client.list_kernels()) == len(before)
    assert execute(executor, "1").exit_code == 1
    executor.restart()
    assert execute(executor, "1").output == "1"
    del executor
    gc.collect()
    assert len(client.list_kernels()) == len(before)


@pytest.mark.slow
def test_a_server_that_is_gone_is_a_failed_result(tmp_path):
    with LocalJupyterServer(log_file=os.devnull) as server:
        executor = JupyterCodeExecutor(server, output_dir=tmp_path)
        assert execute(executor, "1").output == "1"
    for _ in range(2):
        result = execute(executor, "1")
        assert result.exit_code == 1
        assert result.output.startswith("ERROR: ")
    executor.stop()


@pytest.mark.slow
def test_the_factory_starts_a_server_if_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    executor = CodeExecutorFactory.create({"executor": "jupyter", "jupyter": {"timeout": 7}})
    assert execute(executor, "6 * 7").output == "42"
    assert executor.timeout == 7
    executor.stop()
    executor._server.stop()


@pytest.mark.slow
def test_the_token_is_in_no_log_repr_command_line_or_environment(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    log = tmp_path / "server.log"
    with LocalJupyterServer(log_file=str(log), log_level="DEBUG") as server:
        assert len(server.token) == 64
        executor = JupyterCodeExecutor(server, output_dir=tmp_path)
        code = "import glob, os\nprint(os.environ)\nfor name in glob.glob('/proc/[0-9]*/cmdline'): print(open(name).read())"
        seen = execute(executor, code).output
        assert "PATH" in seen
        files = [path for path in Path(server._folder).rglob("*") if path.is_file()]
        texts = [seen, repr(server), repr(server.connection_info), str(server.connection_info), repr(executor), caplog.text]
        texts += [log.read_text(), server._process.read_tail(), *(path.read_text(errors="replace") for path in files)]
        executor.stop()
    assert log.read_text()
    assert not [text for text in texts if server.token in text]


@pytest.mark.slow
def test_no_secret_of_the_environment_is_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "planted-secret")
    settings = {"log_file": os.devnull, "environment": {"GIVEN": "seen"}}
    with LocalJupyterServer(**settings) as server, JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
        result = execute(executor, "import os; print(dict(os.environ))")
    assert "GIVEN" in result.output
    assert "planted-secret" not in result.output


@pytest.mark.slow
def test_the_log_of_the_server_is_no_file_of_a_block(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with LocalJupyterServer(work_dir=".") as server, JupyterCodeExecutor(server) as executor:
        result = execute(executor, "open('made.txt', 'w').write('x'); None")
        assert (tmp_path / "jupyter_gateway.log").exists()
    assert result.output_files == [str(tmp_path / "made.txt")]


@pytest.mark.slow
def test_the_error_for_a_used_port_has_the_last_output(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ValueError, match=r"(?s)Jupyter gateway server failed to start.*already in use"):
            LocalJupyterServer(port=taken.getsockname()[1], log_file=os.devnull)


def test_a_log_file_that_can_not_be_written_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"(?s)Jupyter gateway server failed to start.*no/such"):
        LocalJupyterServer(log_file=str(tmp_path / "no/such/folder.log"))


@pytest.mark.slow
def test_a_wished_port_is_taken_and_no_token_lets_everybody_in():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with LocalJupyterServer(port=port, token=None, log_file=os.devnull) as server:
        assert (server.ip, server.port, server.token) == ("127.0.0.1", port, "")
        assert JupyterClient(JupyterConnectionInfo("127.0.0.1", False, port)).list_kernels() == []


def test_a_wrong_token_is_rejected(server):
    info = JupyterConnectionInfo(host="127.0.0.1", use_https=False, port=server.port, token="wrong-token-of-mine")
    with pytest.raises(requests.exceptions.HTTPError, match=r"403.*Is the token right") as caught:
        JupyterCodeExecutor(info)
    assert "wrong-token-of-mine" not in str(caught.value)
    with pytest.raises(ConnectionError) as refused:
        JupyterClient(info).get_kernel_client("x")
    assert "wrong-token-of-mine" not in str(refused.value)


def test_no_server_is_a_connection_error():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        info = JupyterConnectionInfo("127.0.0.1", False, probe.getsockname()[1])
        with pytest.raises(requests.exceptions.ConnectionError):
            JupyterClient(info).list_kernel_specs()


@pytest.mark.slow
def test_the_client_manages_kernels(server):
    client = server.get_client()
    assert "python3" in client.list_kernel_specs()["kernelspecs"]
    kernel_id = client.start_kernel("python3")
    try:
        with client.get_kernel_client(kernel_id) as kernel:
            assert kernel.wait_for_ready(60)
            shown = kernel.execute("display({'text/html': '<b>x</b>'}, raw=True)\nprint('y')\n6 * 7", 60)
            assert (shown.is_ok, shown.output) == (True, "y\n\n42")
            assert shown.data_items == [DataItem("text/html", "<b>x</b>")]
            failed = kernel.execute("1 / 0")
            assert not failed.is_ok
            assert "ZeroDivisionError" in failed.output
            assert "Timeout" in kernel.execute("while True: pass", timeout_seconds=1).output
            kernel.execute("x = 1")
            client.restart_kernel(kernel_id)
            assert kernel.wait_for_ready()
            assert "NameError" in kernel.execute("x").output
    finally:
        client.delete_kernel(kernel_id)
    with pytest.raises(requests.exceptions.HTTPError, match="404"):
        client.delete_kernel(kernel_id)


def test_a_secure_server_is_spoken_to_securely(monkeypatch):
    """Only the URLs are checked, since there is no server with HTTPS here."""
    opened = []
    monkeypatch.setattr("websocket.create_connection", lambda url, **options: opened.append(url))
    JupyterClient(JupyterConnectionInfo("example.org", True, token="t")).get_kernel_client("a/b")
    JupyterClient(JupyterConnectionInfo("::1", False, 8888)).get_kernel_client("k")
    assert opened[0].startswith("wss://example.org/api/kernels/a%2Fb/channels")
    assert opened[1].startswith("ws://[::1]:8888/api/kernels/k/channels")


def test_a_display_with_attachments_is_read(server, tmp_path):
    with JupyterCodeExecutor(server, output_dir=tmp_path) as executor:
        code = "kernel = get_ipython().kernel\nkernel.session.send(kernel.iopub_socket, 'stream', {'text': 'here'}, "
        result = execute(executor, code + "parent=kernel.get_parent(), buffers=[b'1', b'2'])\nNone")
    assert result.output.startswith("here")
