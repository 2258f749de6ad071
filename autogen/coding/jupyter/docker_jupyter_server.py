"""A Jupyter server in a Docker container."""

from __future__ import annotations

import contextlib
import io
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._docker.engine import connect
from .._docker.ownership import KEPT_LABEL, OWNER_LABEL, end_container, get_process_label, remove_leftovers
from ._watchdog import call_when_dropped
from .base import GENERATED, JupyterConnectable, JupyterConnectionInfo, resolve_token
from .base import GenerateToken as _GenerateToken
from .jupyter_client import JupyterClient

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

__all__ = ["DockerJupyterServer"]

IMAGE = "autogen-jupyterkernelgateway"
PORT = "8888/tcp"
# With the network of this machine no port is published, and the server listens at port 8888 of this machine.
HOST_NETWORK = "host"
START_TIMEOUT = 60.0  # seconds


class DockerJupyterServer(JupyterConnectable):
    """A Jupyter server in a Docker container: its kernels see only the files and variables that you give the container.

    The container ends with this object, with this process, by `stop()`, or at the end of a `with` block. If this process is
    killed, the next process that starts a container removes it. Only this machine can reach its port.

    >>> with DockerJupyterServer() as server:  # doctest: +SKIP
    ...     executor = JupyterCodeExecutor(server)
    """

    DEFAULT_DOCKERFILE = """FROM quay.io/jupyter/docker-stacks-foundation

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

USER ${NB_UID}
RUN mamba install --yes jupyter_server ipykernel && \\
    mamba clean --all -f -y && \\
    fix-permissions "${CONDA_DIR}" && \\
    fix-permissions "/home/${NB_USER}"

ENV TOKEN="UNSET"
CMD python -m jupyter_server --no-browser \\
    --ServerApp.ip=0.0.0.0 \\
    --ServerApp.port=8888 \\
    --ServerApp.port_retries=0 \\
    --IdentityProvider.token="${TOKEN}" \\
    --ZMQChannelsWebsocketConnection.limit_rate=False

EXPOSE 8888

WORKDIR "${HOME}"
"""

    GenerateToken = _GenerateToken

    def __init__(
        self,
        *,
        custom_image_name: str | None = None,
        container_name: str | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        docker_env: dict[str, str] = {},
        token: str | _GenerateToken | None = GENERATED,
        **docker_kwargs: Any,
    ) -> None:
        """Start the container, and wait until the server answers.

        Args:
            custom_image_name: An existing image, to use instead of the default image, which is built at its first use. It
                must listen at port 8888, and require the token in its variable `TOKEN`.
            container_name: The name of the container; None for a random name.
            auto_remove: Remove the container when it has stopped.
            stop_container: Stop the container when this object is dropped and at the end of the process.
            docker_env: Variables for the container.
            token: The token that clients must send; by default a random token. None and "" allow access without a token.
            docker_kwargs: More arguments for `containers.run` of the package `docker`: limits, volumes, networks. With
                `network_mode="host"` the server listens at port 8888 of this machine.

        Raises:
            ValueError: if the image does not exist, or the server does not start. The message has the end of its output.
            docker.errors.DockerException: If Docker is not running, or rejects a request.
        """
        self._token = resolve_token(token)
        self._network = docker_kwargs.get("network_mode")
        self._keep = not auto_remove
        self._client = connect()
        try:
            remove_leftovers(self._client)
            self._container = self._run(
                _ensure_image(self._client, custom_image_name),
                owned=stop_container,
                name=container_name or f"{IMAGE}-{uuid.uuid4()}",
                environment={"TOKEN": self._token, **docker_env},
                **docker_kwargs,
            )
        except BaseException:
            self._client.close()
            raise
        container_id = self._container.id if stop_container else None
        self._finalizer = call_when_dropped(self, _close, self._client, container_id, self._keep)
        try:
            self._port = self._find_published_port()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """The address and token of the server, for clients on this machine."""
        return JupyterConnectionInfo(host="127.0.0.1", use_https=False, port=self._port, token=self._token)

    def get_client(self) -> JupyterClient:
        """Return a new client of the server."""
        return JupyterClient(self.connection_info)

    def stop(self) -> None:
        """End the container and its kernels. A second call does nothing."""
        # Called explicitly, this also ends a container that should outlive this object.
        if self._finalizer.detach():
            _close(self._client, self._container.id, self._keep)

    def __enter__(self) -> DockerJupyterServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, image: str, *, owned: bool, **options: Any) -> Container:
        # Labels for the next process, which ends the container if this one is killed.
        labels = {OWNER_LABEL: get_process_label(), **({KEPT_LABEL: "yes"} if self._keep else {})} if owned else {}
        defaults: dict[str, Any] = {"pids_limit": 512, "security_opt": ["no-new-privileges"]}
        if options.get("network_mode") != HOST_NETWORK:
            defaults["ports"] = {PORT: ("127.0.0.1", None)}
        settings = {**defaults, **options, "labels": {**labels, **options.get("labels", {})}}
        container = self._client.containers.create(image, auto_remove=not self._keep, **settings)
        try:
            container.start()
        except BaseException:
            end_container(self._client, container.id, keep=False)
            raise
        return container

    def _find_published_port(self) -> int:
        if self._network == HOST_NETWORK:
            return int(PORT.partition("/")[0])
        deadline = time.monotonic() + START_TIMEOUT
        while self._is_running() and time.monotonic() < deadline:
            if published := self._container.ports.get(PORT):
                return int(published[0]["HostPort"])
            time.sleep(0.05)
        raise ValueError(f"The container publishes no port 8888. Its last output:\n{self._read_log()}")

    def _wait_until_ready(self) -> None:
        client, deadline = self.get_client(), time.monotonic() + START_TIMEOUT
        while not client.is_ready():
            if not self._is_running() or time.monotonic() > deadline:
                raise ValueError(f"The Jupyter server in the container failed to start:\n{self._read_log()}")
            time.sleep(0.1)

    def _is_running(self) -> bool:
        import docker

        with contextlib.suppress(docker.errors.NotFound):
            self._container.reload()
            return self._container.status in ("created", "running")
        return False

    def _read_log(self) -> str:
        """Return the end of the container's output, without the token."""
        import docker

        try:
            log: str = self._container.logs(tail=50).decode("utf-8", "replace").strip()
        # The container may have been removed already.
        except docker.errors.DockerException as error:
            return f"It can't be read: {error}"
        return log.replace(self._token, "***") if self._token else log


def _ensure_image(client: DockerClient, custom: str | None) -> str:
    """Return the name of the image. Build the default image if it does not exist.

    Raises:
        ValueError: if the custom image does not exist.
    """
    import docker

    try:
        client.images.get(custom or IMAGE)
    except docker.errors.ImageNotFound:
        if custom is not None:
            raise ValueError(f"Custom image {custom} does not exist") from None
        dockerfile = io.BytesIO(DockerJupyterServer.DEFAULT_DOCKERFILE.encode())
        client.images.build(fileobj=dockerfile, tag=IMAGE, rm=True)
    return custom or IMAGE


def _close(client: DockerClient, container_id: str | None, keep: bool) -> None:
    """End the container, if there is one to end, and close the client."""
    import docker

    if container_id is not None:
        # The engine may have ended too.
        with contextlib.suppress(docker.errors.DockerException, OSError):
            end_container(client, container_id, keep=keep)
    client.close()
