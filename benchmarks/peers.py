"""Other packages, installed from the package index into environments of their own, to be measured beside this one.

They are run, never read: they execute `benchmarks/programs/work.py`, which uses the classic API alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

CLASSIC = "autogen-agentchat==0.2.40"


class Contender(NamedTuple):
    """A package to measure, and the interpreter of its environment."""

    name: str
    python: str


def get_own() -> Contender:
    """Return this project, in the environment that runs the measurements."""
    return Contender("autogen", sys.executable)


def install_peer(requirement: str = CLASSIC, *, folder: Path | None = None) -> Contender:
    """Return a package in an environment of its own, which is made by the first call.

    Args:
        requirement: Requirement for pip.
        folder: Folder of the environments, which may be deleted at any time; None for the user's cache.

    Raises:
        subprocess.CalledProcessError: if it can't be installed.
    """
    home = (folder or _get_cache_folder()) / requirement.replace("==", "-")
    python = home / "bin" / "python"
    done = home / "installed"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        print(f"installing {requirement} into {home}", file=sys.stderr)
        subprocess.run([_find_interpreter(), "-m", "venv", str(home)], check=True, env=get_environment())
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        subprocess.run(install, check=True, env=get_environment())
        done.touch()
    return Contender(requirement, str(python))


def get_versions(contender: Contender) -> dict[str, str]:
    """Return the versions of Python and of the packages that matter in a contender's environment."""
    code = (
        "import sys, json\nfrom importlib.metadata import version, PackageNotFoundError\n"
        "def of(name):\n"
        "    try:\n        return version(name)\n"
        "    except PackageNotFoundError:\n        return None\n"
        "names = 'openai', 'pydantic', 'httpx', 'autogen-classic', 'autogen-agentchat'\n"
        "found = {name: of(name) for name in names}\n"
        "print(json.dumps({'python': sys.version.split()[0], **{k: v for k, v in found.items() if v}}))"
    )
    # the current folder would be on the path of the program
    folder = tempfile.gettempdir()
    command = [contender.python, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, env=get_environment(), cwd=folder)
    return dict(json.loads(done.stdout))


def get_environment() -> dict[str, str]:
    """Return environment variables for programs in other environments: nothing of this environment is on their path."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}


def _get_cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autogen-benchmarks"


def _find_interpreter() -> str:
    """Return an interpreter for AutoGen classic, which runs on Python 3.12 at most."""
    if sys.version_info < (3, 13):
        return sys.executable
    return next(filter(None, map(shutil.which, ("python3.11", "python3.12", "python3.10"))), sys.executable)
