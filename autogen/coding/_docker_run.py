"""Running one file in a fresh Docker container, and keeping what it installed as an image."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from ._container_exec import run_inside
from ._containers import HOME, OWNER, WORKSPACE, Isolation, available, end, remove_leftovers, start, this_process
from ._docker_engine import connect
from ._limits import Limits

IMAGES = ("python:3-slim", "python:3")


def run_in_docker(
    program: str, file: Path, folder: Path, image: bool | str | list[str], limits: Limits
) -> tuple[int, str, str | None]:
    """Run a file of a folder with the folder mounted at `/workspace`.

    Args:
        program: What runs it.
        file: The file, relative to `folder`.
        folder: The work directory.
        image: The image, or several of which the first that can be had is used, or True for a Python image.
        limits: The time and the output.

    Returns:
        Exit code, output, and the image that holds what the run installed: the one it began with if that is nothing, or
        its time was up.

    Raises:
        docker.errors.DockerException: No engine answers, or it fails, or has none of the images.
    """
    client = connect()
    try:
        remove_leftovers(client)
        names = IMAGES if image is True else [image] if isinstance(image, str) else image
        base = available(client, list(names))  # type: ignore[arg-type]
        isolation = Isolation()
        isolation = replace(isolation, limits=replace(limits, memory=limits.memory or isolation.limits.memory))
        name = f"autogen-run-{uuid.uuid4()}"
        container = start(client, base, name, folder.resolve(), isolation, labels={OWNER: this_process()})
        try:
            finished = run_inside(container, [program, file.as_posix()], limits=limits)
            if finished.timed_out:
                return 1, "Timeout", base
            if _has_changed(container):
                tag = container.id[:12]
                container.commit(repository="autogen-run", tag=tag, conf={"Labels": {OWNER: ""}})  # nobody's
                base = f"autogen-run:{tag}"
            return finished.exit_code, finished.output, base
        finally:
            end(client, container.id, keep=False)
    finally:
        client.close()


def _has_changed(container: Any) -> bool:
    """Whether it has files that its image has not. Those of the work directory are elsewhere, and don't count."""
    ours = {WORKSPACE, HOME, "/tmp"}
    return any(change["Path"] not in ours for change in container.diff() or [])
