"""A Kubernetes pod that runs programs. All requests to the cluster are in this module."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._extras import require
from ..._threads import is_cancelled
from .._processes.runner import KILL_GRACE, POLL_INTERVAL, TIMEOUT_EXIT_CODE, Limits, ProgramResult

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, V1Pod
    from kubernetes.client import ApiException as ApiError

kubernetes = require("kubernetes", extra="kubernetes", feature="autogen.coding.kubernetes")
ApiException = kubernetes.client.ApiException

STATUS_INTERVAL = 0.1  # seconds between two requests for the status of a starting pod
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
STDOUT_CHANNEL = 1
FRAME_SIZE = 32_768  # bytes of input per message
KILLED_EXIT_CODE = 128 + 9
FINAL_PHASES = ("Failed", "Succeeded")

IDLE_SCRIPT = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"
"""The main program of the pod. It ends at once when the pod is deleted."""

RUN_SCRIPT = """
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
"""The script that runs a program.

Arguments: the working directory, the time limit in seconds, the limit of the output in bytes, and the command. `timeout`
leads a process group, and the rest of the group is killed after the program. The output includes the program's errors.
"""

WRITE_SCRIPT = """
cd -- "$1" && mkdir -p -- "$2" && cd -- "$2" || exit 1
[ ! -d "$3" ] || { echo "$3 is a folder"; exit 1; }
head -c "$4" >".new.$$" && chmod 755 ".new.$$" && mv -f -- ".new.$$" "$3"
"""
"""The script that writes its input to a file, so that no shell parses the code or its name.

Arguments: the working directory, a folder relative to it, the name of the file, and its size in bytes.
"""


def make_api_client(config_file: str | None) -> ApiClient:
    """Make a client for the cluster of the given kube config, of `KUBECONFIG`, of `~/.kube/config`, or of this pod.

    Raises:
        kubernetes.config.ConfigException: If no config exists, or the config is invalid.
    """
    client: ApiClient
    # The variable may list several files, which are merged.
    default = os.environ.get("KUBECONFIG", os.path.expanduser("~/.kube/config"))
    if config_file is not None or any(os.path.exists(path) for path in default.split(os.pathsep)):
        client = kubernetes.config.new_client_from_config(config_file=config_file or default)
    else:
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_incluster_config(client_configuration=configuration)
        client = kubernetes.client.ApiClient(configuration)
    return client


def get_own_namespace() -> str | None:
    """Return the namespace of the pod that runs this process, or None outside of a cluster."""
    try:
        return NAMESPACE_FILE.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def build_pod_spec(name: str, namespace: str, image: str, container_name: str) -> V1Pod:
    """Build the definition of a pod with one container and without rights in the cluster."""
    container = kubernetes.client.V1Container(name=container_name, image=image, command=["/bin/sh", "-c", IDLE_SCRIPT])
    labels = {"app.kubernetes.io/managed-by": "autogen"}
    pod: V1Pod = kubernetes.client.V1Pod(
        metadata=kubernetes.client.V1ObjectMeta(name=name, namespace=namespace, labels=labels),
        spec=kubernetes.client.V1PodSpec(
            restart_policy="Never", containers=[container], automount_service_account_token=False, enable_service_links=False
        ),
    )
    return pod


class Pod:
    """A running pod, and the container in it that runs programs."""

    def __init__(self, client: ApiClient, spec: V1Pod, container_name: str, seconds: float) -> None:
        """Create the pod, and wait until it runs.

        Args:
            client: A client of the cluster.
            spec: The definition of the pod.
            container_name: The container that runs programs.
            seconds: The time limit for the pod to start.

        Raises:
            ValueError: if the pod can't be created, or does not run in time.
        """
        assert spec.metadata is not None
        self._configuration = client.configuration
        self._container_name = container_name
        self.namespace = spec.metadata.namespace
        try:
            with self._open_api() as api:
                self.created = api.create_namespaced_pod(namespace=self.namespace, body=spec)
        except ApiException as error:
            raise ValueError(f"Creating pod failed: {_format_error(error)}") from error
        self.name = self.created.metadata.name
        # A pod that does not run in time must not stay in the cluster.
        try:
            self._wait_until_running(seconds)
        except BaseException:
            self.delete()
            raise

    def _wait_until_running(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        phase = None
        while phase not in FINAL_PHASES:
            try:
                with self._open_api() as api:
                    phase = api.read_namespaced_pod(name=self.name, namespace=self.namespace).status.phase
            except ApiException as error:
                raise ValueError(
                    f"Pod {self.name} in namespace {self.namespace} was lost: {_format_error(error)}"
                ) from error
            if phase == "Running":
                return
            if time.monotonic() >= deadline:
                break
            time.sleep(STATUS_INTERVAL)
        raise ValueError(
            f"Pod {self.name} in namespace {self.namespace} is not running after {seconds:g} seconds: it is {phase}. "
            f"See: kubectl --namespace {self.namespace} describe pod {self.name}"
        )

    def delete(self) -> None:
        """Delete the pod. Nothing happens if it does not exist, or can't be reached."""
        with contextlib.suppress(ApiException, OSError), self._open_api() as api:
            api.delete_namespaced_pod(name=self.name, namespace=self.namespace, grace_period_seconds=0)

    @contextlib.contextmanager
    def _open_api(self) -> Iterator[Any]:
        # A new client each time. Connecting to a program patches a client for a moment, which isn't thread-safe, and an idle
        # client would keep connections open.
        with kubernetes.client.ApiClient(self._configuration) as client:
            try:
                yield kubernetes.client.CoreV1Api(client)
            finally:
                client.rest_client.pool_manager.clear()

    def write(self, work_dir: str, folder: str, name: str, content: bytes) -> str | None:
        """Write a file.

        Args:
            work_dir: The working directory.
            folder: A folder relative to it, which is created if it does not exist.
            name: The name of the file.
            content: The content.

        Returns:
            None, or why the file can't be written.

        Raises:
            OSError: if the pod does not answer.
        """
        command = ["sh", "-c", WRITE_SCRIPT, "sh", work_dir, folder, name, str(len(content))]
        result = self._execute(command, content, Limits())
        return None if result.exit_code == 0 else result.output.strip() or "the pod gave no reason"

    def run(self, work_dir: str, command: Sequence[str], limits: Limits) -> ProgramResult:
        """Run a program in the working directory.

        Raises:
            OSError: if the pod does not answer.
        """
        start = time.monotonic()
        # One more byte than the limit, to notice that output was cut.
        limit = str(limits.output + 1)
        result = self._execute(["sh", "-c", RUN_SCRIPT, "sh", work_dir, str(limits.seconds), limit, *command], b"", limits)
        in_time = time.monotonic() - start < limits.seconds
        # A program may also end with these exit codes by itself, but not so late.
        if result.timed_out or in_time or result.exit_code not in (TIMEOUT_EXIT_CODE, KILLED_EXIT_CODE):
            return result
        return ProgramResult(TIMEOUT_EXIT_CODE, result.output, True)

    def _execute(self, command: list[str], content: bytes, limits: Limits) -> ProgramResult:
        # The script enforces the time limit. This deadline is for a pod that does not answer any more.
        deadline = time.monotonic() + limits.seconds + KILL_GRACE
        output = bytearray()
        with self._connect(command, bool(content)) as connection:
            for start in range(0, len(content), FRAME_SIZE):
                connection.write_stdin(content[start : start + FRAME_SIZE])
            while connection.is_open():
                connection.update(timeout=POLL_INTERVAL)
                output += connection.read_channel(STDOUT_CHANNEL) or b""
                if time.monotonic() >= deadline or is_cancelled():
                    return ProgramResult(TIMEOUT_EXIT_CODE, _decode_output(output, limits), True)
            # The last update may have received both the output and the end.
            output += connection.read_channel(STDOUT_CHANNEL) or b""
            return ProgramResult(_get_exit_code(connection), _decode_output(output, limits), False)

    @contextlib.contextmanager
    def _connect(self, command: list[str], has_input: bool) -> Iterator[Any]:
        """Start a program, and connect to its input and output."""
        try:
            with self._open_api() as api:
                connection = kubernetes.stream.stream(
                    api.connect_get_namespaced_pod_exec,
                    self.name,
                    self.namespace,
                    container=self._container_name,
                    command=command,
                    stdin=has_input,
                    stdout=True,
                    # The scripts merge errors into the output.
                    stderr=False,
                    tty=False,
                    binary=True,
                    _preload_content=False,
                )
            try:
                yield connection
            finally:
                # `close` would leave the socket open if the cluster closed the connection first.
                connection.sock.shutdown()
        except ApiException as error:
            raise OSError(f"the pod {self.name} does not answer: {_format_error(error)}") from error
        except kubernetes.stream.ws_client.WebSocketConnectionClosedException as error:
            raise OSError(f"the connection to the pod {self.name} was lost: {error}") from error


def _get_exit_code(connection: Any) -> int:
    """Return the exit code of the program, which the cluster sends on a channel of its own.

    Raises:
        OSError: if the connection was lost before the program ended.
    """
    try:
        return int(connection.returncode)
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise OSError("the connection to the pod was lost before the program ended") from error


def _decode_output(output: bytearray, limits: Limits) -> str:
    text = output[: limits.output].decode("utf-8", "replace")
    return f"{text}\n[... the rest of the output was cut ...]" if len(output) > limits.output else text


def _format_error(error: ApiError) -> str:
    # Without the headers and the body, which are long and may hold secrets.
    return f"{error.status} {error.reason}".strip()
