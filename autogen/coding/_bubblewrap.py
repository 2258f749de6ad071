"""The bubblewrap command of a sandbox, and detection of the features that this machine supports.

The program gets its own namespaces for users, processes, mounts, IPC, host names and (by default) the network, and no
capabilities. Its file system is an allow-list: other paths do not exist in the sandbox. The system calls that `_seccomp`
lists are refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ._seccomp import open_filter

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
ETC_ENTRIES = (
    "alternatives", "ca-certificates.conf", "fonts", "gai.conf", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "locale.alias", "localtime", "magic", "mime.types", "nsswitch.conf", "os-release", "passwd",
    "pki/ca-trust", "pki/tls/cert.pem", "pki/tls/certs", "protocols", "python3", "resolv.conf", "services", "ssl/cert.pem",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
)  # fmt: skip
"""Visible entries of `/etc`, without secrets such as `shadow`, `ssl/private` and the settings of services."""

PYTHON_ENTRIES = ("bin", "lib", "lib32", "lib64", "include", "share", "ssl", "pyvenv.cfg")
"""Visible entries of a Python's folder, which may be a project's folder with other files in it."""

PROTECTED_FOLDERS = ("/usr", "/etc", "/proc", "/sys", "/dev", "/run", "/tmp", "/boot")
"""Folders that a work directory must not be or contain, besides the home directory."""

VIRTUAL_FILE_SYSTEMS = ("/proc", "/sys", "/dev")

# Bounded, since their files are kept in memory.
TMPFS_SIZES = {"/tmp": 1_000_000_000, "/dev/shm": 256_000_000}  # bytes

_NAMESPACES = (
    "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
    "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox",
)  # fmt: skip


class Features(NamedTuple):
    """Optional features of bubblewrap and the kernel. The sandbox isolates without them too.

    Attributes:
        processes: A `/proc` of its own. Containers may forbid it; then `/proc` is empty.
        no_more_namespaces: Programs can't create further user namespaces, which expose more of the kernel.
        sizes: Limited sizes of the folders in memory.
    """

    processes: bool = True
    no_more_namespaces: bool = True
    sizes: bool = True


@dataclass(frozen=True)
class SandboxView:
    """Resources that a program sees besides the system.

    Attributes:
        work_dir: Its work directory, an absolute path without links.
        read: Readable files and folders.
        write: Writable files and folders.
        network: Whether it sees the network.
    """

    work_dir: Path
    read: Sequence[Path] = ()
    write: Sequence[Path] = ()
    network: bool = False

    def list_mounts(self) -> list[tuple[Path, bool]]:
        """Return each path, and whether it is writable; parents come before their children."""
        mounts = {**dict.fromkeys(self.read, False), self.work_dir: True, **dict.fromkeys(self.write, True)}
        return sorted(mounts.items(), key=lambda mount: (len(mount[0].parts), mount[0]))

    def resolve_paths(self) -> list[Path]:
        """Return the targets of the paths. They change if code replaces a writable parent folder by a link."""
        return [path.resolve() for path, _ in self.list_mounts()]


def check_work_dir(work_dir: Path) -> None:
    """Check that a work directory does not expose protected folders.

    Raises:
        ValueError: if it is or contains the home directory or a system folder, or is in a virtual file system.
    """
    for protected in (Path.home(), *map(Path, PROTECTED_FOLDERS)):
        if protected.resolve().is_relative_to(work_dir):
            raise ValueError(
                f"The work directory {work_dir} of a sandbox contains {protected}, which generated code must not change. "
                "Use a dedicated folder, such as work_dir='coding'."
            )
    if any(work_dir.is_relative_to(folder) for folder in VIRTUAL_FILE_SYSTEMS):
        raise ValueError(f"The work directory of a sandbox must not be in /{work_dir.parts[1]}, got {work_dir}.")


def build_command(view: SandboxView, program: Sequence[str], filter_file: int | None = None) -> list[str]:
    """Return the command that runs a program in a sandbox.

    Args:
        view: The resources that the program sees.
        program: The program and its arguments.
        filter_file: The file descriptor of the filter of system calls, which bubblewrap must inherit; None for no filter.

    Raises:
        RuntimeError: if this machine can't create a sandbox.
    """
    bwrap = _find_bwrap()
    options = _build_options(view, _detect_features(bwrap))
    return [bwrap, *options, *_build_filter_options(filter_file), "--", *program]


def check_machine() -> None:
    """Check that this machine can create a sandbox. A success is cached.

    Raises:
        RuntimeError: if it can't. The message explains the changes required.
    """
    _detect_features(_find_bwrap())


def find_python_files(executable: str | Path, *prefixes: str) -> list[Path]:
    """Return the files that a Python needs, including those of the base of a virtual environment.

    Args:
        executable: The path of the interpreter.
        *prefixes: More installation folders.
    """
    program = locate_python(executable)
    chain = [*_follow_links(program)]
    for folder in _read_base_folders(program.parent.parent):
        # Up to Python 3.10 the base of an environment may be another environment, whose interpreter is a link.
        chain += _follow_links(Path(folder) / program.name)
    # The folder of a mere link, such as `~/.local`, may hold anything.
    paths = dict.fromkeys(hop for hop in chain if hop.is_symlink())
    roots = [root for hop in (Path(os.path.abspath(executable)), *chain) if _is_python_home(root := hop.parent.parent)]
    for root in (*roots, *map(Path, prefixes)):
        # Programs use both the linked and the resolved form.
        for form in (root, root.resolve()):
            if form != Path("/") and ".." not in form.parts:
                paths.update(dict.fromkeys(form / name for name in PYTHON_ENTRIES if (form / name).exists()))
    return [path for path in paths if not any(path.is_relative_to(system) for system in SYSTEM_FOLDERS)]


def locate_python(path: str | Path) -> Path:
    """Return a path of a Python interpreter whose parts all exist in a sandbox: without links or `..` in its folder.

    The name in a Python's folder is kept: it tells a virtual environment from the Python on which it is based. Another
    link to the interpreter is resolved.
    """
    program = _resolve_folder(path)
    return program if _is_python_home(program.parent.parent) else program.resolve()


def _resolve_folder(path: str | Path) -> Path:
    folder, name = os.path.split(path)
    return Path(os.path.realpath(folder), name)


def _is_python_home(folder: Path) -> bool:
    """Return True for a virtual environment, or a folder with a standard library."""
    return (folder / "pyvenv.cfg").is_file() or any(any(folder.glob(f"{lib}/python3*/os.py")) for lib in ("lib", "lib64"))


def _follow_links(path: Path) -> Iterator[Path]:
    """Yield a path, and each path reached by following links of its last part."""
    # The kernel follows at most 40 links.
    for _ in range(40):
        yield path
        if not path.is_symlink():
            break
        path = Path(os.path.normpath(path.parent / os.readlink(path)))
        if (resolved := _resolve_folder(path)) != path:
            # The link names this form, so it must exist in the sandbox too.
            yield path
            path = resolved


def _read_base_folders(environment: Path) -> Iterator[str]:
    """Yield the folders of the Python on which a virtual environment is based."""
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError:
        # The folder is not a virtual environment.
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
    if features.processes:
        # The names of the user's keys. Their values are out of reach.
        for file in filter(os.path.exists, ("/proc/keys", "/proc/key-users")):
            yield from ("--ro-bind", "/dev/null", file)
    for folder, size in TMPFS_SIZES.items():
        yield from ("--size", str(size), "--tmpfs", folder) if features.sizes else ("--tmpfs", folder)
    yield from ("--remount-ro", "/dev")
    if not features.processes:
        yield from ("--remount-ro", "/proc")
    mounted: list[Path] = []
    for path, writable in view.list_mounts():
        if not path.is_symlink() or path.name in PYTHON_ENTRIES:
            yield from ("--bind" if writable else "--ro-bind", str(path.resolve()), str(path))
            mounted.append(path)
        elif not any(path.is_relative_to(folder) for folder in mounted):
            # An interpreter finds its library by following the links to itself.
            yield from ("--symlink", os.readlink(path), str(path))
    # Last, since mount points are created in the root.
    yield from ("--remount-ro", "/", "--chdir", str(view.work_dir))


def _build_filter_options(filter_file: int | None) -> list[str]:
    return [] if filter_file is None else ["--seccomp", str(filter_file)]


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
        raise RuntimeError(f"The sandbox requires Linux namespaces, and this is {sys.platform}. {_ALTERNATIVES}")
    if (path := shutil.which("bwrap")) is None:
        raise RuntimeError(
            "The sandbox requires the program 'bwrap', which is not installed: apt-get install bubblewrap "
            f"(dnf, pacman and apk have it under the same name). {_ALTERNATIVES}"
        )
    return path


@cache
def _detect_features(bwrap: str) -> Features:
    """Return the largest set of features with which a sandbox works.

    Raises:
        RuntimeError: if a sandbox works with no set of features.
    """
    help_text = _run_probe(bwrap, "--help")[1]
    supported = Features(no_more_namespaces="--disable-userns" in help_text, sizes="--size" in help_text)
    first_error = ""
    for features in _list_fallbacks(supported):
        options = [*_build_options(SandboxView(Path("/usr")), features)]
        # The probe's work directory is /usr, which must stay read-only.
        options = ["--ro-bind" if option == "--bind" else option for option in options]
        with open_filter() as filter_file:
            options += _build_filter_options(filter_file)
            code, output = _run_probe(bwrap, *options, "--", "/bin/sh", "-c", "exit 0", descriptors=[filter_file])
        if code == 0:
            return features
        first_error = first_error or output.strip()
    raise RuntimeError(
        f"bubblewrap can't create a sandbox on this machine: {first_error}\n{_PERMISSION_ADVICE} {_ALTERNATIVES}"
    )


def _list_fallbacks(supported: Features) -> Iterable[Features]:
    """Return sets of features to try, largest first, each once."""
    without_userns = supported._replace(no_more_namespaces=False)
    candidates = (
        supported,
        without_userns,
        supported._replace(processes=False),
        without_userns._replace(processes=False),
    )
    return dict.fromkeys(candidates)


def _run_probe(*command: str, descriptors: Collection[int] = ()) -> tuple[int, str]:
    try:
        completed = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
            env={"PATH": os.defpath},
            pass_fds=descriptors,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return completed.returncode, (completed.stdout + completed.stderr).decode("utf-8", "replace")


_PERMISSION_ADVICE = """The usual reason is that unprivileged user namespaces are disabled. To enable them:
- Debian: sysctl kernel.unprivileged_userns_clone=1
- Ubuntu from 23.10: an AppArmor profile for bwrap, or sysctl kernel.apparmor_restrict_unprivileged_userns=0
- any: sysctl user.max_user_namespaces=10000
- in a Docker container: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined"""

_ALTERNATIVES = "DockerCommandLineCodeExecutor isolates code too; LocalCommandLineCodeExecutor runs it without isolation."
