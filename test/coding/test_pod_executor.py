"""The executor for Kubernetes.

There is no cluster here: `cluster.py` stands in for one. The client, its connections and the scripts that would run in the
pod are real.
"""

import sys

import pytest

from autogen.coding import CodeBlock, CodeExecutor

kubernetes = pytest.importorskip("kubernetes", reason="the extra 'kubernetes' is not installed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the pod is played by this machine's shell")

from cluster import running_cluster  # noqa: E402

from autogen.coding.kubernetes import PodCommandLineCodeExecutor  # noqa: E402


@pytest.fixture
def cluster(tmp_path):
    with running_cluster(tmp_path / "config") as cluster:
        yield cluster


@pytest.fixture
def start(cluster, tmp_path):
    """Start a pod whose work directory is a folder of this machine."""

    def start(**options):
        (tmp_path / "workspace").mkdir(exist_ok=True)
        config = {"kube_config_file": str(tmp_path / "config"), "namespace": "ns", "work_dir": tmp_path / "workspace"}
        return PodCommandLineCodeExecutor(**{**config, "stop_container": False, **options})

    return start


@pytest.fixture
def run(start):
    """Run blocks given as (language, code) pairs."""

    def run(*blocks, **options):
        with start(**options) as executor:
            return executor.execute_code_blocks([CodeBlock(language=language, code=code) for language, code in blocks])

    return run


@pytest.mark.parametrize(
    ("blocks", "exit_code", "output"),
    [
        ([("python3", "1")], 1, "Unsupported language python3\n"),
        ([("python", "print(1)"), ("ruby", "x")], 1, "1\nUnsupported language ruby\n"),
        ([("Python", "print(1)"), ("py", "print(2)")], 0, "1\n2\n"),
        ([("sh", "echo hi; echo err 1>&2; exit 3"), ("sh", "echo never")], 3, "hi\nerr\n"),
        ([("bash", "false\necho ok")], 0, "ok\n"),
        ([("python", "print(1)"), ("python", "# filename: ../x.py\nprint(2)")], 1, "1\nFilename is not in the workspace"),
        ([("python", "# filename: /tmp/x.py\nprint(2)")], 1, "Filename is not in the workspace"),
        ([("python", "# filename: .\nprint(2)")], 1, "Filename is not in the workspace"),
        ([("python", "import os; os.write(1, b'a\\xffb')")], 0, "a\ufffdb"),
        ([("python", "print('\ud800')")], 0, "?\n"),
        ([("sh", "")], 0, ""),
        ([("python", "import sys; print(repr(sys.stdin.read()))")], 0, "''\n"),
        ([("sh", "sleep 600 & echo done")], 0, "done\n"),
    ],
)
def test_results(run, blocks, exit_code, output):
    result = run(*blocks, timeout=30)
    assert (result.exit_code, result.output) == (exit_code, output)


@pytest.mark.parametrize(
    "code",
    ["echo '$HOME `echo x` $(echo y) \\n'\nEOM\n", 'echo "\'"\n', "echo 'ü€😀'\n", "\techo x  \n\n", "# " + "x" * 200_000],
)
def test_code_arrives_as_it_is(run, tmp_path, code):
    result = run(("sh", code), timeout=30)
    with open(result.code_file, encoding="utf-8", newline="") as file:
        assert file.read() == code


@pytest.mark.parametrize("name", ["sub/a.sh", "x; touch planted", "$(touch planted)", "-n.sh", "a'b.sh"])
def test_a_file_name_is_no_code(run, tmp_path, name):
    result = run(("sh", f"# filename: {name}\necho ran; pwd"), timeout=30)
    assert (result.exit_code, result.output) == (0, f"ran\n{tmp_path / 'workspace'}\n")
    assert result.code_file == str(tmp_path / "workspace" / name)
    assert not list((tmp_path / "workspace").rglob("planted"))


def test_a_folder_in_the_place_of_a_file_is_a_result(run, tmp_path):
    (tmp_path / "workspace" / "a.sh").mkdir(parents=True)
    result = run(("sh", "# filename: a.sh\necho ran"))
    assert (result.exit_code, result.output) == (1, "The code can't be saved: a.sh is a folder")


@pytest.mark.slow
@pytest.mark.parametrize("code", ["echo before; sleep 600", "trap '' TERM; echo before; while :; do :; done"])
def test_a_block_that_takes_too_long_is_killed(run, cluster, code):
    cluster.phases = ["Running"]
    # On a busy machine the shell may need more than a second to start.
    for timeout in (1, 5, 25):
        result = run(("sh", code), timeout=timeout)
        if "before" in result.output:
            break
    assert (result.exit_code, result.output) == (124, "before\n\nTimeout")


def test_much_output_is_cut(run):
    result = run(("python", "print('x' * 5_000_000)"), timeout=30)
    assert result.exit_code == 0
    assert len(result.output) < 1_100_000
    assert result.output.endswith("\n[... the rest of the output was cut ...]")


@pytest.mark.parametrize("language", ["html", "css", "javascript", "js", "pwsh", "powershell", "ps1"])
def test_some_languages_are_saved_only(run, language):
    result = run((language, "x"))
    assert (result.exit_code, result.output) == (0, f"Code saved to {result.code_file}\n")


def test_a_language_without_a_program_is_a_result(run):
    assert run(("html", "x"), execution_policies={"html": True}).exit_code == 1


def test_no_blocks_are_an_error(run):
    with pytest.raises(ValueError, match="No code blocks to execute"):
        run()


def test_the_pod(start, cluster):
    with start(image="img", pod_name="p") as executor:
        assert isinstance(executor, CodeExecutor)
        assert executor._pod.metadata.name == "p"
        assert executor._container_name == "autogen-code-exec"
        assert cluster.pods.keys() == {"p"}
    assert not cluster.pods
    executor.stop()  # twice is no error
    spec = cluster.created[0]["spec"]
    assert spec["containers"][0]["image"] == "img"
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False  # code gets no rights in the cluster


def test_each_pod_has_a_name_of_its_own(start):
    names = {start()._pod.metadata.name for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("autogen-code-exec-") for name in names)


def test_a_whole_pod_may_be_given(start, cluster):
    client = kubernetes.client
    container = client.V1Container(name="mine", image="other")
    metadata = client.V1ObjectMeta(name="whole", namespace="theirs", labels={"a": "b"})
    pod = client.V1Pod(metadata=metadata, spec=client.V1PodSpec(containers=[container]))
    with pytest.raises(ValueError, match=r"no container 'autogen-code-exec'; its containers are \['mine'\]"):
        start(pod_spec=pod)
    with start(pod_spec=pod, container_name="mine") as executor:
        assert executor.execute_code_blocks([CodeBlock(language="sh", code="echo ran")]).output == "ran\n"
    assert cluster.created[0]["metadata"] == {"name": "whole", "namespace": "theirs", "labels": {"a": "b"}}
    assert cluster.executed[-1]["container"] == ["mine"]


def test_a_cluster_that_refuses_is_an_error_without_the_token(start, cluster):
    cluster.refuses = True
    with pytest.raises(ValueError, match="Creating pod failed: 403 Forbidden") as error:
        start()
    assert "planted-secret" not in str(error.value)


@pytest.mark.parametrize("phase", ["Pending", "Failed"])
def test_a_pod_that_does_not_start_is_an_error_and_does_not_stay(start, cluster, phase):
    cluster.phases = [phase]
    with pytest.raises(ValueError, match=f"Pod p in namespace ns is not running after 1 seconds: it is {phase}"):
        start(pod_name="p", timeout=1)
    assert not cluster.pods


def test_a_pod_that_is_gone_is_a_result(start):
    with start() as executor:
        executor.stop()
        result = executor.execute_code_blocks([CodeBlock(language="sh", code="echo x")])
    assert result.exit_code == 1
    assert "does not answer" in result.output


def test_a_lost_connection_is_a_result(start, cluster):
    with start() as executor:
        cluster.hangs_up = True
        result = executor.execute_code_blocks([CodeBlock(language="sh", code="echo x")])
    assert result.exit_code == 1
    assert "lost" in result.output


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"timeout": 0}, "Timeout must be"),
        ({"namespace": None}, "Namespace where the pod will be launched must be provided"),
    ],
)
def test_impossible_settings_are_refused(start, options, text):
    with pytest.raises(ValueError, match=text):
        start(**options)


def test_without_a_cluster_the_client_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(kubernetes.config.ConfigException):
        PodCommandLineCodeExecutor(namespace="ns")


def test_the_config_file_may_be_named_by_the_environment(start, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with start(kube_config_file=None) as executor:
        assert executor.timeout == 60
        assert executor.work_dir == tmp_path / "workspace"


def test_restart_does_nothing(start, cluster):
    with start() as executor:
        before = dict(cluster.pods)
        executor.restart()
        assert cluster.pods == before
    assert len(cluster.created) == 1
    assert not cluster.executed
