"""A Jupyter server in a Docker container."""

from __future__ import annotations

import contextlib
import io
import time
import uuid
from types import TracebackType
from typing import Any

from .._docker.ownership import KEPT_LABEL, OWNER_LABEL, end_container, get_process_label, remove_leftovers
from .._docker.engine import connect
from ._watchdog import call_when_dropped
from .base import GENERATED, JupyterConnectable, JupyterConnectionInfo, token_of
from .base import GenerateToken as _GenerateToken
from .jupyter_client import JupyterClient

__all__ = ["DockerJupyterServer"]

IMAGE = "autogen-jupyterkernelgateway"
PORT = "8888/tcp"
HOST = "host"  # the network of this machine: nothing is published, and the port is 8888 here too
START = 60.0  # seconds


class DockerJupyterServer(JupyterConnectable):
    """A Jupyter server in a Docker container: its kernels see nothing of this machine but what you give the container.

    The container ends with this object, with this process, by `stop()`, or at the end of a `with`. If this process is
    killed, the next one that starts a container ends it. Its port is open to this machine only.

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
        """
        Args:
            custom_image_name: An image that is there, in place of the one that is built the first time. It must listen at
                port 8888, and ask for the token in its variable `TOKEN`.
            container_name: The container's name. None: one of its own.
            auto_remove: Whether the container is removed when it has stopped.
            stop_container: Whether it is stopped when this object is dropped, and at the end of the process.
            docker_env: Variables for the container.
            token: What clients must know. Without one given, it is made up; None and "" let everybody in.
            docker_kwargs: What else the `docker` package's `containers.run` takes: limits, volumes, networks. With
                `network_mode="host"` the server is at port 8888 of this machine.

        Raises:
            ValueError: There is no such image, or the server does not start. The message has its last words.
            docker.errors.DockerException: Docker does not run, or refuses.
        """
        self._token = token_of(token)
        self._network = docker_kwargs.get("network_mode")
        self._client = connect()
        try:
            remove_leftovers(self._client)
            self._container = self._run(
                _image(self._client, custom_image_name),
                owned=stop_container,
                keep=not auto_remove,
                name=container_name or f"{IMAGE}-{uuid.uuid4()}",
                environment={"TOKEN": self._token, **docker_env},
                **docker_kwargs,
            )
        except BaseException:
            self._client.close()
            raise
        container = self._container.id
        self._goes = call_when_dropped(self, _finish, self._client, container if stop_container else None, not auto_remove)
        self._keep = not auto_remove
        try:
            self._port = self._published_port()
            self._wait()
        except BaseException:
            self.stop()
            raise

    @property
    def connection_info(self) -> JupyterConnectionInfo:
        """Where it is, for clients on this machine."""
        return JupyterConnectionInfo(host="127.0.0.1", use_https=False, port=self._port, token=self._token)

    def get_client(self) -> JupyterClient:
        """A client of it."""
        return JupyterClient(self.connection_info)

    def stop(self) -> None:
        """End the container, and its kernels. A second call does nothing."""
        if self._goes.detach():
            _finish(self._client, self._container.id, self._keep)

    def __enter__(self) -> DockerJupyterServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, image: str, *, owned: bool, keep: bool, **options: Any) -> Any:
        labels = {OWNER_LABEL: get_process_label(), **({KEPT_LABEL: "yes"} if keep else {})} if owned else {}
        defaults: dict[str, Any] = {"pids_limit": 512, "security_opt": ["no-new-privileges"]}
        if options.get("network_mode") != HOST:
            defaults["ports"] = {PORT: ("127.0.0.1", None)}
        settings = {**defaults, **options, "labels": {**labels, **options.get("labels", {})}}
        container = self._client.containers.create(image, auto_remove=not keep, **settings)
        try:
            container.start()
        except BaseException:
            end_container(self._client, container.id, keep=False)
            raise
        return container

    def _published_port(self) -> int:
        if self._network == HOST:
            return int(PORT.partition("/")[0])
        deadline = time.monotonic() + START
        while self._runs() and time.monotonic() < deadline:
            if published := self._container.ports.get(PORT):
                return int(published[0]["HostPort"])
            time.sleep(0.05)
        raise ValueError(f"The container publishes no port 8888. Its last words:\n{self._last_words()}")

    def _wait(self) -> None:
        client, deadline = self.get_client(), time.monotonic() + START
        while not client.is_ready():
            if not self._runs() or time.monotonic() > deadline:
                raise ValueError(f"The Jupyter server in the container failed to start:\n{self._last_words()}")
            time.sleep(0.1)

    def _runs(self) -> bool:
        import docker

        with contextlib.suppress(docker.errors.NotFound):
            self._container.reload()
            return self._container.status in ("created", "running")
        return False

    def _last_words(self) -> str:
        import docker

        try:
            words: str = self._container.logs(tail=50).decode("utf-8", "replace").strip()
        except docker.errors.DockerException as error:  # it is removed already
            return f"They can't be read: {error}"
        return words.replace(self._token, "***") if self._token else words


def _image(client: Any, custom: str | None) -> str:
    """The image's name. That of the default is built if it is not there."""
    import docker

    try:
        client.images.get(custom or IMAGE)
    except docker.errors.ImageNotFound:
        if custom is not None:
            raise ValueError(f"Custom image {custom} does not exist") from None
        dockerfile = io.BytesIO(DockerJupyterServer.DEFAULT_DOCKERFILE.encode())
        client.images.build(fileobj=dockerfile, tag=IMAGE, rm=True)
    return custom or IMAGE


def _finish(client: Any, container: str | None, keep: bool) -> None:
    import docker

    if container is not None:
        with contextlib.suppress(docker.errors.DockerException, OSError):  # the engine may be gone as well
            end_container(client, container, keep=keep)
    client.close()
