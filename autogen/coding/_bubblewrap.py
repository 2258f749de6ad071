"""The command line of bubblewrap: what a sandboxed program sees, and whether this machine can make a sandbox.

The program gets namespaces of its own for users, processes, mounts, messages, names and (unless asked otherwise) the
network, and no capability. Its file system is put together from nothing: what is not listed here is not there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
ETC_ENTRIES = (
    "alternatives", "ca-certificates.conf", "fonts", "gai.conf", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "locale.alias", "localtime", "magic", "mime.types", "nsswitch.conf", "os-release", "passwd",
    "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs", "protocols", "python3", "resolv.conf", "services", "ssl/cert.pem",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
"""What is seen of `/etc`: nothing with a secret in it, such as `shadow`, `ssl/private` or the settings of services."""

PYTHON_ENTRIES = ("bin", "lib", "lib32", "lib64", "include", "share", "ssl", "pyvenv.cfg")
"""What is seen of the folder that a Python is installed in; it may be a project's folder, with other things in it."""

PROTECTED_FOLDERS = ("/usr", "/etc", "/proc", "/sys", "/dev", "/run", "/tmp", "/boot")
VIRTUAL_FILE_SYSTEMS = ("/proc", "/sys", "/dev")
TMPFS_SIZES = {"/tmp": 1_000_000_000, "/dev/shm": 256_000_000}  # bytes of what a program keeps there: it is memory

_NAMESPACES = (
    "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox",
)  # fmt: skip


class Features(NamedTuple):
    """What differs from machine to machine. Without any of these the sandbox holds all the same."""

    processes: bool = True  # a /proc of its own; containers may forbid it, and then there is none
    no_more_namespaces: bool = True  # programs can't make further user namespaces: less of the kernel is within reach
    sizes: bool = True  # folders in memory have a largest size


@dataclass(frozen=True)
class SandboxView:
    """What a program sees besides the system.

    Attributes:
        work_dir: Its work directory, an absolute path without links in it.
        read: Files and folders that it may read.
        write: Files and folders that it may write to.
        network: Whether it sees the network.
    """

    work_dir: Path
    read: Sequence[Path] = ()
    write: Sequence[Path] = ()
    network: bool = False

    def list_mounts(self) -> list[tuple[Path, bool]]:
        """Each path, and whether it can be written to; what is inside of another folder comes after it."""
        wishes = {**dict.fromkeys(self.read, False), self.work_dir: True, **dict.fromkeys(self.write, True)}
        return sorted(wishes.items(), key=lambda wish: (len(wish[0].parts), wish[0]))

    def resolve_paths(self) -> list[Path]:
        """Where the paths lead to. Code that may write to a folder above one could put a link in its way."""
        return [path.resolve() for path, _ in self.list_mounts()]


def check_work_dir(work_dir: Path) -> None:
    """Refuse a work directory that would open up what the sandbox is there to close.

    Raises:
        ValueError: It is or contains the home directory or a folder of the system.
    """
    for closed in (Path.home(), *map(Path, PROTECTED_FOLDERS)):
        if closed.resolve().is_relative_to(work_dir):
            raise ValueError(
                f"The work directory {work_dir} of a sandbox holds {closed}, which generated code must not change. "
                "Give a folder of its own, such as work_dir='coding'."
            )
    if any(work_dir.is_relative_to(own) for own in VIRTUAL_FILE_SYSTEMS):
        raise ValueError(f"A sandbox has its own {work_dir.parts[1]}: no work directory can be in {work_dir}.")


def build_command(view: SandboxView, program: Sequence[str]) -> list[str]:
    """The command that runs a program in a sandbox.

    Raises:
        RuntimeError: This machine can't make one.
    """
    bwrap = _find_bwrap()
    return [bwrap, *_build_options(view, _detect_features(bwrap)), "--", *program]


def check_machine() -> None:
    """Find out whether this machine can make a sandbox. The answer is kept if it is yes.

    Raises:
        RuntimeError: It can't. The message says what to change.
    """
    _detect_features(_find_bwrap())


def find_python_files(executable: str | Path, *prefixes: str) -> list[Path]:
    """What a Python needs to run: its own folders, and if it is a virtual environment also those it is based on."""
    found: dict[Path, None] = {}
    chain = list(_follow_links(Path(os.path.abspath(executable))))
    roots = [hop.parent.parent for hop in chain]
    roots += [Path(home).parent for home in _read_base_folders(chain[0].parent.parent)]
    for root in (*roots, *map(Path, prefixes)):
        for form in (root, root.resolve()):
            if form != Path("/"):
                found.update(dict.fromkeys(form / name for name in PYTHON_ENTRIES if (form / name).exists()))
    return [path for path in found if not any(path.is_relative_to(system) for system in SYSTEM_FOLDERS)]


def _follow_links(path: Path) -> Iterator[Path]:
    """A path, and all that it leads to by links of its last part."""
    for _ in range(40):  # as many as the system follows
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / os.readlink(path)))


def _read_base_folders(environment: Path) -> Iterator[str]:
    """Where the Python is that a virtual environment was made of."""
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:  # it is no virtual environment
        return
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "home":
            yield value.strip()


def _build_options(view: SandboxView, features: Features) -> Iterator[str]:
    yield from _NAMESPACES
    if features.no_more_namespaces:
        yield "--disable-userns"
    if not view.network:
        yield "--unshare-net"
    yield from _build_system_mounts(network=view.network)
    yield from ("--proc", "/proc") if features.processes else ("--tmpfs", "/proc")
    yield from ("--dev", "/dev")
    for folder, size in TMPFS_SIZES.items():
        yield from ("--size", str(size), "--tmpfs", folder) if features.sizes else ("--tmpfs", folder)
    yield from ("--remount-ro", "/dev")
    if not features.processes:
        yield from ("--remount-ro", "/proc")
    for path, writable in view.list_mounts():
        yield from ("--bind" if writable else "--ro-bind", str(path.resolve()), str(path))
    yield from ("--remount-ro", "/", "--chdir", str(view.work_dir))


def _build_system_mounts(*, network: bool) -> Iterator[str]:
    for folder in SYSTEM_FOLDERS:
        if os.path.islink(folder):
            yield from ("--symlink", os.readlink(folder), folder)
        elif os.path.isdir(folder):
            yield from ("--ro-bind", folder, folder)
    for name in ETC_ENTRIES:
        path = f"/etc/{name}"
        if os.path.exists(path) and (network or name != "resolv.conf"):
            yield from ("--ro-bind", os.path.realpath(path), path)


def _find_bwrap() -> str:
    if not sys.platform.startswith("linux"):
        raise RuntimeError(f"The sandbox is made of Linux namespaces, and this is {sys.platform}. {_ALTERNATIVES}")
    if (found := shutil.which("bwrap")) is None:
        raise RuntimeError(
            "The sandbox needs the program 'bwrap', which is not installed: apt-get install bubblewrap "
            f"(dnf, pacman and apk have it under the same name). {_ALTERNATIVES}"
        )
    return found


@cache
def _detect_features(bwrap: str) -> Features:
    """Try a sandbox, with everything first.

    Raises:
        RuntimeError: It works in no form.
    """
    known = _run_probe(bwrap, "--help")[1]
    most = Features(no_more_namespaces="--disable-userns" in known, sizes="--size" in known)
    complaint = ""
    for features in _list_fallbacks(most):
        options = [*_build_options(SandboxView(Path("/usr")), features)]
        options = ["--ro-bind" if option == "--bind" else option for option in options]  # nothing is written
        code, printed = _run_probe(bwrap, *options, "--", "/bin/sh", "-c", "exit 0")
        if code == 0:
            return features
        complaint = complaint or printed.strip()
    raise RuntimeError(f"bubblewrap can't make a sandbox on this machine: {complaint}\n{_PERMISSION_ADVICE} {_ALTERNATIVES}")


def _list_fallbacks(most: Features) -> Iterable[Features]:
    without_namespaces = most._replace(no_more_namespaces=False)
    candidates = (most, without_namespaces, most._replace(processes=False), without_namespaces._replace(processes=False))
    return dict.fromkeys(candidates)


def _run_probe(*command: str) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False, env={"PATH": os.defpath}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


_PERMISSION_ADVICE = """Mostly that is because unprivileged user namespaces are switched off. One of these allows them:
- Debian: sysctl kernel.unprivileged_userns_clone=1
- Ubuntu from 23.10: an AppArmor profile for bwrap, or sysctl kernel.apparmor_restrict_unprivileged_userns=0
- any: sysctl user.max_user_namespaces=10000
- in a Docker container: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined"""

_ALTERNATIVES = "DockerCommandLineCodeExecutor isolates code, too; LocalCommandLineCodeExecutor runs it without isolation."
