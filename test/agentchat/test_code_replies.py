"""Code that agents find in a chat and run."""

import pytest

from autogen.coding import LocalCommandLineCodeExecutor

PY = "```python\nprint({})\n```"


@pytest.fixture(params=["executor", "legacy"])
def runner(request, agent, tmp_path):
    """An agent that runs code, with an executor or without one."""

    def make(**options):
        if request.param == "executor":
            config = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
        else:
            config = {"work_dir": str(tmp_path), "use_docker": False}
        config = {**config, **options}
        return agent("runner", code_execution_config=config, default_auto_reply="nothing", silent=None)

    make.legacy = request.param == "legacy"
    return make


def reply(call, runner, text):
    return call(runner.generate_reply, [{"role": "user", "content": text}])


def test_all_blocks_of_a_message_run_in_order(call, runner):
    assert reply(call, runner(), PY.format(1) + "\nand\n" + PY.format(2)).replace("\n", "").endswith("Code output: 12")


def test_the_first_block_that_fails_is_the_last_to_run(call, runner):
    text = "\n".join([PY.format(1), "```sh\necho oops >&2; exit 3\n```", PY.format(2)])
    answer = reply(call, runner(), text)
    assert answer.startswith("exitcode: 3 (execution failed)")
    assert "oops" in answer
    assert "2" not in answer


def test_a_language_that_is_not_named_is_found_out(call, runner, capsys):
    assert "Code output: " in reply(call, runner(), "```\nprint(6 * 7)\n```")
    assert "EXECUTING CODE BLOCK" in capsys.readouterr().out


def test_a_language_that_is_not_known_is_told_to_the_model(call, runner):
    answer = reply(call, runner(), "```cobol\nDISPLAY 1.\n```")
    assert answer.startswith("exitcode: 1 (execution failed)")
    assert "unknown language cobol" in answer


def test_code_may_name_its_file(call, runner, tmp_path):
    reply(call, runner(), "```python\n# filename: kept.py\nprint(1)\n```")
    assert (tmp_path / "kept.py").read_text().rstrip().endswith("print(1)")


@pytest.mark.parametrize("first_line", ['# filename: "kept.py"', "# filename: 'kept.py'", "# filename: `kept.py`"])
def test_a_file_name_may_be_quoted(call, runner, tmp_path, first_line):
    reply(call, runner(), f"```python\n{first_line}\nprint(1)\n```")
    assert (tmp_path / "kept.py").is_file()


@pytest.mark.parametrize(
    "info", ["python:kept.py", 'python title="kept.py"', "python filename='kept.py'", "{.python file=kept.py}"]
)
def test_an_info_string_may_name_the_file(call, runner, tmp_path, info):
    assert reply(call, runner(), f"```{info}\nprint(41 + 1)\n```").rstrip().endswith("42")
    assert (tmp_path / "kept.py").is_file()


def test_a_title_that_is_not_a_file_name_and_a_name_in_the_code_are_left_alone(call, runner, tmp_path):
    reply(call, runner(), '```python title="First steps"\nprint(1)\n```\n```python:x.py\n# filename: y.py\nprint(1)\n```')
    names = {path.name for path in tmp_path.iterdir()}
    assert "y.py" in names
    assert "x.py" not in names
    assert "First steps" not in names


MALFORMED = ["```python\nprint(41+1)```", "```python print(41+1)```", "First:\n```python\nprint(41+1)\n", "~~~sh\nls"]


@pytest.mark.parametrize("text", MALFORMED)
def test_the_model_learns_of_a_malformed_fence(call, runner, text):
    answer = reply(call, runner(), text)
    assert answer.startswith("exitcode: 1 (execution failed)\nCode output: No code was run: the code block ")


@pytest.mark.parametrize("text", ["Use ```x``` or `y`.", "Open with ```python and close with ```.", "Done.\n```"])
def test_backticks_in_prose_are_no_error(call, runner, text):
    assert reply(call, runner(), text) == "nothing"


def test_a_malformed_fence_beside_a_block_is_not_reported(call, runner):
    answer = reply(call, runner(), PY.format(1) + "\n```python\nprint(2")
    assert answer.startswith("exitcode: 0")
    assert answer.rstrip().endswith("1")


def test_a_malformed_fence_is_reported_once(call, runner):
    messages = [{"role": "user", "content": MALFORMED[0]}, {"role": "assistant", "content": "exitcode: 1"}]
    messages.append({"role": "user", "content": "Sorry."})
    assert call(runner(last_n_messages=3).generate_reply, messages) == "nothing"


def test_another_extractor_reports_nothing(call, agent, tmp_path):
    class NoExtractor:
        def extract_code_blocks(self, message):
            return []

    class Executor(LocalCommandLineCodeExecutor):
        code_extractor = NoExtractor()

    me = agent("me", code_execution_config={"executor": Executor(work_dir=tmp_path)}, default_auto_reply="nothing")
    assert reply(call, me, MALFORMED[0]) == "nothing"


def test_the_newest_message_with_code_is_run(call, runner):
    messages = [{"role": "user", "content": PY.format(n)} for n in (1, 2)] + [{"role": "user", "content": "so?"}]
    answer = call(runner().generate_reply, messages)
    assert answer.rstrip().endswith("2")
    assert "1" not in answer


def test_messages_without_text_are_passed_over(call, runner):
    messages = [{"role": "user", "content": PY.format(1)}, {"role": "user", "content": None}]
    assert call(runner().generate_reply, messages).rstrip().endswith("1")


def test_code_in_parts_of_a_message_is_found(call, runner):
    parts = [{"type": "text", "text": PY.format(5)}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}]
    assert call(runner().generate_reply, [{"role": "user", "content": parts}]).rstrip().endswith("5")


def test_what_is_printed_before_code_runs(call, runner, capsys):
    make = runner
    reply(call, make(), PY.format(1))
    line = "EXECUTING CODE BLOCK 0 (inferred" if make.legacy else "EXECUTING CODE BLOCK (inferred"
    assert f">>>>>>>> {line} language is python)..." in capsys.readouterr().out
    reply(call, make(), PY.format(1) + "\n" + "```sh\ntrue\n```")
    second = "EXECUTING CODE BLOCK 1 (inferred language is sh)..."
    both = "EXECUTING 2 CODE BLOCKS (inferred languages are [python, sh])..."
    assert (second if make.legacy else both) in capsys.readouterr().out


def test_an_executor_takes_no_config(call, agent, tmp_path):
    me = agent("me", code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)})
    with pytest.raises(ValueError, match="config must be None"):
        me._generate_code_execution_reply_using_executor([{"role": "user", "content": "x"}], config={})


def test_the_legacy_form_takes_one_and_false_turns_it_off(agent, tmp_path):
    me = agent("me", code_execution_config={"work_dir": str(tmp_path), "use_docker": False})
    code = [{"role": "assistant", "content": PY.format(1)}]
    assert me.generate_code_execution_reply(code) == (False, None)
    assert me.generate_code_execution_reply(code, config=False) == (False, None)
    assert me.generate_code_execution_reply(code, config={"last_n_messages": 1})[0] is True
    assert me._code_execution_config["work_dir"] == str(tmp_path)


def test_the_image_that_holds_what_was_installed_is_used_next(agent):
    me = agent("me", code_execution_config={"use_docker": False})
    seen = []

    def run_code(code, **settings):
        seen.append(settings["use_docker"])
        return 0, "", "image:2"

    me.run_code = run_code
    assert me.execute_code_blocks([("python", "1"), ("sh", "ls")]) == (0, "\n\n")
    assert seen == [False, "image:2"]
    assert me.use_docker == "image:2"


@pytest.mark.parametrize("key", ["use_docker", "work_dir", "timeout"])
def test_settings_of_the_legacy_form_are_refused_beside_an_executor(agent, tmp_path, key):
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    with pytest.raises(ValueError, match=key):
        agent("me", code_execution_config={"executor": executor, key: None})


@pytest.mark.parametrize("config", [True, [], "docker", 5])
def test_another_type_of_config_is_refused(agent, config):
    with pytest.raises(ValueError, match="code_execution_config"):
        agent("me", code_execution_config=config)


def test_none_is_an_old_way_to_say_yes(agent, monkeypatch):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "0")
    with pytest.warns(UserWarning, match="deprecated"):
        me = agent("me", code_execution_config=None)
    assert me.use_docker is False
    assert len(me._reply_func_list) == 9


def test_the_callers_dict_is_not_changed(agent, monkeypatch):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "no")
    config = {"last_n_messages": 2}
    assert agent("me", code_execution_config=config).use_docker is False
    assert config == {"last_n_messages": 2}


@pytest.mark.parametrize(("value", "decided"), [("1", True), ("YES", True), ("f", False), ("None", None)])
def test_the_environment_decides_about_docker(agent, monkeypatch, value, decided):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", value)
    monkeypatch.setattr("autogen.code_utils.in_docker_container", lambda: True)  # then no engine is looked for
    assert agent("me", code_execution_config={}).use_docker is decided


@pytest.mark.parametrize("value", ["maybe", ""])
def test_an_unclear_environment_is_an_error(agent, monkeypatch, value):
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", value)
    with pytest.raises(ValueError, match="AUTOGEN_USE_DOCKER"):
        agent("me", code_execution_config={})
