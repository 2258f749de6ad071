"""`autogen chat`, in a pseudo-terminal and without one: what is asked, what is paid, and how it goes on."""

import io
import shlex

import pytest
from typer.testing import CliRunner

from autogen._cli.app import app, main
from autogen.recording import Recording
from autogen.testing import Fault, Reply

CODE = "```python\nprint(6 * 7)\n```"
KEY = "sk-test-0123456789abcdefghij"
IDLE = "There is no code to run. Your message?"
STOPPING = "assistant would end the chat here."


def get_texts(request):
    """Return the texts of a request, without the system message."""
    return [message["content"] for message in request["messages"][1:]]


@pytest.fixture
def listed(openai_server, config_list):
    """Start a server; returns it, and the options for it."""

    def start(*script, **options):
        server = openai_server(*script, **options)
        return server, ("--config", config_list(server.config), "--no-docker")

    return start


@pytest.mark.slow
def test_small_talk_costs_one_request(listed, in_terminal):
    server, options = listed("Hello! How can I help?")
    terminal = in_terminal("chat", "hello", *options)
    terminal.wait_for(IDLE)
    terminal.type("")
    assert terminal.finish().exit_code == 0
    assert len(server.requests) == 1
    assert "human_exit" in terminal.text


@pytest.mark.slow
def test_small_talk_without_a_terminal_costs_one_request(listed, run):
    server, options = listed("Hello! How can I help?")
    shown = run("chat", "hello", *options, "--human", "NEVER")
    assert shown.returncode == 0, shown.stderr
    assert "Hello! How can I help?" in shown.stdout
    assert "no_reply · 2 messages" in shown.stdout
    assert "\x1b" not in shown.stdout + shown.stderr
    assert len(server.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("given", [pytest.param((), marks=pytest.mark.slow), ("--max-replies", "3")])
def test_code_without_end_stops_at_the_limit(listed, run, given):
    server, options = listed(lambda request: CODE)
    shown = run("chat", "loop", *options, *given)
    assert "max_consecutive_auto_reply" in shown.stdout
    assert len(server.requests) == (4 if given else 11)


@pytest.mark.slow
def test_at_the_limit_the_human_is_asked(listed, in_terminal):
    server, options = listed(lambda request: CODE)
    terminal = in_terminal("chat", "loop", *options, "--max-replies", "2")
    terminal.wait_for("has used up its auto-replies")
    assert len(server.requests) == 3
    terminal.type("exit")
    assert terminal.finish().exit_code == 0
    assert len(server.requests) == 3


@pytest.mark.slow
def test_a_conversation_with_code(listed, in_terminal, tmp_path):
    server, options = listed("What is the task?", CODE, "It is 42. TERMINATE")
    terminal = in_terminal("chat", *options)
    terminal.wait_for("Your task: ")
    terminal.type("hello")
    terminal.wait_for(IDLE)
    terminal.type("6 times 7?")
    terminal.wait_for("Code output: 42")
    terminal.wait_for(STOPPING)
    terminal.type("")
    assert terminal.finish().exit_code == 0
    assert [text.splitlines()[0] for text in get_texts(server.requests[-1])] == [
        "hello",
        "What is the task?",
        "6 times 7?",
        "```python",
        "exitcode: 0 (execution succeeded)",
    ]
    assert (tmp_path / "coding").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80])
def test_ctrl_c_ends_the_turn_and_says_how_to_go_on(listed, in_terminal, columns):
    server, options = listed("One moment.", Reply("too late", delay=60), "I am back.")
    terminal = in_terminal("chat", "hello", *options, columns=columns)
    terminal.wait_for(IDLE)
    terminal.type("go on")
    terminal.wait_for("assistant asks")
    while len(server.requests) < 2:
        terminal.wait_for("assistant")
    terminal.interrupt()
    assert terminal.finish().exit_code == 130
    assert "Traceback" not in terminal.text
    _, _, command = terminal.text.replace("\n", "").partition("Go on with: autogen ")
    assert "--no-docker" in command

    terminal = in_terminal(*shlex.split(command), columns=columns)
    terminal.wait_for("I am back.")
    terminal.wait_for(IDLE)
    terminal.type("")
    assert terminal.finish().exit_code == 0
    # What was said is not paid again.
    assert len(server.requests) == 3
    assert get_texts(server.requests[2]) == ["hello", "One moment.", "go on"]


@pytest.mark.slow
def test_ctrl_c_at_a_question_keeps_the_chat(listed, in_terminal):
    server, options = listed("Yes?", "Nice.")
    terminal = in_terminal("chat", "hello", *options)
    terminal.wait_for(IDLE)
    terminal.interrupt()
    assert terminal.finish().exit_code == 130
    terminal = in_terminal("chat", *options, "--resume", "last", "a message at once")
    terminal.wait_for("Nice.")
    terminal.wait_for(IDLE)
    terminal.type("")
    terminal.finish()
    assert get_texts(server.requests[1]) == ["hello", "Yes?", "a message at once"]


@pytest.mark.slow
def test_a_finished_chat_goes_on_with_another_message(listed, in_terminal, run, tmp_path):
    server, options = listed("Yes?", CODE, "42. TERMINATE", "Bye. TERMINATE", "Still here. TERMINATE")
    terminal = in_terminal("chat", "hello", *options, "--checkpoint", "chat.db")
    terminal.wait_for(IDLE)
    terminal.type("compute")
    terminal.wait_for(STOPPING)
    terminal.type("")
    assert "--resume chat.db" in terminal.finish().text
    # Also without a terminal: the human's earlier answers are read, not asked for.
    for message in ("thanks", "and?"):
        shown = run("chat", message, *options, "--resume", "chat.db")
        assert shown.returncode == 0, shown.stderr
    assert len(server.requests) == 5
    texts = get_texts(server.requests[-1])
    assert (texts[0], texts[2], texts[6], texts[-1]) == ("hello", "compute", "thanks", "and?")
    assert len(Recording(tmp_path / "chat.db").messages) == 10
    assert not [file for file in tmp_path.iterdir() if file.name.startswith("chat.db.")]


@pytest.mark.slow
def test_resuming_without_a_message_changes_nothing(listed, run, tmp_path):
    server, options = listed("Hello.")
    run("chat", "hello", *options, "--checkpoint", "chat.db")
    shown = run("chat", *options, "--resume", "chat.db")
    assert "no_reply · 2 messages" in shown.stdout
    assert len(server.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ("y", "Code output: 42"),
        pytest.param("too dangerous", "not approved. too dangerous", marks=pytest.mark.slow),
    ],
)
def test_code_runs_after_approval(listed, in_terminal, answer, output):
    _, options = listed(CODE, "Done. TERMINATE")
    terminal = in_terminal("chat", "6 times 7", *options, "--approve")
    terminal.wait_for("Run it?")
    assert "print(6 * 7)" in terminal.text
    terminal.type(answer)
    terminal.wait_for(STOPPING)
    terminal.type("")
    assert output in terminal.finish().text


@pytest.mark.slow
def test_without_anybody_to_approve_no_code_runs(listed, run):
    _, options = listed(CODE, "Sorry. TERMINATE")
    shown = run("chat", "6 times 7", *options, "--approve")
    assert "Nobody is there to approve it." in shown.stdout
    assert "Code output: 42" not in shown.stdout


@pytest.mark.slow
def test_the_task_from_standard_input(listed, run):
    server, options = listed(CODE, "It is 42. TERMINATE")
    shown = run("chat", "-", *options, stdin="6 times 7?\nPlease.\n")
    assert shown.returncode == 0, shown.stderr
    assert "Code output: 42" in shown.stdout
    assert "termination_message · 4 messages" in shown.stdout
    assert get_texts(server.requests[0]) == ["6 times 7?\nPlease."]


@pytest.mark.slow
def test_a_base_url_and_an_env_file(openai_server, run, tmp_path):
    server = openai_server("one", "two")
    assert "one" in run("chat", "hi", "--base-url", server.base_url, "--model", "m", "--no-docker").stdout
    assert server.requests[0]["model"] == "m"
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\nOPENAI_BASE_URL={server.base_url}\n")
    shown = run("chat", "hi", "--no-docker", OPENAI_API_KEY="")
    assert "two" in shown.stdout, shown.stderr
    assert server.headers[1]["authorization"] == f"Bearer {KEY}"
    assert KEY not in shown.stdout + shown.stderr


@pytest.mark.slow
def test_a_model_by_name_out_of_a_list(openai_server, config_list, run):
    first, second = openai_server(Fault(status=500)), openai_server("from the second")
    path = config_list(first.config | {"model": "one"}, second.config | {"model": "two"})
    assert (
        "from the second" in run("chat", "hi", "--config", path, "--model", "two", "--no-docker", "--max-turns", "1").stdout
    )
    assert not first.requests


WRONG = [
    # arguments, exit code, message
    (("hi", "--config", "NOWHERE"), 1, "No config list"),
    (("hi", "--model", "gpt-99"), 1, "There is no local model 'gpt-99'"),
    (("hi", "--model", "nowhere.gguf", "--no-docker"), 1, "neither a GGUF file nor one of"),
    (("hi", "--model", "antropic/x"), 1, "Did you mean anthropic/x"),
    (("hi", "--base-url", "http://127.0.0.1:9/v1"), 1, "needs --model"),
    (("--resume", "nowhere.db"), 1, "No such checkpoint: nowhere.db"),
    (("--resume", "last"), 1, "There is no chat to resume"),
    (("--resume", "a.db", "--checkpoint", "b.db"), 2, "leave --checkpoint out"),
    ((), 2, "A task is missing"),
    (("-",), 2, "must not be empty"),
    (("hi", "--human", "sometimes"), 2, "always"),
    (("hi", "--max-replies", "-1"), 2, "--max-replies"),
    (("hi", "--modle", "m"), 2, "--model"),
]


@pytest.mark.parametrize(("arguments", "exit_code", "message"), WRONG)
def test_what_is_wrong_is_said_in_one_paragraph(tmp_path, monkeypatch, capsys, arguments, exit_code, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["autogen", "chat", *arguments])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == exit_code
    text = capsys.readouterr().err
    assert message in " ".join(text.split())
    assert "Traceback" not in text


@pytest.mark.slow
def test_a_model_that_fails_is_shown_without_its_key(openai_server, config_list, run):
    server = openai_server("unused", api_key="right")
    shown = run("chat", "hi", "--config", config_list(server.config | {"api_key": KEY}), "--no-docker")
    assert shown.returncode == 1
    assert "AuthenticationError" in shown.stderr
    assert server.base_url in shown.stderr
    assert "Traceback" not in shown.stderr
    assert KEY not in shown.stderr + shown.stdout


@pytest.mark.parametrize("in_container", [False, True])
@pytest.mark.parametrize("docker", [(), ("--docker",), ("--no-docker",)])
def test_where_code_runs_is_said(openai_server, config_list, tmp_path, monkeypatch, docker, in_container):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    for module in ("code_utils", "_cli.chat"):
        monkeypatch.setattr(f"autogen.{module}.in_docker_container", lambda: in_container)
    ended = CliRunner().invoke(app, ["chat", "hi", "--config", config_list(openai_server("ok").config), *docker])
    if docker == ("--no-docker",) or (in_container and not docker):
        assert ended.exit_code == 0
        place = "in this container, beside autogen" if in_container else "on this machine, without isolation"
        assert f"runs {place}" in " ".join(ended.output.split())
    else:
        assert isinstance(ended.exception, RuntimeError)
        assert "no Docker engine responds" in str(ended.exception).replace("No Docker", "no Docker")
        assert "--no-docker" in str(ended.exception)
