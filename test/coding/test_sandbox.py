"""The sandbox: what programs see in it, and machines that can't make one. What it holds back is in `hostile.py`."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from executors import no_sandbox

from autogen import ConversableAgent
from autogen.coding import CodeBlock, SandboxedCommandLineCodeExecutor, _bubblewrap, _seccomp
from autogen.coding._bubblewrap import Features, SandboxView, build_command
from autogen.coding.func_with_reqs import with_requirements

pyseccomp = pytest.importorskip("pyseccomp", reason="the sandbox is made of Linux features")

needs_sandbox = pytest.mark.skipif(no_sandbox() is not None, reason=no_sandbox() or "")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sandbox is made of Linux namespaces")


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


@pytest.fixture
def run(work):
    """Run one block."""

    def run(language, code, **options):
        executor = SandboxedCommandLineCodeExecutor(**{"work_dir": work, "timeout": 30, **options})
        return executor.execute_code_blocks([CodeBlock(language=language, code=code)])

    return run


@needs_sandbox
class TestInside:
    def test_only_the_work_directory_stays(self, run, work):
        result = run("python", "open('made', 'w').write('x'); open('/tmp/gone', 'w').write('x'); print('done')")
        assert (result.exit_code, result.output) == (0, "done\n")
        assert result.output_files == [str(work / "made")]
        assert not Path("/tmp/gone").exists()

    @pytest.mark.parametrize(
        "path", ["/made", "/usr/made", "/etc/made", "/dev/made", "/proc/made", f"{sys.prefix}/bin/made"]
    )
    def test_nothing_else_can_be_written_to(self, run, path):
        result = run("sh", f"echo x > {path}")
        assert result.exit_code != 0
        assert not Path(path).exists()

    @pytest.mark.parametrize(
        "path", ["/etc/shadow", "/etc/ssl/private", str(Path.home() / ".ssh"), "/var", "/run", "/sys", "/boot"]
    )
    def test_what_has_secrets_in_it_is_not_there(self, run, path):
        assert run("sh", f"test -e {path} && echo there || echo nothing").output == "nothing\n"

    def test_it_has_a_home_and_processes_of_its_own(self, run):
        output = run("sh", "echo $HOME; cd && pwd; cd /proc; echo [0-9]*").output
        assert output.startswith("/tmp\n/tmp\n1 2")
        assert max(map(int, output.split()[2:])) < 10

    def test_the_python_of_this_process_runs_with_its_packages(self, run):
        result = run("python", "import sys, ssl, sqlite3, pydantic; print(sys.executable, sys.prefix)")
        assert result.output == f"{sys.executable} {sys.prefix}\n"

    @pytest.mark.parametrize(
        "path",
        [
            "{tmp}/other/../link/{bin}/{name}",
            "{tmp}/link/{bin}/{name}",
            "{tmp}/link/../{folder}/{bin}/{name}",
            "{tmp}/python",
        ],
    )
    def test_python_may_have_been_started_by_any_path(self, run, tmp_path, monkeypatch, path):
        """A folder before `..`, or in the place of a link, may be missing in the sandbox."""
        real = Path(sys.prefix).resolve()
        (tmp_path / "other").mkdir()
        (tmp_path / "link").symlink_to(real)
        (tmp_path / "python").symlink_to(sys.executable)
        program = Path(sys.executable)
        path = path.format(tmp=tmp_path, bin=program.parent.name, name=program.name, folder=real.name)
        monkeypatch.setattr(sys, "executable", path)
        outside = subprocess.run([path, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True)
        assert run("python", "import sys, ssl; print(sys.version)").output == outside.stdout
        assert "/bin/python" in run("sh", f"PATH=${{PATH%%:*}}; command -v {program.name}").output or path.endswith(
            "/python"
        )

    def test_the_python_of_a_virtual_environment_runs_and_stays_as_it_is(self, run, work):
        work.mkdir()
        builder = venv.EnvBuilder(with_pip=False)
        builder.create(work / "v")
        context = builder.ensure_directories(work / "v")
        code = "import sys; print(sys.prefix)\nopen(f'{sys.prefix}/bin/planted', 'w')"
        result = run("python", code, virtual_env_context=context)
        assert result.output.startswith(f"{work / 'v'}\n")
        assert "Read-only file system" in result.output
        assert run("python", code, virtual_env_context=context, writable=[work / "v"]).exit_code == 0

    def test_a_folder_that_is_exchanged_for_a_link_is_not_opened(self, work, tmp_path):
        """The folder of a virtual environment can't be changed, but the one it lies in can be renamed."""
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "key").write_text("secret")
        (work / "sub").mkdir(parents=True)
        builder = venv.EnvBuilder(with_pip=False)
        builder.create(work / "sub" / "v")
        context = builder.ensure_directories(work / "sub" / "v")
        executor = SandboxedCommandLineCodeExecutor(work_dir=work, virtual_env_context=context)
        plant = f"mv sub old; mkdir -p sub/v; ln -s {tmp_path}/outside sub/v/lib; cp -r old/v/bin old/v/pyvenv.cfg sub/v"
        for code in (plant, "cat sub/v/lib/key"):
            result = executor.execute_code_blocks([CodeBlock(language="sh", code=code)])
        assert result.exit_code == 1
        assert result.output == "The sh block can't be run: the folders of the sandbox were replaced since it was created"

    def test_more_may_be_opened(self, run, tmp_path):
        for name in ("read", "write"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "file").write_text(name)
        code = f"cat {tmp_path}/read/file {tmp_path}/write/file; echo x > {tmp_path}/write/new; echo x > {tmp_path}/read/new"
        assert "No such file" in run("sh", code).output
        result = run("sh", code, readable=[tmp_path / "read"], writable=[tmp_path / "write"])
        assert result.output.startswith("readwrite")
        assert "Read-only file system" in result.output
        assert (tmp_path / "write" / "new").exists()

    @pytest.mark.parametrize("network", [False, True])
    def test_the_network_is_off_unless_asked_for(self, run, network):
        code = "import socket; print(len(socket.if_nameindex()) == 1)"
        assert run("python", code, network=network).exit_code == 0
        namespace = run("sh", "readlink /proc/self/ns/net", network=network).output.strip()
        assert (namespace == os.readlink("/proc/self/ns/net")) is network

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            *(
                (name, ())
                for name in ("keyctl", "add_key", "request_key", "ptrace", "bpf", "perf_event_open", "userfaultfd")
            ),
            *(
                (name, ())
                for name in ("mount", "umount2", "open_tree", "fsopen", "move_mount", "mount_setattr", "pivot_root")
            ),
            *((name, ()) for name in ("kexec_load", "init_module", "finit_module", "delete_module", "setns", "chroot")),
            *((name, (0x10000000,)) for name in ("unshare", "clone")),
            # The kernel ignores the high half of a request.
            *(("ioctl", (0, request)) for request in (0x5412, 0x5412 | 1 << 40, 0x541C)),
            *((name, ()) for name in ("clone3", "io_uring_setup", "openat2")),
        ],
    )
    def test_the_kernel_refuses_calls(self, run, name, arguments):
        number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        code = (
            "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n"
            f"numbers = [ctypes.c_long(n) for n in {(number, *arguments, 0, 0, 0, 0)[:6]}]\n"
            "print(libc.syscall(*numbers), errno.errorcode[ctypes.get_errno()])"
        )
        hidden = name in ("clone3", "io_uring_setup", "openat2")
        assert run("python", code).output == ("-1 ENOSYS\n" if hidden else "-1 EPERM\n")

    def test_no_file_gets_the_rights_of_its_owner(self, run, work):
        code = """
import os
def attempt(action, *arguments, **options):
    try:
        action(*arguments, **options)
    except PermissionError:
        return "refused"
    return "done"
open("file", "w").close()
folder = os.open(".", 0)
for bit in (0o4000, 0o2000):
    mode = 0o755 | bit
    print(attempt(os.chmod, "file", mode), attempt(os.chmod, os.open("file", 0), mode))
    print(attempt(os.chmod, "file", mode, dir_fd=folder), attempt(os.mknod, f"node{bit}", 0o100000 | mode))
    print(attempt(os.open, f"new{bit}", os.O_CREAT | os.O_WRONLY, mode))
    print(attempt(os.open, ".", os.O_TMPFILE | os.O_WRONLY, mode))
print(attempt(os.chmod, "file", 0o1777), attempt(os.open, "usual", os.O_CREAT, 0o755))
"""
        *refused, usual = run("python", code).output.splitlines()
        assert {*" ".join(refused).split()} == {"refused"}
        assert usual == "done done"
        assert {path.name for path in work.iterdir() if path.suffix != ".py"} == {"file", "usual"}

    def test_threads_children_and_pools_run(self, run):
        code = (
            "import multiprocessing, subprocess, threading\nif __name__ == '__main__':\n"
            "    thread = threading.Thread(target=print, args=['thread']); thread.start(); thread.join()\n"
            "    print(subprocess.run(['echo', 'child'], capture_output=True).stdout)\n"
            "    with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, -2]))"
        )
        assert run("python", code).output == "thread\nb'child\\n'\n[1, 2]\n"

    def test_a_signal_is_told_as_for_any_program(self, run):
        assert run("sh", "kill -11 $$").exit_code == -11

    def test_a_program_that_is_not_there_is_a_result(self, run, monkeypatch):
        result = run("javascript", "1", execution_policies={"javascript": True}, environment={"PATH": "/nowhere"})
        assert result.exit_code == 1
        assert "No such file" in result.output

    def test_variables_may_be_given(self, run):
        assert run("sh", "echo $GREETING $HOME", environment={"GREETING": "hello", "HOME": "/x"}).output == "hello /x\n"

    @pytest.mark.slow
    def test_functions_may_be_given(self, run):
        @with_requirements(python_packages=["pydantic"])  # it is installed: no network is needed
        def double(x: int) -> int:
            return 2 * x

        assert run("python", "from functions import double; print(double(21))", functions=[double]).output == "42\n"

    def test_an_agent_runs_code_in_it(self, call, work):
        executor = SandboxedCommandLineCodeExecutor(work_dir=work)
        agent = ConversableAgent("a", human_input_mode="NEVER", code_execution_config={"executor": executor})
        reply = call(agent.generate_reply, messages=[{"role": "user", "content": "```python\nprint(6 * 7)\n```"}])
        assert reply == "exitcode: 0 (execution succeeded)\nCode output: 42\n"


@needs_sandbox
@pytest.mark.parametrize(
    "place", [Path.home(), Path.home().parent, Path("/"), Path("/usr"), Path("/tmp"), Path("/proc/self")]
)
def test_a_work_directory_that_would_open_all_is_refused(place):
    with pytest.raises(ValueError, match="sandbox"):
        SandboxedCommandLineCodeExecutor(work_dir=place)


@needs_sandbox
def test_impossible_settings_are_refused(work):
    with pytest.raises(FileNotFoundError):
        SandboxedCommandLineCodeExecutor(work_dir=work, readable=["/nothing/here"])
    with pytest.raises(ValueError, match="Timeout"):
        SandboxedCommandLineCodeExecutor(work_dir=work, timeout=0)


# The key is put into a keyring of the script's own, so that nothing is left in that of the tester.
KEYRING = """
import ctypes, os, sys
from pathlib import Path
import pyseccomp
from autogen.coding import CodeBlock, SandboxedCommandLineCodeExecutor
from autogen.coding._processes.runner import Limits, run_program
from autogen.coding._seccomp import make_keyring_replacer
add_key, keyctl = (pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) for name in ("add_key", "keyctl"))
libc = ctypes.CDLL(None)
if libc.syscall(keyctl, 1, None) < 0 or libc.syscall(add_key, b"user", b"key-of-a-test", b"planted-secret", 14, -3) < 0:
    sys.exit("no keyrings")
read = f'''
import ctypes
libc = ctypes.CDLL(None)
text = ctypes.create_string_buffer(64)
key = libc.syscall({keyctl}, 10, libc.syscall({keyctl}, 0, -3, 0), b"user", b"key-of-a-test", 0)
print(libc.syscall({keyctl}, 11, key, text, 64), text.value)
'''
executor = SandboxedCommandLineCodeExecutor(work_dir=sys.argv[1])
blocks = [CodeBlock(language="python", code=read)], [CodeBlock(language="sh", code="cat /proc/keys")]
value, names = (executor.execute_code_blocks(each).output for each in blocks)
print(value, "key-of-a-test" in names)
command, options = [sys.executable, "-c", read], {"cwd": Path(sys.argv[1]), "env": {}, "limits": Limits(seconds=30)}
print(run_program(command, **options, prepare=make_keyring_replacer()).output)
print(run_program(command, **options).output)
"""


@needs_sandbox
def test_the_keyring_of_the_user_is_out_of_reach(work):
    command = [sys.executable, "-c", KEYRING, str(work)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "no keyrings" in done.stderr:
        pytest.skip("this machine has no keyrings, or refuses them")
    assert done.stdout.split("\n") == ["-1 b''", " False", "-1 b''", "", "14 b'planted-secret'", "", ""]


@needs_sandbox
@pytest.mark.parametrize(
    ("remove", "advice"),
    [
        (lambda patch: patch.setitem(sys.modules, "pyseccomp", None), "pip install pyseccomp"),
        (lambda patch: patch.setattr("ctypes.util.find_library", lambda name: None), "apt-get install libseccomp2"),
    ],
)
def test_without_a_library_for_filters_the_error_says_how_to_install_it(run, monkeypatch, remove, advice):
    for function in (_seccomp._build_filter, _bubblewrap._detect_features):
        function.cache_clear()
    monkeypatch.delitem(sys.modules, "pyseccomp")
    remove(monkeypatch)
    with pytest.raises(RuntimeError, match=advice):
        run("sh", "echo ran")


@needs_sandbox
@pytest.mark.parametrize("known", [True, False])
def test_calls_that_are_newer_than_the_library_are_refused_too(run, monkeypatch, known):
    resolve = pyseccomp.resolve_syscall
    monkeypatch.setattr(
        pyseccomp, "resolve_syscall", lambda arch, name: resolve(arch, name) if known or name != "fchmodat2" else -1
    )
    _seccomp._build_filter.cache_clear()
    try:
        code = "import ctypes\nlibc = ctypes.CDLL(None)\nopen('file', 'w').close()\n"
        code += "print(libc.syscall(452, -100, b'file', 0o4755, 0), libc.syscall(452, -100, b'file', 0o755, 0))"
        assert run("python", code).output in ("-1 0\n", "-1 -1\n")  # an old kernel has no such call
    finally:
        _seccomp._build_filter.cache_clear()


@pytest.fixture
def bwrap(tmp_path, monkeypatch):
    """Put a program in the place of bubblewrap: it refuses some options, and else does what the real one does."""

    def install(refused, says="bwrap: Operation not permitted"):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "bwrap"
        real = subprocess.run(["sh", "-c", "command -v bwrap"], capture_output=True, text=True).stdout.strip()
        tests = "\n".join(f'case " $* " in *"{option}"*) echo "{says}" >&2; exit 1;; esac' for option in refused)
        program.write_text(f'#!/bin/sh\n[ "$1" = --help ] && exec {real} --help\n{tests}\nexec {real} "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return install


@needs_sandbox
@pytest.mark.parametrize("refused", [" --disable-userns ", " --proc "])
def test_where_a_feature_is_not_permitted_the_rest_holds(bwrap, run, tmp_path, refused):
    bwrap([refused])
    (tmp_path / "key").write_text("secret")
    assert run("python", f"import os; print(os.path.exists('{tmp_path}/key'))").output == "False\n"
    if "proc" in refused:
        assert run("sh", "echo /proc/*").output == "/proc/*\n"  # that of the machine is not in its place


@needs_sandbox
def test_where_no_sandbox_is_permitted_the_error_says_what_to_change(bwrap, run):
    bwrap([" --unshare-user "], says="bwrap: No permissions to create a new namespace")
    with pytest.raises(RuntimeError) as error:
        run("sh", "echo ran")
    for text in (
        "No permissions to create a new namespace",
        "sysctl",
        "AppArmor",
        "seccomp",
        "DockerCommandLineCodeExecutor",
    ):
        assert text in str(error.value)


@linux
def test_without_bubblewrap_the_error_says_how_to_install_it(run, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match="apt-get install bubblewrap"):
        run("sh", "echo ran")


def test_on_other_systems_the_error_says_what_else_there_is(run, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RuntimeError, match=r"Linux namespaces, and this is darwin.*DockerCommandLineCodeExecutor"):
        run("sh", "echo ran")


@needs_sandbox
def test_bubblewrap_that_is_removed_meanwhile_is_a_result(work, monkeypatch):
    executor = SandboxedCommandLineCodeExecutor(work_dir=work)
    monkeypatch.setenv("PATH", "/nowhere")
    result = executor.execute_code_blocks([CodeBlock(language="sh", code="echo ran")])
    assert result.exit_code == 1
    assert "bubblewrap" in result.output


@linux
def test_an_old_bubblewrap_is_asked_for_nothing_it_does_not_know(monkeypatch):
    monkeypatch.setattr(_bubblewrap, "_find_bwrap", lambda: "bwrap")
    monkeypatch.setattr(_bubblewrap, "_detect_features", lambda bwrap: Features(no_more_namespaces=False, sizes=False))
    command = build_command(SandboxView(Path("/work")), ["true"])
    assert not {"--size", "--disable-userns"} & {*command}
    assert {"--unshare-user", "--unshare-net", "--unshare-pid", "--die-with-parent", "--new-session"} <= {*command}
