"""Code in messages, and the decision about Docker."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from autogen import ConversableAgent, UserProxyAgent, code_utils
from autogen.code_utils import content_str, decide_use_docker, execute_code, extract_code, infer_lang
from autogen.coding._legacy import warn_of_container


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("x", "x"),
        ([], ""),
        (
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}, {"type": "text", "text": "b"}],
            "a<image>b",
        ),
        ([{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}], "<audio>"),
        ([{"type": "file", "file": {"file_id": "f"}}, {"type": "video_url", "video_url": {"url": "u"}}], "<file><video>"),
        ([{"type": "refusal", "refusal": "No."}, {"type": "map", "map": {"zoom": 3}}], "No.<map>"),
    ],
)
def test_content_as_text(content, text):
    assert content_str(content) == text


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (5, TypeError),
        (["x"], TypeError),
        ([{}], AssertionError),
        ([{"type": "audio"}], ValueError),
        ([{"type": ["audio"]}], ValueError),
        ([{"type": "\x1b[2J", "\x1b[2J": 1}], ValueError),
        ([{"type": "text"}], KeyError),
    ],
)
def test_content_that_is_none(content, error):
    with pytest.raises(error):
        content_str(content)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("python x.py", "sh"),
        ("python3 x.py", "sh"),
        ("pip install x", "sh"),
        ("print(1)", "python"),
        ("", "python"),
        ("print 1", "unknown"),
    ],
)
def test_guessing_a_language(code, language):
    assert infer_lang(code) == language


def test_extracting():
    assert extract_code("```python\na\n```\n```sh\nb\n```") == [("python", "a"), ("sh", "b")]
    assert extract_code("no code") == [("unknown", "no code")]
    assert extract_code("use `ls` and\n```sh\ncd\n```", detect_single_line_code=True) == [("", "ls"), ("sh", "cd")]
    assert extract_code("nothing", detect_single_line_code=True) == []


def test_another_pattern_is_used_as_it_is():
    text = "<code lang=sh>ls</code>\n```python\nx\n```"
    assert extract_code(text, pattern="<code lang=(.*?)>(.*?)</code>") == [("sh", "ls")]
    assert extract_code(text, pattern=code_utils.CODE_BLOCK_PATTERN) == [("python", "x")]
    assert extract_code(text, pattern="<b>(.*)(.*)</b>") == [("unknown", text)]


def test_inline_code_is_found_between_fences_of_any_form():
    text = "`a`\n- b\n  ~~~~c++\n   `x`\n  ~~~~\n`c` ```py\ny\n``` and then `d`"
    assert extract_code(text, detect_single_line_code=True) == [("", "a"), ("c++", "`x`"), ("", "c"), ("py", "y"), ("", "d")]


def test_the_parser_is_only_loaded_for_fences():
    probe = "import autogen.code_utils as c, sys; c.extract_code('`x`'); print('markdown_it' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).strip() == "False"


@pytest.mark.parametrize(
    ("variable", "decision"), [("1", True), ("Yes", True), ("t", True), ("0", False), ("FALSE", False), ("none", None)]
)
def test_the_variable_decides_about_docker(monkeypatch, variable, decision):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", variable)
    assert decide_use_docker(None) is decision
    assert decide_use_docker("image") == "image"


@pytest.mark.parametrize("variable", ["maybe", ""])
def test_another_value_is_refused(monkeypatch, variable):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", variable)
    with pytest.raises(ValueError, match="Invalid value for AUTOGEN_USE_DOCKER: "):
        UserProxyAgent("u")


def test_without_docker_a_user_proxy_says_what_to_do(monkeypatch):
    monkeypatch.setattr(code_utils, "in_docker_container", lambda: False)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(RuntimeError, match="Ways out"):
        UserProxyAgent("u")
    for way_out in ({"use_docker": False}, False):
        assert UserProxyAgent("u", code_execution_config=way_out)
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "0")
    assert UserProxyAgent("u").use_docker is False


@pytest.mark.slow
def test_running(tmp_path):
    assert execute_code("print(1)", work_dir=str(tmp_path), use_docker=False) == (0, "1\n", None)
    assert execute_code("exit 3", work_dir=str(tmp_path), use_docker=False, lang="sh") == (3, "", None)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x.py").write_text("print(2)")
    assert execute_code(filename="x.py", work_dir=str(tmp_path), use_docker=False) == (0, "2\n", None)


@pytest.mark.slow
def test_running_too_long(tmp_path):
    began = time.monotonic()
    assert execute_code("while True: pass", timeout=1, work_dir=str(tmp_path), use_docker=False) == (1, "Timeout", None)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("code", "filename", "named"),
    [("1/0", None, 'File ""'), ("1/0", "x.py", 'File "x.py"'), ("1/0", "s/x.py", 'File "s/x.py"')],
)
def test_a_traceback_does_not_tell_where_the_work_directory_is(tmp_path, code, filename, named):
    exit_code, output, _ = execute_code(code, filename=filename, work_dir=str(tmp_path), use_docker=False)
    assert exit_code == 1
    assert named in output
    assert str(tmp_path) not in output


@pytest.mark.parametrize(
    ("filename", "text"),
    [
        ("../x.py", "Filename is not in the workspace"),
        ("/tmp/autogen-escape.py", "Filename is not in the workspace"),
        ("a\0.py", "Filename is not in the workspace"),
        (".", "can't be saved"),
        ("x" * 300, "can't be saved"),
    ],
)
def test_an_impossible_file_name_is_a_result(tmp_path, filename, text):
    exit_code, output, image = execute_code("print(1)", filename=filename, work_dir=str(tmp_path), use_docker=False)
    assert (exit_code, image) == (1, None)
    assert text in output
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_not_installed_is_a_result(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for language in ("bash", "ps1"):
        assert execute_code("x", work_dir=str(tmp_path), use_docker=False, lang=language)[0] == 1
    with pytest.raises(NotImplementedError, match="cobol not recognized in code execution"):
        execute_code("x", work_dir=str(tmp_path), use_docker=False, lang="cobol")
    assert list(tmp_path.iterdir()) == []


def test_in_a_container_there_is_a_warning_once(agent, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(code_utils, "in_docker_container", lambda: True)
    warn_of_container.cache_clear()
    agent("careful", code_execution_config={"use_docker": False})
    assert not caplog.records
    # The default of an agent, before any code runs.
    agent("me", code_execution_config={})
    assert "not in a container of its own" in caplog.text
    assert "apt-get install bubblewrap" in caplog.text
    assert execute_code("print(1)", work_dir=str(tmp_path), use_docker=True) == (0, "1\n", None)
    assert len(caplog.records) == 1


@pytest.mark.slow
def test_the_same_code_at_once(tmp_path):
    """One run deletes its file while the others use theirs."""
    with ThreadPoolExecutor(8) as threads:
        results = threads.map(lambda _: execute_code("print(1)", work_dir=str(tmp_path), use_docker=False), range(16))
        assert set(results) == {(0, "1\n", None)}


@pytest.mark.parametrize(
    ("name", "tag"), [("a b.py", "a_b.py"), (".a", "_a"), ("-a", "_a"), ("x" * 200, "x" * 128), ("3-slim", "3-slim")]
)
def test_a_file_name_as_a_tag(name, tag):
    assert code_utils._sanitize_filename_for_docker_tag(name) == tag


def test_neither_pydantic_nor_docker_is_loaded():
    probe = "import autogen.code_utils, sys; print('pydantic' in sys.modules, 'docker' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True) == "False False\n"


def test_nothing_to_run():
    with pytest.raises(AssertionError, match="code or a filename"):
        execute_code()


@pytest.mark.parametrize("config", [True, "x", []])
def test_an_impossible_config_is_refused(config):
    with pytest.raises(ValueError, match="must be a dict or False"):
        ConversableAgent("a", code_execution_config=config)


@pytest.mark.parametrize("key", ["use_docker", "work_dir", "timeout"])
def test_settings_that_an_executor_has_itself_are_refused(key):
    with pytest.raises(ValueError, match=f"'{key}' in code_execution_config is not valid when 'executor' is set"):
        ConversableAgent("a", code_execution_config={"executor": "commandline-local", key: 1})


def test_a_config_is_not_changed(tmp_path):
    config = {"work_dir": str(tmp_path), "use_docker": False}
    user = UserProxyAgent("u", human_input_mode="NEVER", code_execution_config=config)
    user.generate_reply([{"role": "user", "content": "```python\nprint(1)\n```"}])
    assert config == {"work_dir": str(tmp_path), "use_docker": False}
