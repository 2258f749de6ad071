"""A pod: made, waited for, told to run programs, deleted. What speaks to the cluster is here and nowhere else."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..._extras import require
from ..._threads import is_cancelled
from .._processes.runner import KILL_GRACE, POLL_INTERVAL, TIMEOUT_EXIT_CODE, Limits, ProgramResult

kubernetes = require("kubernetes", extra="kubernetes", feature="autogen.coding.kubernetes")
ApiException = kubernetes.client.ApiException

POLL = 0.1  # seconds between two looks at a pod that starts
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
STDOUT, ERROR = 1, 3  # channels of a connection
FRAME = 32_768  # bytes of a message to a program
KILLED = 128 + 9
ENDED = ("Failed", "Succeeded")

IDLE = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
"""What the pod does beside running blocks: it ends at once when it is told to."""

RUN = """
cd -- "$1" || exit 1
seconds=$2 kept=$3
shift 3
exec 4>&1
code=$({
    {
        timeout -s KILL "$seconds" "$@" 2>&1 </dev/null 3>&- 4>&- &
        program=$!
        wait "$program"
        echo $? >&3
        kill -s KILL -- "-$program" 2>/dev/null
    } | { head -c "$kept" >&4; cat >/dev/null; }
} 3>&1)
exit "${code:-1}"
"""
"""Runs a program: $1 is its folder, $2 its seconds, $3 the bytes of output that are kept, the rest its command line.

`timeout` leads a process group; what the program leaves behind in it is killed. Output and errors come as one.
"""

WRITE = """
cd -- "$1" && mkdir -p -- "$2" && cd -- "$2" || exit 1
[ ! -d "$3" ] || { echo "$3 is a folder"; exit 1; }
head -c "$4" >".new.$$" && chmod 755 ".new.$$" && mv -f -- ".new.$$" "$3"
"""
"""Writes a file from the input: $1 is the work directory, $2 a folder in it, $3 the file's name, $4 its bytes.

Nothing of the code or its name is ever read by a shell.
"""


def api_client(config_file: str | None) -> Any:
    """A client for the cluster of a kube config: the given one, `KUBECONFIG`, `~/.kube/config`, or that of this pod.

    Raises:
        kubernetes.config.ConfigException: There is none, or it is wrong.
    """
    default = os.environ.get("KUBECONFIG", os.path.expanduser("~/.kube/config"))
    if config_file is not None or any(os.path.exists(path) for path in default.split(os.pathsep)):
        return kubernetes.config.new_client_from_config(config_file=config_file or default)
    configuration = kubernetes.client.Configuration()
    kubernetes.config.load_incluster_config(client_configuration=configuration)
    return kubernetes.client.ApiClient(configuration)


def own_namespace() -> str | None:
    """The namespace of the pod that this process runs in; None outside of a cluster."""
    try:
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def plain_pod(name: str, namespace: str, image: str, container_name: str) -> Any:
    """A pod of one container, without a token of the cluster: code in it has no rights there."""
    container = kubernetes.client.V1Container(name=container_name, image=image, command=["/bin/sh", "-c", IDLE])
    labels = {"app.kubernetes.io/managed-by": "autogen"}
    return kubernetes.client.V1Pod(
        metadata=kubernetes.client.V1ObjectMeta(name=name, namespace=namespace, labels=labels),
        spec=kubernetes.client.V1PodSpec(
            restart_policy="Never", containers=[container], automount_service_account_token=False, enable_service_links=False
        ),
    )


class Pod:
    """A pod that runs, and one container of it."""

    def __init__(self, client: Any, wanted: Any, container_name: str, seconds: float) -> None:
        """Make the pod, and wait until it runs.

        Raises:
            ValueError: It can't be made, or does not run in time.
        """
        self._configuration = client.configuration
        self._container_name = container_name
        self.namespace = wanted.metadata.namespace
        try:
            with self._api() as api:
                self.made = api.create_namespaced_pod(namespace=self.namespace, body=wanted)
        except ApiException as error:
            raise ValueError(f"Creating pod failed: {_told(error)}") from error
        self.name = self.made.metadata.name
        try:
            self._wait_until_it_runs(seconds)
        except BaseException:
            self.delete()
            raise

    def _wait_until_it_runs(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        phase = None
        while phase not in ENDED:
            try:
                with self._api() as api:
                    phase = api.read_namespaced_pod(name=self.name, namespace=self.namespace).status.phase
            except ApiException as error:
                raise ValueError(f"Pod {self.name} in namespace {self.namespace} was lost: {_told(error)}") from error
            if phase == "Running":
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL)
        raise ValueError(
            f"Pod {self.name} in namespace {self.namespace} is not running after {seconds:g} seconds: it is {phase}. "
            f"See: kubectl --namespace {self.namespace} describe pod {self.name}"
        )

    def delete(self) -> None:
        """Delete the pod. One that is gone, or can't be reached, is left alone."""
        with contextlib.suppress(ApiException, OSError), self._api() as api:
            api.delete_namespaced_pod(name=self.name, namespace=self.namespace, grace_period_seconds=0)

    @contextlib.contextmanager
    def _api(self) -> Iterator[Any]:
        """The cluster, for a few calls. Each time a client of its own: connecting to a program changes one for a moment, and
        an idle one would hold connections that nobody closes.
        """
        with kubernetes.client.ApiClient(self._configuration) as client:
            try:
                yield kubernetes.client.CoreV1Api(client)
            finally:
                client.rest_client.pool_manager.clear()

    def write(self, work_dir: str, folder: str, name: str, content: bytes) -> str | None:
        """Write a file; returns why it can't be, if it can't.

        Raises:
            OSError: The pod does not answer.
        """
        command = ["sh", "-c", WRITE, "sh", work_dir, folder, name, str(len(content))]
        written = self._execute(command, content, Limits())
        return None if written.exit_code == 0 else written.output.strip() or "the pod gave no reason"

    def run(self, work_dir: str, command: Sequence[str], limits: Limits) -> ProgramResult:
        """Run a program in the work directory.

        Raises:
            OSError: The pod does not answer.
        """
        began = time.monotonic()
        # One byte more than is kept tells that there was more.
        start = ["sh", "-c", RUN, "sh", work_dir, str(limits.seconds), str(limits.output + 1), *command]
        finished = self._execute(start, b"", limits)
        in_time = time.monotonic() - began < limits.seconds
        if finished.timed_out or in_time or finished.exit_code not in (TIMEOUT_EXIT_CODE, KILLED):
            return finished
        return ProgramResult(TIMEOUT_EXIT_CODE, finished.output, True)

    def _execute(self, command: list[str], content: bytes, limits: Limits) -> ProgramResult:
        deadline = time.monotonic() + limits.seconds + KILL_GRACE
        output = bytearray()
        with self._connected(command, bool(content)) as connection:
            for start in range(0, len(content), FRAME):
                connection.write_stdin(content[start : start + FRAME])
            while connection.is_open():
                connection.update(timeout=POLL_INTERVAL)
                output += connection.read_channel(STDOUT) or b""
                if time.monotonic() >= deadline or is_cancelled():
                    return ProgramResult(TIMEOUT_EXIT_CODE, _text(output, limits), True)
            output += connection.read_channel(STDOUT) or b""
            return ProgramResult(_exit_code(connection), _text(output, limits), False)

    @contextlib.contextmanager
    def _connected(self, command: list[str], has_input: bool) -> Iterator[Any]:
        """A connection to a program."""
        try:
            with self._api() as api:
                connection = kubernetes.stream.stream(
                    api.connect_get_namespaced_pod_exec,
                    self.name,
                    self.namespace,
                    container=self._container_name,
                    command=command,
                    stdin=has_input,
                    stdout=True,
                    stderr=False,  # the scripts put it into the output
                    tty=False,
                    binary=True,
                    _preload_content=False,
                )
            try:
                yield connection
            finally:
                connection.sock.shutdown()  # `close` would leave the socket open if the cluster closed first
        except ApiException as error:
            raise OSError(f"the pod {self.name} does not answer: {_told(error)}") from error
        except kubernetes.stream.ws_client.WebSocketConnectionClosedException as error:
            raise OSError(f"the connection to the pod {self.name} was lost: {error}") from error


def _exit_code(connection: Any) -> int:
    """The program's; the cluster tells it on a channel of its own.

    Raises:
        OSError: The connection was lost before.
    """
    try:
        return int(connection.returncode)
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise OSError("the connection to the pod was lost before the program ended") from error


def _text(output: bytearray, limits: Limits) -> str:
    text = output[: limits.output].decode("utf-8", "replace")
    return f"{text}\n[... the rest of the output was cut ...]" if len(output) > limits.output else text


def _told(error: Any) -> str:
    """What the cluster says; the headers and the rest of the answer are not for the chat."""
    return f"{error.status} {error.reason}".strip()
