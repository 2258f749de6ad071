"""Docker containers for code: isolation, creation, restart, and images.

The first process of a container only waits; programs are started next to it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from .._processes.environment import UNBUFFERED
from .._processes.limits import Limits
from .ownership import NAME_LABEL, end_container

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.types import Mount, Ulimit
    from typing_extensions import NotRequired

logger = logging.getLogger("autogen.coding")

# A busy engine needs a while to restart a container or to notice its end.
ENGINE_TIMEOUT = 30  # seconds
WORKSPACE = "/workspace"
HOME = "/tmp/home"

DEFAULT_LIMITS = Limits(memory=2 * 2**30)
"""Limits of all programs of a container together."""

# The first process waits without forking, since a program may have used up the processes. It ignores the end of its
# children, so that the kernel reaps the orphans it inherits.
_INIT_SCRIPT = """
[ -z "$HOME" ] || mkdir -p "$HOME"
env --ignore-signal=CHLD true 2>/dev/null && exec env --ignore-signal=CHLD tail -f /dev/null
trap '' CHLD; exec tail -f /dev/null
"""

KILL_ALL = "kill -9 -1 2>/dev/null"
"""Shell command that kills all processes of a container but the first and the shell."""

# Parts of the messages of Docker and Podman.
_MISSING_FOLDER_ERRORS = ("bind source path does not exist", "statfs")


@dataclass(frozen=True)
class Isolation:
    """Permissions and limits of a container.

    Attributes:
        limits: Limits of its programs.
        cpus: Number of processors, possibly fractional; None for all.
        user: User of the programs in the form of `docker run --user`; None for the user of this process, "" for the
            image's user.
        network: Whether there is a network, or the name of a Docker network.
        read_only: Whether only `/workspace` and `/tmp` are writable.
        capabilities: Capabilities of root to keep, such as `CHOWN`.
        volumes: Pairs of a further folder as the engine sees it, and its path in the container.
    """

    limits: Limits = DEFAULT_LIMITS
    cpus: float | None = 1.0
    user: str | None = None
    network: bool | str = True
    read_only: bool = False
    capabilities: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()


def start_container(
    client: DockerClient,
    image: str,
    name: str,
    folder: Path,
    isolation: Isolation,
    *,
    labels: dict[str, str],
    auto_remove: bool = False,
) -> Container:
    """Create a container with a folder mounted at `/workspace`, and start it.

    Args:
        client: A client of the engine.
        image: The name of the image.
        name: The name of the container.
        folder: The absolute path of the folder as the engine sees it.
        isolation: The permissions and limits.
        labels: More labels of the container.
        auto_remove: Whether the engine removes the container when it stops.

    Raises:
        docker.errors.APIError: If the engine refuses.
        ValueError: if the engine does not see the folder.
    """
    import docker

    settings = _build_settings(client, folder, isolation)
    container = None
    try:
        container = client.containers.create(
            image, **settings, name=name, labels={**labels, NAME_LABEL: name}, auto_remove=auto_remove
        )
        container.start()
    except BaseException as error:
        # An interrupt must not leave a container behind either.
        if container is not None:
            end_container(client, container.id, keep=False)
        if isinstance(error, docker.errors.APIError) and any(words in str(error) for words in _MISSING_FOLDER_ERRORS):
            raise ValueError(_explain_missing_folder(folder)) from error
        raise
    return container


class _Settings(TypedDict):
    """Arguments of `client.containers.create`."""

    entrypoint: list[str]
    command: list[str]
    working_dir: str
    mounts: list[Mount]
    environment: dict[str, str]
    cap_drop: list[str]
    cap_add: list[str]
    security_opt: list[str]
    pids_limit: int | None
    ulimits: list[Ulimit]
    user: str | None
    read_only: bool
    mem_limit: NotRequired[int]
    memswap_limit: NotRequired[int]
    nano_cpus: NotRequired[int]
    tmpfs: NotRequired[dict[str, str]]
    network_mode: NotRequired[str]


def _build_settings(client: DockerClient, folder: Path, isolation: Isolation) -> _Settings:
    from docker.types import Mount, Ulimit

    limits, network = isolation.limits, isolation.network
    user = isolation.user if isolation.user is not None else _get_current_user(client)
    sizes = {"core": 0, "fsize": limits.file_size, "cpu": limits.cpu_seconds}
    settings: _Settings = {
        "entrypoint": ["/bin/sh", "-c", _INIT_SCRIPT],
        "command": [],
        "working_dir": WORKSPACE,
        # A `Mount`, since a colon in the folder's name would end the text form.
        "mounts": [Mount(path, source, type="bind") for source, path in ((str(folder), WORKSPACE), *isolation.volumes)],
        "environment": {**UNBUFFERED, **({} if _is_root(user) and not isolation.read_only else {"HOME": HOME})},
        "cap_drop": ["ALL"],
        # Programs that change to another user must still be killable.
        "cap_add": [*isolation.capabilities, "KILL"] if isolation.capabilities else [],
        "security_opt": ["no-new-privileges"],
        "pids_limit": limits.processes,
        "ulimits": [Ulimit(name=name, soft=size, hard=size) for name, size in sizes.items() if size is not None],
        "user": user,
        "read_only": isolation.read_only,
    }
    if memory := limits.memory or DEFAULT_LIMITS.memory:
        settings["mem_limit"] = memory
        # The limit includes swap: an equal value means no swap.
        settings["memswap_limit"] = memory
    if isolation.cpus is not None:
        settings["nano_cpus"] = int(isolation.cpus * 1e9)
    if isolation.read_only:
        settings["tmpfs"] = {"/tmp": "rw,exec,nosuid,nodev"}
    if network is not True:
        settings["network_mode"] = network or "none"
    return settings


def _get_current_user(client: DockerClient) -> str | None:
    """Return the user and group of this process, so that files in the work directory have the right owner.

    Without capabilities, root in the container can't write to the files of other users.
    """
    # On Windows the engine runs in a virtual machine, and maps users itself.
    if sys.platform == "win32":
        return None
    # A rootless engine maps its user to root.
    if any("rootless" in option for option in client.info().get("SecurityOptions") or []):
        return "0:0"
    return f"{os.getuid()}:{os.getgid()}"


def _is_root(user: str | None) -> bool:
    return user is None or user.partition(":")[0] in ("", "0", "root")


def wait_for_ready(container: Container, timeout: float = 60, stop_time: float = 0.1) -> None:
    """Wait until a container runs.

    Args:
        container: The container.
        timeout: Seconds to wait.
        stop_time: Seconds between polls.

    Raises:
        ValueError: if the container has ended, or does not run in time.
    """
    deadline = time.monotonic() + timeout
    while container.status != "running":
        if container.status in ("exited", "dead") or time.monotonic() > deadline:
            raise ValueError("Container failed to start")
        time.sleep(stop_time)
        container.reload()


def restart_container(container: Container) -> None:
    """Restart a container, and wait until programs can run in it.

    In a container that the engine removes when it stops, all processes but the first are killed instead: a busy engine may
    take the restart for the end.

    Raises:
        docker.errors.APIError: If the engine refuses.
        ValueError: if the container does not run, or no program can be run in it.
    """
    if container.attrs["HostConfig"].get("AutoRemove"):
        container.exec_run(["/bin/sh", "-c", f"{KILL_ALL}\nexit 0"])
    else:
        container.restart(timeout=0)
    container.reload()
    deadline = time.monotonic() + ENGINE_TIMEOUT
    # A busy engine may report a running container before it accepts programs.
    while container.status != "running" or container.exec_run(["true"]).exit_code != 0:
        if container.status in ("exited", "dead") or time.monotonic() > deadline:
            raise ValueError(f"Failed to restart the container. Its logs: {container.logs().decode('utf-8', 'replace')}")
        time.sleep(0.02)
        container.reload()


def check_mount(container: Container, work_dir: Path) -> None:
    """Check that a container sees the files of the work directory.

    Raises:
        ValueError: if the engine has another file system than this process.
    """
    with tempfile.NamedTemporaryFile(prefix=".autogen-", dir=work_dir) as probe:
        result = container.exec_run(["test", "-e", f"{WORKSPACE}/{Path(probe.name).name}"])
    if result.exit_code == 1:
        raise ValueError(_explain_missing_folder(work_dir.resolve()))


def _explain_missing_folder(folder: Path) -> str:
    return (
        f"The Docker engine does not see the files of {folder}. If this program runs in a container, set bind_dir to the "
        "path of the same folder on the engine's machine. If the engine runs in a virtual machine (Colima, Podman, "
        "Docker Desktop), use a work_dir shared with it, for example in your home directory."
    )


def get_first_available(client: DockerClient, names: Sequence[str]) -> str:
    """Return the first image that is present or can be pulled.

    Raises:
        docker.errors.DockerException: If no image is available.
        ValueError: if `names` is empty.
    """
    import docker

    for position, name in enumerate(names):
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            logger.info("Pulling image %s", name)
            try:
                client.images.pull(name)
            except docker.errors.DockerException:
                if position == len(names) - 1:
                    raise
                logger.info("Failed to pull image %s", name)
                continue
        return name
    raise ValueError("use_docker must name at least one image, got an empty list.")


def hash_settings(*settings: object) -> str:
    """Return a short digest, to compare the settings of a shared container with those of an executor."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
