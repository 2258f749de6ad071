"""Containers that code runs in: what they may do, whose they are, and how they end.

A container does nothing by itself: its first process waits, and programs are started beside it. It is labelled with the
process that made it. When that process was killed, and could not clean up, the next one to make a container does.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._environment import UNBUFFERED
from ._limits import Limits

logger = logging.getLogger(__name__)

ENGINE_TIMEOUT = 30  # seconds; an engine that has much to do takes some
WORKSPACE = "/workspace"
HOME = "/tmp/home"
OWNER, KEPT, SETTINGS = "autogen.owner", "autogen.kept", "autogen.settings"
"""Labels: the process that stops the container; that it is not removed then; what it was made with, if it is shared."""
NAME = "autogen.name"
"""A label with the container's name. An image made of a container has its labels, and so have the containers made of that:
where the name is another one, the labels are not its own."""

LIMITS = Limits(memory=2 * 2**30)
"""What the programs of a container may use together, where nothing else is said."""

# The first process waits for ever, as little as that is: it must not fork, as a program may have used up the processes. It
# ignores the end of its children, so that the system itself clears away the orphans it inherits.
_WAIT = """
[ -z "$HOME" ] || mkdir -p "$HOME"
env --ignore-signal=CHLD true 2>/dev/null && exec env --ignore-signal=CHLD tail -f /dev/null
trap '' CHLD; exec tail -f /dev/null
"""

_NO_FOLDER = ("bind source path does not exist", "statfs")  # said by Docker, and by Podman


@dataclass(frozen=True)
class Isolation:
    """What a container may do, besides running for as long as it is let.

    Attributes:
        limits: What its programs may use.
        cpus: Processors, in parts of one; None for all.
        user: Who runs the code, as `docker run --user` takes it; None for the user of this process, "" for the image's.
        network: Whether there is one; or the name of one.
        read_only: Whether nothing but `/workspace` and `/tmp` can be written to.
        capabilities: Those of root's rights that it keeps, such as `CHOWN`.
    """

    limits: Limits = LIMITS
    cpus: float | None = 1.0
    user: str | None = None
    network: bool | str = True
    read_only: bool = False
    capabilities: tuple[str, ...] = ()


def start(
    client: Any, image: str, name: str, folder: Path, isolation: Isolation, *, labels: dict[str, str], **options: Any
) -> Any:
    """Make a container with a folder mounted at `/workspace`, and start it.

    Raises:
        docker.errors.APIError: The engine refuses.
        ValueError: It does not see the folder.
    """
    import docker

    settings = {**_settings(client, folder, isolation), **options, "name": name, "labels": {**labels, NAME: name}}
    container = None
    try:
        container = client.containers.create(image, **settings)
        container.start()
    except BaseException as error:
        if container is not None:
            end(client, container.id, keep=False)
        if isinstance(error, docker.errors.APIError) and any(words in str(error) for words in _NO_FOLDER):
            raise ValueError(_not_seen(folder)) from error
        raise
    return container


def _settings(client: Any, folder: Path, isolation: Isolation) -> dict[str, Any]:
    from docker.types import Mount, Ulimit

    limits, network = isolation.limits, isolation.network
    user = isolation.user if isolation.user is not None else _this_user(client)
    sizes = {"core": 0, "fsize": limits.file_size, "cpu": limits.cpu_seconds}
    settings: dict[str, Any] = {
        "entrypoint": ["/bin/sh", "-c", _WAIT],
        "command": [],
        "working_dir": WORKSPACE,
        "mounts": [Mount(WORKSPACE, str(folder), type="bind")],  # as text, a colon in a name would end it
        "environment": {**UNBUFFERED, **({} if _is_root(user) and not isolation.read_only else {"HOME": HOME})},
        "cap_drop": ["ALL"],
        "cap_add": [*isolation.capabilities, "KILL"] if isolation.capabilities else [],  # whoever they let it become
        "security_opt": ["no-new-privileges"],
        "pids_limit": limits.processes,
        "ulimits": [Ulimit(name=name, soft=size, hard=size) for name, size in sizes.items() if size is not None],
        "user": user,
        "read_only": isolation.read_only,
    }
    if limits.memory is not None:
        settings |= {"mem_limit": limits.memory, "memswap_limit": limits.memory}  # the same: no swap on top
    if isolation.cpus is not None:
        settings["nano_cpus"] = int(isolation.cpus * 1e9)
    if isolation.read_only:
        settings["tmpfs"] = {"/tmp": "rw,exec,nosuid,nodev"}
    if network is not True:
        settings["network_mode"] = network or "none"
    return settings


def _this_user(client: Any) -> str | None:
    """The user and group of this process, so that files have the right owner: root in the container has no right to others'.

    A rootless engine maps its user to root. On Windows the engine is in a virtual machine, and maps users itself.
    """
    if sys.platform == "win32":
        return None
    if any("rootless" in option for option in client.info().get("SecurityOptions") or []):
        return "0:0"
    return f"{os.getuid()}:{os.getgid()}"


def _is_root(user: str | None) -> bool:
    return user is None or user.partition(":")[0] in ("", "0", "root")


def wait_for_ready(container: Any, timeout: float = 60, stop_time: float = 0.1) -> None:
    """Wait until a container runs.

    Raises:
        ValueError: It does not, or has ended already.
    """
    deadline = time.monotonic() + timeout
    while container.status != "running":
        if container.status in ("exited", "dead") or time.monotonic() > deadline:
            raise ValueError("Container failed to start")
        time.sleep(stop_time)
        container.reload()


def start_anew(container: Any) -> None:
    """Restart a container, and wait until programs can be run in it: a busy engine takes a moment to notice that it runs.

    Raises:
        docker.errors.APIError: The engine refuses.
        ValueError: The container does not run, or no program can be run in it.
    """
    container.restart(timeout=0)
    container.reload()
    deadline = time.monotonic() + ENGINE_TIMEOUT
    while container.status != "running" or container.exec_run(["true"]).exit_code != 0:
        if container.status in ("exited", "dead") or time.monotonic() > deadline:
            raise ValueError(f"Failed to restart the container. Its logs: {container.logs().decode('utf-8', 'replace')}")
        time.sleep(0.02)
        container.reload()


def check_folder(container: Any, work_dir: Path) -> None:
    """See whether a container has the work directory.

    Raises:
        ValueError: It has another folder: the engine has other files than this process.
    """
    with tempfile.NamedTemporaryFile(prefix=".autogen-", dir=work_dir) as probe:
        seen = container.exec_run(["test", "-e", f"{WORKSPACE}/{Path(probe.name).name}"])
    if seen.exit_code == 1:
        raise ValueError(_not_seen(work_dir.resolve()))


def _not_seen(folder: Path) -> str:
    return (
        f"The Docker engine does not see the files of {folder}. If this program runs in a container itself, give bind_dir, "
        "the same folder by its name on the engine's machine. If the engine runs in a virtual machine (Colima, Podman, "
        "Docker Desktop), take a work_dir that is shared with it: mostly, one in your home directory."
    )


def available(client: Any, names: list[str]) -> str:
    """The first of some images that is there, or can be pulled.

    Raises:
        docker.errors.DockerException: None can be had.
        ValueError: There are no names.
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
    raise ValueError("No image is named: use_docker is an empty list.")


def settings_digest(*settings: object) -> str:
    """A short name for settings, to tell whether a container was made with the same."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


def end(client: Any, container: str, *, keep: bool) -> None:
    """Stop a container at once, and wait until it is gone, unless it is to be kept. One that is gone already is fine."""
    import docker

    with contextlib.suppress(docker.errors.NotFound):
        if keep:
            client.api.stop(container, timeout=0)
            return
        try:
            client.api.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code != 409:  # the engine removes it already
                raise
            deadline = time.monotonic() + ENGINE_TIMEOUT
            while time.monotonic() < deadline:  # Docker's own wait for it may miss that it has happened
                client.api.inspect_container(container)
                time.sleep(0.02)


def this_process() -> str:
    """The label of this process: the boot of its machine, its namespace, its id, and when it was started."""
    return "/".join((*_machine(), str(os.getpid()), _started(os.getpid()) or ""))


def is_gone(owner: str) -> bool:
    """Whether the process of a label has ended. Of a process elsewhere it is not known: then it has not."""
    try:
        boot, namespace, pid, started = owner.split("/")
        number = int(pid)
    except ValueError:  # not a label of ours
        return False
    if (boot, namespace) != _machine() or sys.platform == "win32":
        return False
    if started:
        return _started(number) != started
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def remove_leftovers(client: Any) -> list[str]:
    """End the containers of processes that were killed.

    Returns:
        Their ids.
    """
    import docker

    found = []
    for container in client.api.containers(all=True, filters={"label": OWNER}):
        labels = container["Labels"]
        are_its_own = NAME not in labels or f"/{labels[NAME]}" in container["Names"]
        if are_its_own and is_gone(labels[OWNER]):
            try:
                end(client, container["Id"], keep=KEPT in labels)
            except docker.errors.APIError as error:
                logger.warning("The container %s of a process that was killed can't be removed: %s", container["Id"], error)
                continue
            found.append(container["Id"])
    if found:
        logger.info("Removed %d containers that processes which were killed had left", len(found))
    return found


def _machine() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot, os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux
        return platform.node().replace("/", "_"), ""


def _started(pid: int) -> str | None:
    """When a process was started, in the system's ticks; None if there is no such process, or no way to know."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
