"""Execution of a single file in a fresh container, with its installed packages kept as an image."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .._constants import TIMEOUT_MSG
from .._processes.limits import Limits
from .containers import HOME, WORKSPACE, Isolation, get_first_available, start_container
from .engine import connect
from .execution import run_in_container
from .ownership import OWNER_LABEL, end_container, get_process_label, remove_leftovers

if TYPE_CHECKING:
    from docker.models.containers import Container

DEFAULT_IMAGES = ("python:3-slim", "python:3")


def run_in_docker(
    program: str, file: Path, folder: Path, image: Literal[True] | str | Sequence[str], limits: Limits
) -> tuple[int, str, str | None]:
    """Run a file in a container with its folder mounted at `/workspace`.

    Args:
        program: The program that runs the file.
        file: The path of the file, relative to `folder`.
        folder: The work directory.
        image: The image, or images in order of preference; True for a Python image.
        limits: The limits of time, output and memory.

    Returns:
        Exit code, output, and image: a new image that contains the packages installed by the run, or the original image
        after a timeout or if nothing was installed.

    Raises:
        docker.errors.DockerException: If no engine responds, no image is available, or the engine fails.
    """
    client = connect()
    try:
        remove_leftovers(client)
        names = DEFAULT_IMAGES if image is True else [image] if isinstance(image, str) else image
        result_image = get_first_available(client, names)
        isolation = Isolation(limits)
        name = f"autogen-run-{uuid.uuid4()}"
        labels = {OWNER_LABEL: get_process_label()}
        container = start_container(client, result_image, name, folder.resolve(), isolation, labels=labels)
        try:
            result = run_in_container(container, [program, file.as_posix()], limits=limits, folder=folder)
            if result.timed_out:
                return 1, TIMEOUT_MSG, result_image
            if _has_changed(container):
                tag = container.id[:12]
                # An empty owner: containers made of the image must not be taken for leftovers of this process.
                container.commit(repository="autogen-run", tag=tag, conf={"Labels": {OWNER_LABEL: ""}})
                result_image = f"autogen-run:{tag}"
            return result.exit_code, result.output, result_image
        finally:
            end_container(client, container.id, keep=False)
    finally:
        client.close()


def _has_changed(container: Container) -> bool:
    """Return True if files of the image were changed or added; the work directory is a mount and does not count."""
    ignored = {WORKSPACE, HOME, "/tmp"}
    return any(change["Path"] not in ignored for change in container.diff() or [])
