"""Running one file in a fresh Docker container, and keeping what it installed as an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._process import TIMEOUT_EXIT_CODE, Limits

IMAGES = ("python:3-slim", "python:3")
WORKSPACE = "/workspace"


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
        Exit code, output, and the image that holds what the run installed (after a time-out the one it began with).

    Raises:
        docker.errors.DockerException: The engine fails, or has none of the images.
    """
    import docker

    client = docker.from_env()
    try:
        names = IMAGES if image is True else [image] if isinstance(image, str) else image
        base = _first_available(client, list(names))  # type: ignore[arg-type]
        command = ["timeout", "--signal=KILL", str(int(limits.seconds)), program, str(file)]
        mounted = {str(folder.resolve()): {"bind": WORKSPACE, "mode": "rw"}}
        container = client.containers.create(base, command, working_dir=WORKSPACE, volumes=mounted, pids_limit=512)
        try:
            container.start()
            exit_code = int(container.wait(timeout=limits.seconds + 30)["StatusCode"])
            output = container.logs().decode("utf-8", "replace")
            if exit_code in (TIMEOUT_EXIT_CODE, 137):
                return 1, "Timeout", base
            container.commit(repository="autogen-run", tag=container.id[:12])
            return exit_code, _cut(output, limits.output), f"autogen-run:{container.id[:12]}"
        finally:
            container.remove(force=True)
    finally:
        client.close()


def _first_available(client: Any, names: list[str]) -> str:
    import docker

    for position, name in enumerate(names):
        try:
            client.images.get(name)
        except docker.errors.ImageNotFound:
            try:
                client.images.pull(name)
            except docker.errors.DockerException:
                if position == len(names) - 1:
                    raise
                continue
        return name
    raise ValueError("use_docker names no image.")


def _cut(output: str, limit: int) -> str:
    if len(output) <= limit:
        return output
    half = limit // 2
    return f"{output[:half]}\n[... {len(output) - limit} characters of output cut here ...]\n{output[-half:]}"
