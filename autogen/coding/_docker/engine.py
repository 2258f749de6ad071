"""Discovery of an engine with Docker's API, and advice if it is missing.

Docker's SDK tries one address. Here Docker Desktop, Colima, rootless Docker, Podman and the like are found too.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from ..._extras import require
from ..._lazy_imports import get_current

if TYPE_CHECKING:
    from docker import DockerClient

WINDOWS_PIPE = "npipe:////./pipe/docker_engine"
_UNIX_SCHEME = "unix://"
_SYSTEM_SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")

# Docker Desktop on macOS and on Linux, Colima, Rancher Desktop, OrbStack, Lima, Podman's machine.
_HOME_SOCKETS = (
    ".docker/run/docker.sock",
    ".docker/desktop/docker.sock",
    ".colima/default/docker.sock",
    ".colima/docker.sock",
    ".rd/docker.sock",
    ".orbstack/run/docker.sock",
    ".lima/docker/sock/docker.sock",
    ".local/share/containers/podman/machine/podman.sock",
)

# Rootless Docker and rootless Podman.
_RUNTIME_DIR_SOCKETS = ("docker.sock", "podman/podman.sock")


def list_addresses() -> list[str]:
    """Return the addresses to try: `DOCKER_HOST` alone if it is set, else the default addresses."""
    host = os.environ.get("DOCKER_HOST")
    return [host] if host else _list_default_addresses()


def find_address() -> str | None:
    """Return the first address with a listener; an address that is not a local socket is returned untested."""
    return next((address for address in list_addresses() if _probe_address(address) is None), None)


def is_running() -> bool:
    """Return True if an engine responds."""
    if _is_replaced():
        return _ping_replaced()
    # Probed first: Docker's SDK leaks a socket if it can't connect.
    address = find_address()
    if address is None:
        return False
    import docker

    try:
        # A fixed version: otherwise the constructor already sends a request.
        client = _make_client(address, version="1.24", timeout=5)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        # The SDK's HTTP library raises an OSError if nothing listens.
        return False
    finally:
        client.close()


def connect() -> DockerClient:
    """Create a client of the engine.

    Raises:
        docker.errors.DockerException: If no engine responds. The message lists the addresses tried and the alternatives.
        ImportError: if the package `docker` is not installed.
    """
    docker = require("docker", feature="Running code in Docker")
    if _is_replaced():
        return _get_current_sdk().from_env()
    address = find_address()
    if address is None:
        raise docker.errors.DockerException(explain_missing_engine())
    try:
        return _make_client(address)
    except docker.errors.DockerException as error:
        raise docker.errors.DockerException(f"{explain_missing_engine()}\nThe last error: {error}") from error


def _get_current_sdk() -> Any:
    """Return Docker's SDK, or the stand-in of a test, which may be None; None while it isn't imported."""
    return get_current("autogen.code_utils", "docker", sys.modules.get("docker"))


def _is_replaced() -> bool:
    return _get_current_sdk() is not sys.modules.get("docker")


def _ping_replaced() -> bool:
    sdk = _get_current_sdk()
    try:
        return sdk is not None and bool(sdk.from_env().ping())
    # The stand-in's exceptions may be of any class.
    except Exception:  # noqa: BLE001
        return False


def explain_missing_engine() -> str:
    """Return the error message for a missing engine: the addresses tried, and the alternatives."""
    tried = "\n".join(
        f"  {address}: {_probe_address(address) or 'it does not respond like Docker'}" for address in list_addresses()
    )
    return (
        f"Code should run in Docker (the default for agents), but no Docker engine responds. Addresses tried:\n{tried}\n"
        f"{_suggest_default_address()}Ways out:\n"
        "- Start an engine: Docker; or `colima start`; or Podman's (`systemctl --user start podman.socket`, "
        "`podman machine start`). If it listens elsewhere, set its address: DOCKER_HOST=unix:///path/to.sock\n"
        "- On Linux without Docker, run the code in a sandbox: code_execution_config="
        '{"executor": SandboxedCommandLineCodeExecutor()}, from autogen.coding '
        "(it requires bubblewrap: apt-get install bubblewrap).\n"
        '- Run the code on this machine, without isolation: code_execution_config={"use_docker": False}, or '
        '{"executor": LocalCommandLineCodeExecutor()}.\n'
        "- The same for all agents: set the environment variable AUTOGEN_USE_DOCKER to 0 (command line: --no-docker).\n"
        "- Disable code execution for an agent: code_execution_config=False."
    )


def _list_default_addresses() -> list[str]:
    if sys.platform == "win32":
        return [WINDOWS_PIPE]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    paths = [
        *_SYSTEM_SOCKETS,
        *(os.path.join(runtime, name) for name in _RUNTIME_DIR_SOCKETS),
        *(os.path.join(os.path.expanduser("~"), name) for name in _HOME_SOCKETS),
    ]
    return [f"{_UNIX_SCHEME}{path}" for path in dict.fromkeys(paths)]


def _probe_address(address: str) -> str | None:
    """Return the reason why a socket is unusable; None if it has a listener, or if the address is not a local socket."""
    # Other addresses can only be tested by a request.
    if not address.startswith(_UNIX_SCHEME) or sys.platform == "win32":
        return None
    path = address.removeprefix(_UNIX_SCHEME)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(path)
    except PermissionError:
        return "permission denied (is the user in the group docker?)"
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"no engine listens ({error.strerror or error})"
    return None


def _suggest_default_address() -> str:
    """Return a hint if DOCKER_HOST is unusable and an engine listens at a default address."""
    if "DOCKER_HOST" not in os.environ or sys.platform == "win32":
        return ""
    address = next((address for address in _list_default_addresses() if _probe_address(address) is None), None)
    return f"DOCKER_HOST is set; without it the engine at {address} would be used.\n" if address else ""


def _make_client(address: str, **options: str | int) -> DockerClient:
    import docker

    return docker.from_env(environment={**os.environ, "DOCKER_HOST": address}, **options)
