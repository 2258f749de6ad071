"""Finding an engine that speaks Docker's API, and saying what to do where there is none.

Docker's own client looks in one place. Here Docker Desktop, Colima, rootless Docker, Podman and their like are found too.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from .._extras import require

WINDOWS_PIPE = "npipe:////./pipe/docker_engine"
_UNIX = "unix://"
_OF_THE_SYSTEM = ("/var/run/docker.sock", "/run/podman/podman.sock")
_IN_HOME = (  # Docker Desktop on macOS and on Linux, Colima, Rancher Desktop, OrbStack, Lima, Podman's machine
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".colima/docker.sock",
    ".rd/docker.sock",
    ".orbstack/run/docker.sock",
    ".lima/docker/sock/docker.sock",
    ".local/share/containers/podman/machine/podman.sock",
)
_IN_RUNTIME_DIR = ("docker.sock", "podman/podman.sock")  # both rootless


def places() -> list[str]:
    """The addresses where an engine may listen; `DOCKER_HOST`, where it is set, is the only one."""
    host = os.environ.get("DOCKER_HOST")
    return [host] if host else _usual_places()


def find() -> str | None:
    """The first address where somebody listens; one that is no socket of this machine counts without a look."""
    return next((address for address in places() if _problem(address) is None), None)


def is_running() -> bool:
    """Whether an engine answers."""
    address = find()  # Docker's SDK leaks a socket where it can't connect
    if address is None:
        return False
    import docker

    try:
        client = _client(address, version="1.24", timeout=5)  # a fixed version: else it asks the engine here already
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):  # an OSError of its HTTP library: nobody listens
        return False
    finally:
        client.close()


def connect() -> Any:
    """A client of the engine.

    Raises:
        docker.errors.DockerException: No engine answers. The text says where it was looked for, and the ways out.
        ImportError: The package `docker` is not installed.
    """
    docker = require("docker", feature="Running code in Docker")
    address = find()
    if address is None:
        raise docker.errors.DockerException(no_engine())
    try:
        return _client(address)
    except docker.errors.DockerException as error:
        raise docker.errors.DockerException(f"{no_engine()}\nThe last error: {error}") from error


def no_engine() -> str:
    """What to tell a user who has no engine running: where it was looked for, and every way on."""
    looked = "\n".join(f"  {address}: {_problem(address) or 'it does not answer as Docker does'}" for address in places())
    return (
        f"Code is to run in Docker (the default for agents), and no Docker engine answers. It was looked for at\n{looked}\n"
        f"{_overruled()}Ways out:\n"
        "- Start an engine: Docker; or `colima start`; or Podman's (`systemctl --user start podman.socket`, "
        "`podman machine start`). If it listens elsewhere, say so: DOCKER_HOST=unix:///path/to.sock\n"
        "- Linux without Docker: run the code in a sandbox of the system, code_execution_config="
        '{"executor": SandboxedCommandLineCodeExecutor()}, from autogen.coding; it needs bubblewrap.\n'
        '- Run it on this machine, without isolation: code_execution_config={"use_docker": False}, or '
        '{"executor": LocalCommandLineCodeExecutor()}.\n'
        "- The same for all agents: set the environment variable AUTOGEN_USE_DOCKER to 0 (command line: --no-docker).\n"
        "- An agent that runs no code takes code_execution_config=False."
    )


def _usual_places() -> list[str]:
    if sys.platform == "win32":
        return [WINDOWS_PIPE]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    paths = [
        *_OF_THE_SYSTEM,
        *(os.path.join(runtime, name) for name in _IN_RUNTIME_DIR),
        *(os.path.join(os.path.expanduser("~"), name) for name in _IN_HOME),
    ]
    return [f"{_UNIX}{path}" for path in dict.fromkeys(paths)]


def _problem(address: str) -> str | None:
    """Why nobody can be reached there; None if somebody listens, or if it can't be known without asking."""
    if not address.startswith(_UNIX) or sys.platform == "win32":
        return None
    path = address.removeprefix(_UNIX)
    try:
        with socket.socket(socket.AF_UNIX) as attempt:
            attempt.settimeout(2)
            attempt.connect(path)
    except PermissionError:
        return "this user may not use it (is the user in the group docker?)"
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"nobody listens ({error.strerror or error})"
    return None


def _overruled() -> str:
    """A hint where DOCKER_HOST leads nowhere, and an engine listens in one of the usual places."""
    if "DOCKER_HOST" not in os.environ or sys.platform == "win32":
        return ""
    found = next((address for address in _usual_places() if _problem(address) is None), None)
    return f"DOCKER_HOST says so; without it the engine at {found} would be used.\n" if found else ""


def _client(address: str, **options: Any) -> Any:
    import docker

    return docker.from_env(environment={**os.environ, "DOCKER_HOST": address}, **options)
