"""Ownership of containers: labels, removal, and cleanup after killed processes.

A container is labelled with the process that created it. If that process is killed before it can clean up, the next
process that creates a container does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

logger = logging.getLogger("autogen.coding")

OWNER_LABEL = "autogen.owner"
"""Label of the process that stops the container."""

KEPT_LABEL = "autogen.kept"
"""Label of a container that is only stopped, not removed."""

SETTINGS_LABEL = "autogen.settings"
"""Label of the digest of a shared container's settings."""

NAME_LABEL = "autogen.name"
"""Label of the container's name.

An image committed from a container inherits its labels, and so do containers made of that image. If this label differs
from the container's name, the labels are inherited.
"""

REMOVAL_TIMEOUT = 30  # seconds


def end_container(client: DockerClient, container: str, *, keep: bool) -> None:
    """Stop a container immediately and remove it. A no-op if the container is gone.

    Args:
        client: A client of the engine.
        container: The id or name of the container.
        keep: Whether to keep the stopped container.
    """
    import docker

    with contextlib.suppress(docker.errors.NotFound):
        if keep:
            client.api.stop(container, timeout=0)
            return
        try:
            client.api.remove_container(container, force=True, v=True)
        except docker.errors.APIError as error:
            # A conflict: the engine is removing the container already.
            if error.status_code != 409:
                raise
            deadline = time.monotonic() + REMOVAL_TIMEOUT
            # Polled until `NotFound`, since the engine's own wait may miss the event.
            while time.monotonic() < deadline:
                client.api.inspect_container(container)
                time.sleep(0.02)


def get_process_label() -> str:
    """Return the label of this process: boot id, process namespace, process id, and start time."""
    return "/".join((*_get_machine_id(), str(os.getpid()), _read_start_time(os.getpid()) or ""))


def is_process_gone(label: str) -> bool:
    """Return True if the process of a label has ended. Unknown for processes of other machines, hence False."""
    try:
        boot, namespace, pid_text, start_time = label.split("/")
        pid = int(pid_text)
    except ValueError:
        # The label is not of this library.
        return False
    if (boot, namespace) != _get_machine_id() or sys.platform == "win32":
        return False
    # Process ids are reused, start times are not.
    if start_time:
        return _read_start_time(pid) != start_time
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def remove_leftovers(client: DockerClient) -> list[str]:
    """End the containers of killed processes.

    Returns:
        The ids of the containers.
    """
    import docker

    removed = []
    for container in client.api.containers(all=True, filters={"label": OWNER_LABEL}):
        labels = container["Labels"]
        is_original = NAME_LABEL not in labels or f"/{labels[NAME_LABEL]}" in container["Names"]
        if is_original and is_process_gone(labels[OWNER_LABEL]):
            try:
                end_container(client, container["Id"], keep=KEPT_LABEL in labels)
            except docker.errors.APIError as error:
                logger.warning("Can't remove the container %s of a killed process: %s", container["Id"], error)
                continue
            removed.append(container["Id"])
    if removed:
        logger.info("Removed %d containers left behind by killed processes", len(removed))
    return removed


def _get_machine_id() -> tuple[str, str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot, os.readlink("/proc/self/ns/pid")
    except OSError:
        # This is not Linux.
        return platform.node().replace("/", "_"), ""


def _read_start_time(pid: int) -> str | None:
    """Return the start time of a process in clock ticks; None for a zombie, a missing process, or without `/proc`."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
