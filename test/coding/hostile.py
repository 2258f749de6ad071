"""What a model may write: programs that harm, as a table. `test_hostile_programs.py` runs each on each executor.

The programs are bounded in themselves, so that a failure of the tests harms nobody's machine. What they aim at is the
test's own: in the code @OUTSIDE@ is a folder beside the work directory with a file `key` in it, @VICTIM@ the id of a
process with a secret in its environment, @PORT@ a port on loopback where somebody listens, and @NAP@ a number of seconds
that no other process sleeps for.
"""

from __future__ import annotations

from typing import NamedTuple

EVERYWHERE = frozenset({"local", "sandbox", "docker"})
ISOLATED = EVERYWHERE - {"local"}
SECRET = "planted-secret"


class Program(NamedTuple):
    """A program, and what must hold besides what must hold for all of them.

    Attributes:
        name: What it does.
        code: Its code.
        language: Its language.
        exit_code: Its exit code; None if it doesn't matter.
        fails: Whether the exit code is not 0.
        says: Its whole output; None if it doesn't matter.
        never_says: What is not in its output.
        seconds: Its time limit.
        ruins: Whether it destroys its own work directory, so that later blocks fail, too.
        contained_by: The executors that contain it.
    """

    name: str
    code: str
    language: str = "python"
    exit_code: int | None = None
    fails: bool = False
    says: str | None = None
    never_says: str = SECRET
    seconds: int = 30
    ruins: bool = False
    contained_by: frozenset[str] = EVERYWHERE


TIMEOUT = 124
BEFORE = "before\n\nTimeout"

PROGRAMS = [
    # Without end.
    Program("loops in Python", "print('before')\nwhile True: pass", exit_code=TIMEOUT, says=BEFORE, seconds=3),
    Program("loops in the shell", "echo before; while :; do :; done", "sh", exit_code=TIMEOUT, says=BEFORE, seconds=3),
    Program(
        "ignores signals",
        "import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\nprint('before')\ntime.sleep(@NAP@)",
        exit_code=TIMEOUT,
        says=BEFORE,
        seconds=3,
    ),
    Program(
        "sleeps with children", "sleep @NAP@ & sleep @NAP@ & echo before; sleep @NAP@", "sh", TIMEOUT, says=BEFORE, seconds=3
    ),
    Program(
        "closes its descriptors and stays",
        "import os, time\nos.write(1, b'before\\n')\nos.closerange(0, 64)\ntime.sleep(@NAP@)",
        exit_code=TIMEOUT,
        says=BEFORE,
        seconds=3,
    ),
    Program("opens a pipe that nobody writes to", "import os\nos.mkfifo('p')\nopen('p')", exit_code=TIMEOUT, seconds=1),
    # Leaving something behind.
    Program("leaves a job with its output", "echo done; sleep @NAP@ & exit 0", "sh", 0, says="done\n"),
    Program(
        "starts a daemon",
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os.execvp('sleep', ['sleep', '@NAP@'])\n"
        "    os._exit(0)\nos.wait()\nprint('done')",
        exit_code=0,
        says="done\n",
    ),
    Program(
        "leaves a daemon that drops its environment",
        "echo done; env -i setsid sleep @NAP@ >/dev/null 2>&1 &",
        "sh",
        exit_code=0,
        says="done\n",
        contained_by=ISOLATED,
    ),
    Program("replaces itself", "import os\nos.execvp('sh', ['sh', '-c', 'echo replaced'])", exit_code=0, says="replaced\n"),
    Program("dies of a signal", "import os; os.kill(os.getpid(), 11)", fails=True),
    Program(
        "overflows the stack",
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(): return [*map(lambda _: f(), [0])]\nf()",
        fails=True,
    ),
    # Taking too much.
    Program(
        "is a fork bomb",
        "import os, time\nfor depth in range(8):\n    os.fork()\n    if depth < 1: os.fork()\ntime.sleep(@NAP@)",
        fails=True,
        seconds=5,
    ),
    Program("fills the memory", "hog = []\nfor _ in range(64): hog.append(b'x' * 10_000_000)", fails=True),
    Program("fills the disk", "f = open('big', 'wb')\nfor _ in range(64): f.write(b'x' * 1_000_000)", fails=True),
    Program("makes a sparse file", "open('sparse', 'wb').truncate(10**12)", fails=True),
    Program("makes many files", "for i in range(3000): open(f'file{i}', 'w').close()", exit_code=0),
    Program(
        "makes deep folders",
        "import os\nfor _ in range(100):\n    os.mkdir('d' * 250)\n    os.chdir('d' * 250)",
        exit_code=0,
    ),
    Program(
        "prints without end", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "sh", TIMEOUT, seconds=1
    ),
    Program("prints one long line", "import os\nfor _ in range(50): os.write(1, b'x' * 1_000_000)", exit_code=0),
    # Odd bytes.
    Program("prints what is no UTF-8", "import os; os.write(1, b'a\\xff\\xfeb')", exit_code=0, says="a\ufffd\ufffdb"),
    Program("prints in another encoding", "import sys; sys.stdout.reconfigure(encoding='utf-16'); print('x')", exit_code=0),
    Program("prints escapes", "print('\\033]0;title\\007\\033[2J\\033[8m\\0')", exit_code=0),
    Program("is no Unicode", "print('\ud800')", exit_code=0, says="?\n"),
    Program(
        "makes files with odd names", "for n in (b'\\xff\\xfe', b'a\\nb', b'-rf', b' '): open(n, 'w').close()", exit_code=0
    ),
    Program("reads the input", "import sys; print(repr(sys.stdin.read()))", exit_code=0, says="''\n"),
    # Leading elsewhere.
    Program("is named above", "# filename: ../x.py\nprint('ran')", fails=True, says="Filename is not in the workspace"),
    Program(
        "is named elsewhere", "# filename: @OUTSIDE@/x.py\nprint('ran')", fails=True, says="Filename is not in the workspace"
    ),
    Program("has an impossible name", "# filename: " + "x" * 300 + ".py\nprint('ran')", fails=True, never_says="ran"),
    Program("makes links in a circle", "import os\nos.symlink('a', 'a')\nos.symlink('.', 'b')", exit_code=0),
    Program("removes its work directory", "import os, shutil; shutil.rmtree(os.getcwd())", ruins=True),
    Program("looks for keys in its environment", "env; tr '\\0' '\\n' </proc/self/environ", "sh", 0),
    # What isn't contained by a process limit alone.
    Program("reads the user's files", "print(open('@OUTSIDE@/key').read())", contained_by=ISOLATED),
    Program("writes outside of the work directory", "open('@OUTSIDE@/planted', 'w').write('x')", contained_by=ISOLATED),
    Program(
        "unpacks an archive with names that lead out",
        "import io, tarfile\nwith tarfile.open('t.tar', 'w') as t: t.addfile(tarfile.TarInfo('../outside/planted'))\n"
        "how = {'filter': 'fully_trusted'} if hasattr(tarfile, 'data_filter') else {}\n"
        "tarfile.open('t.tar').extractall('.', **how)",
        contained_by=ISOLATED,
    ),
    Program(
        "writes through a link",
        "import os\nos.symlink('@OUTSIDE@', 'link')\nopen('link/planted', 'w').write('x')",
        contained_by=ISOLATED,
    ),
    Program(
        "writes to another name of a file",
        "import os\nos.link('@OUTSIDE@/key', 'key')\nopen('key', 'a').write('x')",
        contained_by=ISOLATED,
    ),
    Program(
        "reads the environment of other processes",
        "import glob\nfor path in glob.glob('/proc/[0-9]*/environ'):\n    try: print(open(path, errors='replace').read())\n"
        "    except OSError as error: print(error)",
        contained_by=ISOLATED,
    ),
    Program("kills other processes", "import os; os.kill(@VICTIM@, 9)", fails=True, contained_by=ISOLATED),
    Program(
        "attaches to other processes",
        "import ctypes\nlibc = ctypes.CDLL(None)\nprint('attached' if libc.ptrace(16, @VICTIM@, 0, 0) == 0 else 'refused')",
        never_says="attached",
        contained_by=ISOLATED,
    ),
    Program(
        "uses the rights of root",
        "rights = [line.split()[1] for line in open('/proc/self/status') if 'CapEff' in line]\n"
        "print('powerful' if int(rights[0], 16) else 'powerless')",
        never_says="powerful",
        contained_by=ISOLATED,
    ),
    Program(
        "makes a device",
        "import os, stat\nos.mknod('d', stat.S_IFBLK | 0o600, os.makedev(7, 0))",
        fails=True,
        contained_by=ISOLATED,
    ),
    Program(
        "makes a program with the rights of its owner",
        "import os, shutil\nshutil.copy('/bin/sh', 'shell')\nos.mkdir('.hidden')\nshutil.copy('/bin/sh', '.hidden/shell')\n"
        "for path in ('shell', '.hidden/shell'): os.chmod(path, 0o6755)",
        contained_by=ISOLATED,
    ),
    Program(
        "reads the user's keyrings",
        "import ctypes, platform\nkeyctl = {'x86_64': 250, 'aarch64': 219}[platform.machine()]\n"
        "print('reached' if ctypes.CDLL(None).syscall(keyctl, 0, -3, 0) > 0 else 'refused')",
        never_says="reached",
        contained_by=ISOLATED,
    ),
    Program(
        "reaches services on loopback",
        "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 5)\nprint('connected')",
        fails=True,
        never_says="connected",
        contained_by=ISOLATED,
    ),
]
