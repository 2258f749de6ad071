"""The executor for dynamic sessions of Azure Container Apps. `session_pool.py` stands in for the service."""

import asyncio
import sys
from pathlib import Path

import pytest
from session_pool import Credential, running_pool

from autogen.coding import ACADynamicSessionsCodeExecutor, AzureSessionsCodeExecutor, CodeBlock
from autogen.coding.func_with_reqs import with_requirements

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the sessions are played by processes that inherit a pipe")

VERSIONS = ("2024-02-02-preview", "2024-10-02-preview")


@pytest.fixture
def pool(tmp_path):
    with running_pool(tmp_path / "pool") as pool:
        yield pool


@pytest.fixture
def make(pool, tmp_path):
    def make_executor(credential=None, **options):
        options = {"work_dir": tmp_path / "work", "timeout": 30, **options}
        return AzureSessionsCodeExecutor(pool.endpoint, credential or Credential(), **options)

    return make_executor


def run(executor, *codes, mode="sync"):
    blocks = [CodeBlock(language="python", code=code) for code in codes]
    if mode == "async":
        return asyncio.run(executor.a_execute_code_blocks(blocks))
    return executor.execute_code_blocks(blocks)


@pytest.mark.parametrize("version", VERSIONS)
def test_variables_files_and_order(make, pool, tmp_path, version, mode):
    executor = make(api_version=version, session_id="mine")
    (tmp_path / "in é.csv").write_text("1,2")
    executor.upload_files([tmp_path / "in é.csv"])
    code = "import sys\nfor i in (1, 2):\n    print(i)\n    print(-i, file=sys.stderr)"
    result = run(executor, "x = 41", code, "open('out.txt', 'w').write(open('in é.csv').read())\nx + 1", mode=mode)
    assert (result.exit_code, result.output) == (0, "1\n-1\n2\n-2\n42")
    assert result.output_files == [str(tmp_path / "work" / "out.txt")]
    assert Path(result.output_files[0]).read_text() == "1,2"
    assert executor.list_files() == ["in é.csv", "out.txt"]
    assert run(executor, "x", mode=mode).output_files == []
    assert asyncio.run(executor.a_list_files()) == ["in é.csv", "out.txt"]
    asyncio.run(executor.a_upload_files([tmp_path / "in é.csv"]))
    assert asyncio.run(executor.a_download_files(["in é.csv"])) == [str(tmp_path / "work" / "in é.csv")]
    assert {query["identifier"] for *_, query, _ in pool.requests} == {"mine"}
    executor.restart()
    assert "NameError" in run(executor, "x", mode=mode).output
    assert executor.session_id != "mine"


@pytest.mark.slow
def test_values_of_expressions(make):
    assert run(make(suppress_result_output=True), "print('a')\n1").output == "a\n"
    picture = {"type": "image", "format": "png", "base64_data": "aGk="}
    result = run(make(), f"print('a', end='')\n{picture}")
    assert result.output == f"a\nImage saved to {result.output_files[0]}"
    assert Path(result.output_files[0]).read_bytes() == b"hi"
    assert run(make(), "{'é': [1]}").output == '{"é": [1]}'


def test_the_token_is_renewed(make, pool):
    credential = Credential("token 1", "token 2")
    executor = make(credential)
    assert run(executor, "1").exit_code == 0
    pool.tokens = {"token 2"}
    assert run(executor, "1").exit_code == 0
    assert set(credential.scopes) == {"https://dynamicsessions.io/.default"}
    # Before it expires, not only after it is refused.
    pool.tokens, pool.requests = {"token 1", "token 2"}, []
    run(make(Credential("token 1", "token 2", life=200)), "1")
    assert [authorization for *_, authorization in pool.requests[:2]] == ["Bearer token 1", "Bearer token 2"]


@pytest.mark.parametrize(
    ("faults", "exit_code", "output"),
    [
        ([429, 503, 409], 0, "1"),
        ([429] * 6, 1, "The code can't be run: the session pool answered with HTTP status 429: "),
        ([401, 401], 1, "The code can't be run: the session pool answered with HTTP status 401: "),
        ([403], 1, "The code can't be run: the session pool answered with HTTP status 403: "),
        (["cut"], 1, "The session was left, with its variables: the connection to the session pool was lost: "),
    ],
    ids=str,
)
def test_faults_are_results(make, pool, faults, exit_code, output, mode):
    executor = make()
    run(executor, "x = 1")
    session, pool.faults, pool.executed = executor.session_id, [*faults], 0
    result = run(executor, "x", mode=mode)
    assert (result.exit_code, result.output[: len(output)]) == (exit_code, output)
    assert "token" not in result.output
    assert pool.executed == (exit_code == 0)
    # A code that may still run is left alone.
    assert (executor.session_id == session) == (faults != ["cut"])
    assert run(executor, "print('again')", mode=mode).output == "again\n"


@pytest.mark.slow
def test_a_pool_that_never_answers(make, pool, monkeypatch, mode):
    executor = make(timeout=1)
    run(executor, "x = 1")
    monkeypatch.setattr("autogen.coding.azure._pool.ANSWER_SECONDS", 0.2)
    result = run(executor, "hang()", mode=mode)
    assert (result.exit_code, result.output.splitlines()[-1]) == (124, "Timeout")
    assert "was left, with its variables" in result.output


def test_a_cancelled_run_leaves_its_session(make, pool):
    executor = make()
    run(executor, "x = 1")
    session = executor.session_id

    async def cancel():
        count = pool.executed
        task = asyncio.create_task(executor.a_execute_code_blocks([CodeBlock(language="python", code="hang()")]))
        while pool.executed == count:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert executor.session_id != session
    assert run(executor, "print('again')").output == "again\n"


def test_functions(make, pool):
    def double(x: int) -> int:
        """Double a number."""
        return 2 * x

    executor = make(functions=[double])
    assert "def double(x: int) -> int:" in executor.format_functions_for_prompt()
    assert run(executor, "from functions import double\ndouble(21)").output == "42"
    count = pool.executed
    run(executor, "1")
    assert pool.executed == count + 1

    @with_requirements([], global_imports=["missing_module"])
    def broken() -> None:
        """Do nothing."""

    executor = make(functions=[broken])
    for _ in range(2):
        result = run(executor, "print('never')")
        assert result.exit_code == 1
        assert "the session can't be set up" in result.output
        assert "missing_module" in result.output


@pytest.mark.parametrize("name", ["../escape.txt", "/tmp/autogen-escape.txt", "link/escape.txt"])
def test_no_name_of_the_service_leads_out_of_the_work_directory(make, tmp_path, name):
    executor = make()
    (tmp_path / "work" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="not in the workspace"):
        executor.download_files([name])


@pytest.mark.parametrize(
    ("endpoint", "options", "message"),
    [
        ("http://pool.example.org/p", {}, "must begin with https://"),
        ("https://user@pool.example.org", {}, "without user"),
        ("https://pool.example.org?x=1", {}, "without user, parameters"),
        (7, {}, "must be an address, got 7"),
        ("https://pool.example.org", {"timeout": 0}, "Timeout must be"),
        ("https://pool.example.org", {"session_id": ""}, "session_id must be"),
        ("https://pool.example.org", {"api_version": "2024-02-02"}, "must be one of 2024-02-02-preview, "),
    ],
)
def test_bad_arguments(tmp_path, endpoint, options, message):
    with pytest.raises(ValueError, match=message):
        AzureSessionsCodeExecutor(endpoint, Credential(), work_dir=tmp_path, **options)


def test_names_and_the_extra(tmp_path):
    assert ACADynamicSessionsCodeExecutor is AzureSessionsCodeExecutor
    with pytest.raises(TypeError, match="get_token, got str"):
        AzureSessionsCodeExecutor("https://pool.example.org", "key", work_dir=tmp_path)
    try:
        import azure.identity  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"autogen-classic\[azure\]"):
            AzureSessionsCodeExecutor("https://pool.example.org", work_dir=tmp_path)
