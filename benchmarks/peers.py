"""Other packages, installed from the package index into environments of their own, to be measured beside this one.

They are run, never read: what they execute is `benchmarks/programs/work.py`, which needs the classic API alone.
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
    """Somebody who is measured."""

    name: str
    python: str


def here() -> Contender:
    """This project, in the environment that runs the measurements."""
    return Contender("autogen", sys.executable)


def peer(requirement: str = CLASSIC, *, folder: Path | None = None) -> Contender:
    """An environment with a package, made the first time it is asked for.

    Args:
        requirement: What pip installs.
        folder: Where environments are kept; the user's cache if None. They may be deleted at any time.

    Raises:
        subprocess.CalledProcessError: It can't be installed.
    """
    place = (folder or _cache()) / requirement.replace("==", "-")
    python = place / "bin" / "python"
    done = place / "installed"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        print(f"installing {requirement} into {place}", file=sys.stderr)
        subprocess.run([_interpreter(), "-m", "venv", str(place)], check=True, env=environment())
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        subprocess.run(install, check=True, env=environment())
        done.touch()
    return Contender(requirement, str(python))


def versions(contender: Contender) -> dict[str, str]:
    """What is installed in an environment that matters here."""
    code = (
        "import sys, json\nfrom importlib.metadata import version, PackageNotFoundError\n"
        "def of(name):\n"
        "    try:\n        return version(name)\n"
        "    except PackageNotFoundError:\n        return None\n"
        "names = 'openai', 'pydantic', 'httpx', 'autogen-classic', 'autogen-agentchat'\n"
        "found = {name: of(name) for name in names}\n"
        "print(json.dumps({'python': sys.version.split()[0], **{k: v for k, v in found.items() if v}}))"
    )
    elsewhere = tempfile.gettempdir()  # the current folder would be on its path
    command = [contender.python, "-c", code]
    found = subprocess.run(command, check=True, capture_output=True, env=environment(), cwd=elsewhere)
    return dict(json.loads(found.stdout))


def environment() -> dict[str, str]:
    """The variables for programs in other environments: nothing of this one is on their path."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autogen-benchmarks"


def _interpreter() -> str:
    """What AutoGen classic runs on, which is at most Python 3.12."""
    if sys.version_info < (3, 13):
        return sys.executable
    return next(filter(None, map(shutil.which, ("python3.11", "python3.12", "python3.10"))), sys.executable)
