"""The system calls that the kernel refuses to programs in a sandbox, and their separation from the user's keyrings.

Namespaces don't cover everything that a system call reaches: keyrings belong to a session, and tracing, BPF, mounts and the
like expose parts of the kernel that generated code has no use for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyseccomp

_REFUSED = (
    # keyrings
    "add_key", "keyctl", "request_key",
    # other programs, and the kernel
    "bpf", "kcmp", "lookup_dcookie", "perf_event_open", "pidfd_getfd", "process_vm_readv", "process_vm_writev", "ptrace",
    "syslog", "userfaultfd",
    # mounts and namespaces
    "chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree",
    "pivot_root", "setns", "umount", "umount2",
    # the machine
    "acct", "create_module", "delete_module", "finit_module", "init_module", "kexec_file_load", "kexec_load", "nfsservctl",
    "quotactl", "reboot", "swapoff", "swapon", "uselib", "vm86", "vm86old",
)  # fmt: skip

_ABSENT = ("clone3", "io_uring_enter", "io_uring_register", "io_uring_setup", "openat2")
"""Calls that hide their arguments in memory, which a filter can't read. C libraries do without them on an old kernel."""

_NUMBERS = {"mount_setattr": 442, "fchmodat2": 452}
"""Numbers, equal on all 64-bit machines, of calls that an old libseccomp doesn't know."""

# A number below that stands for a call that only other architectures have.
_UNKNOWN = -1

# Flags of `clone` and `unshare`, from linux/sched.h.
_NEW_NAMESPACES = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)

# Requests of `ioctl` that put input into a terminal, from asm-generic/ioctls.h.
_TERMINAL_INPUT = (0x5412, 0x541C)
_LOW_HALF = 0xFFFFFFFF

_SET_ID_BITS = (stat.S_ISUID, stat.S_ISGID)
_CREATING_FLAGS = (os.O_CREAT, getattr(os, "O_TMPFILE", 0) & ~getattr(os, "O_DIRECTORY", 0))
# For each call that changes the permissions of files or creates files: the index of the argument with the mode.
_MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "fchmodat2": 2, "creat": 1, "mknod": 1, "mknodat": 2}
# For each call that creates files if a flag is set: the indices of the arguments with the flags and the mode.
_FLAGS_AND_MODES = {"open": (1, 2), "openat": (2, 3)}

_JOIN_SESSION_KEYRING = 1  # from linux/keyctl.h


class Condition(NamedTuple):
    """A condition of a rule: the bits of an argument that `mask` selects have a value."""

    argument: int
    mask: int
    value: int


@contextmanager
def open_filter() -> Iterator[int]:
    """Yield the descriptor of a file with the filter, in the form that the kernel takes.

    Each program needs its own: reading moves the position of an open file.

    Raises:
        RuntimeError: if the libraries that make filters are not installed.
    """
    content = _build_filter()
    with os.fdopen(os.memfd_create("system-call-filter"), "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


@cache
def make_keyring_replacer() -> Callable[[], None]:
    """Make a function that replaces the session keyring of a child process, which holds the user's keys, by an empty one.

    Where the system has no keyrings, or refuses a further one, the function does nothing: the filter holds on its own.

    Raises:
        RuntimeError: if the libraries that make filters are not installed.
    """
    seccomp = _load_library()
    number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, "keyctl")
    arguments = [ctypes.c_long(value) for value in (number, _JOIN_SESSION_KEYRING, 0)]
    return partial(ctypes.CDLL(None).syscall, *arguments)


@cache
def _build_filter() -> bytes:
    seccomp = _load_library()
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    _add_architectures(rules, seccomp)
    for name in _REFUSED:
        _add_rule(rules, seccomp, name, errno.EPERM)
    for name in _ABSENT:
        _add_rule(rules, seccomp, name, errno.ENOSYS)
    for flag in _NEW_NAMESPACES:
        for name in ("clone", "unshare"):
            # On s390 the first two arguments of `clone` are swapped.
            index = int(name == "clone" and os.uname().machine.startswith("s390"))
            _add_rule(rules, seccomp, name, errno.EPERM, [Condition(index, flag, flag)])
    for request in _TERMINAL_INPUT:
        # The kernel ignores the high half of the request.
        _add_rule(rules, seccomp, "ioctl", errno.EPERM, [Condition(1, _LOW_HALF, request)])
    for bit in _SET_ID_BITS:
        for name, mode in _MODES.items():
            _add_rule(rules, seccomp, name, errno.EPERM, [Condition(mode, bit, bit)])
        for name, (flags, mode) in _FLAGS_AND_MODES.items():
            for flag in filter(None, _CREATING_FLAGS):
                conditions = [Condition(flags, flag, flag), Condition(mode, bit, bit)]
                _add_rule(rules, seccomp, name, errno.EPERM, conditions)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _load_library() -> pyseccomp:
    """Import pyseccomp, which loads the system's libseccomp.

    Raises:
        RuntimeError: if one of them is not installed.
    """
    try:
        import pyseccomp
    except ImportError as error:
        raise RuntimeError("The sandbox requires the package 'pyseccomp': pip install pyseccomp") from error
    except RuntimeError as error:
        raise RuntimeError(
            "The sandbox requires the library libseccomp, which is not installed: apt-get install libseccomp2 "
            "(dnf, pacman and apk have it as libseccomp)."
        ) from error
    return pyseccomp


def _add_architectures(rules: pyseccomp.SyscallFilter, seccomp: pyseccomp) -> None:
    """Apply the rules also to 32-bit programs, which are killed otherwise."""
    # The library translates only the calls that it knows by name.
    if any(seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) == _UNKNOWN for name in _NUMBERS):
        return
    siblings = {seccomp.Arch.X86_64: seccomp.Arch.X86, seccomp.Arch.AARCH64: seccomp.Arch.ARM}
    if (sibling := siblings.get(seccomp.system_arch())) is not None:
        rules.add_arch(sibling)


def _add_rule(
    rules: pyseccomp.SyscallFilter, seccomp: pyseccomp, name: str, error: int, conditions: Sequence[Condition] = ()
) -> None:
    number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
    if number == _UNKNOWN:
        number = _NUMBERS.get(name, _UNKNOWN)
    if number != _UNKNOWN:
        comparisons = [seccomp.Arg(index, seccomp.MASKED_EQ, mask, value) for index, mask, value in conditions]
        rules.add_rule(seccomp.ERRNO(error), number, *comparisons)
