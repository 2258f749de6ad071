"""`MultimodalConversableAgent`: tags in messages are pictures for its model, and for others that see."""

from __future__ import annotations

import base64
import json
import re

import pytest
from pictures import decode_uri, make_noise, make_picture, make_uri
from sites import serve_site
from typer.testing import CliRunner

from autogen import ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent, runtime_logging
from autogen._cli.app import app
from autogen.agentchat.contrib.img_utils import get_pil_image
from autogen.agentchat.contrib.multimodal_conversable_agent import DEFAULT_LMM_SYS_MSG, MultimodalConversableAgent
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.fetching import FetchPolicy
from autogen.recording import Recording
from autogen.testing import OpenAIServer, Reply, ScriptedModel, tool_call

PNG = make_picture()
URI = make_uri(PNG)
B64 = base64.b64encode(PNG).decode()


def text(content):
    return {"type": "text", "text": content}


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.fixture
def server():
    with OpenAIServer(lambda messages: "A red square.") as server:
        yield server


def make(name, llm_config=False, **options):
    return MultimodalConversableAgent(name, llm_config=llm_config, human_input_mode="NEVER", silent=True, **options)


def get_contents(request):
    return [message["content"] for message in request["messages"] if message["role"] != "system"]


def test_the_forms_of_a_message():
    seer = make("seer")
    assert seer.system_message == [text(DEFAULT_LMM_SYS_MSG)]
    assert seer.description == DEFAULT_LMM_SYS_MSG
    assert seer._message_to_dict("hi {x}") == {"content": [text("hi {x}")]}
    assert seer._message_to_dict([text("hi")]) == {"content": [text("hi")]}
    picture = get_pil_image(PNG)
    parts = [text("see "), image(picture), text("!")]
    assert seer._message_to_dict(f"see <img {B64}>!") == {"content": parts}
    assert seer._message_to_dict({"content": f"see <img {URI}>!", "name": "x"}) == {"content": parts, "name": "x"}
    assert seer._message_to_dict({"content": None, "tool_calls": []}) == {"content": None, "tool_calls": []}
    result = {"role": "tool", "content": f"<img {B64}>", "tool_responses": []}
    assert seer._message_to_dict(result) == result
    with pytest.raises(AssertionError, match="must have a 'content'"):
        seer._message_to_dict({"text": "hi"})
    with pytest.raises(ValueError, match="got 3"):
        seer._message_to_dict(3)
    seer.update_system_message(f"Like <img {B64}>")
    assert seer.system_message == [text("Like "), image(picture), text("")]
    assert seer._oai_system_message == [{"role": "system", "content": seer.system_message}]
    with pytest.raises(TypeError, match="image_folders must be a list"):
        make("x", image_folders="coding")


def test_the_default_end_is_the_word_alone(call):
    seer, other = make("seer", default_auto_reply="hm"), make("other", default_auto_reply="TERMINATE")
    result = call(seer.initiate_chat, other, message="Hello.")
    assert len(result.chat_history) == 2


def test_a_model_sees_what_the_program_named(call, server, tmp_path):
    path = tmp_path / "my picture.png"
    path.write_bytes(PNG)
    seer, user = (
        make("seer", server.llm_config),
        UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False),
    )
    user.silent = True
    result = call(user.initiate_chat, seer, message=f"What is <img {path}>?", max_turns=1)
    assert get_contents(server.requests[0]) == [[text("What is "), image(URI), text("?")]]
    assert result.summary == "A red square."
    # the picture is that of the moment when it was named
    path.unlink()
    call(user.initiate_chat, seer, message="And now?", max_turns=1, clear_history=False)
    assert get_contents(server.requests[1])[0][1] == image(URI)


def test_a_model_opens_no_file_that_nobody_allowed(call, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    for name in ("secret.png", "allowed/in.png", "named.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "allowed" / "out.png").symlink_to(tmp_path / "secret.png")
    said = f"<img secret.png> <img {tmp_path}/secret.png> <img in.png> <img out.png> <img ../secret.png> <img named.png>"
    writer = ConversableAgent(
        "writer", llm_config=ScriptedModel(lambda messages: said).llm_config, human_input_mode="NEVER", silent=True
    )
    with OpenAIServer(lambda messages: "fine") as server:
        seer = make("seer", server.llm_config, image_folders=["allowed"])
        call(seer.initiate_chat, writer, message="Improve <img named.png>, please.", max_turns=2)
        seen = get_contents(server.requests[0])[1]
    words = "".join(part["text"] for part in seen if part["type"] == "text")
    assert words == f"<img secret.png> <img {tmp_path}/secret.png>  <img out.png> <img ../secret.png> "
    assert [part for part in seen if part["type"] == "image_url"] == [image(URI)] * 2
    assert "neither the program nor the human named it" in caplog.text


def test_what_the_human_names_is_opened(call, server, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    inputs = iter([f"Look: <img {path}>", "exit"])
    human = ConversableAgent(
        "human", llm_config=False, human_input_mode="ALWAYS", silent=True, human_input_source=lambda prompt: next(inputs)
    )
    call(human.initiate_chat, make("seer", server.llm_config), message="Hello.")
    assert get_contents(server.requests[1])[-1] == [text("Look: "), image(URI), text("")]


def test_a_program_names_a_picture_in_the_folder_of_its_code(tmp_path, monkeypatch):
    """As in the notebook in which an agent draws a figure, and another judges it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/result.png").write_bytes(PNG)
    (tmp_path / "other.png").write_bytes(PNG)
    coder = ConversableAgent(
        "coder", llm_config=ScriptedModel("```python\nprint(1)\n```", "TERMINATE").llm_config, silent=True
    )
    with OpenAIServer(lambda messages: "fine") as server:
        critic = make("critic", server.llm_config, max_consecutive_auto_reply=1)

        def draw(agent, messages, sender, config):
            agent.initiate_chat(coder, message="Draw.", max_turns=2)
            agent.send("See <img work/result.png> and <img other.png>", critic, request_reply=True)
            return True, "done"

        code = {"work_dir": "work", "use_docker": False}
        creator = UserProxyAgent("creator", human_input_mode="NEVER", code_execution_config=code, silent=True)
        creator.register_reply(lambda sender: sender is user, draw, position=0)
        user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER", silent=True)
        user.initiate_chat(creator, message="Draw a figure.", max_turns=1)
        assert get_contents(server.requests[0])[-1] == [text("See "), image(URI), text(" and <img other.png>")]


def test_code_may_draw_what_agents_show(call, tmp_path):
    code = f"```python\nimport base64\nopen('plot.png', 'wb').write(base64.b64decode('{B64}'))\n```"
    coder = ConversableAgent(
        "coder", llm_config=ScriptedModel(code, "See <img plot.png>").llm_config, human_input_mode="NEVER", silent=True
    )
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    runner = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config={"executor": executor})
    runner.silent = True
    with OpenAIServer(lambda messages: "Fine. TERMINATE") as server:
        critic = make("critic", server.llm_config)
        order = [coder, runner, coder, critic]
        group = GroupChat(
            [runner, coder, critic], [], max_round=5, speaker_selection_method=lambda last, group: order.pop(0)
        )
        manager = GroupChatManager(group, llm_config=False, silent=True)
        call(runner.initiate_chat, manager, message="Draw.")
        assert get_contents(server.requests[0])[-1] == [text("See "), image(URI), text("")]


def test_members_that_see_get_the_pictures_of_others(call, server):
    first, second = make("first", server.llm_config), ConversableAgent("second", llm_config=server.llm_config, silent=True)
    second.human_input_mode = "NEVER"
    user = make("user")
    order = [first, second]
    group = GroupChat([user, first, second], [], max_round=3, speaker_selection_method=lambda last, group: order.pop(0))
    call(user.initiate_chat, GroupChatManager(group, llm_config=False, silent=True), message=f"See <img {B64}>")
    assert [get_contents(request)[0][:2] for request in server.requests] == [[text("See "), image(URI)]] * 2
    assert group.messages[0]["content"] == "See <image>"


def test_it_calls_tools_and_answers_like_any_agent(call):
    script = [tool_call("look", x=1), Reply("It is red."), Reply("")]
    with OpenAIServer(*script) as server:
        seer, user = (
            make("seer", server.llm_config),
            UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False),
        )
        user.silent = True

        @user.register_for_execution()
        @seer.register_for_llm(description="Look.")
        def look(x: int) -> str:
            return f"<img {B64}>"

        context = {"content": f"See <img {B64}>", "context": {"key": 1}}
        result = call(user.initiate_chat, seer, message=context, max_turns=2)
        assert result.summary == "It is red."
        assert server.requests[1]["messages"][-1] == {
            "role": "tool",
            "content": f"<img {B64}>",
            "tool_call_id": server.requests[1]["messages"][-1]["tool_call_id"],
        }
        # 0.2 took the context off the stored message
        assert seer.chat_messages[user][0]["context"] == {"key": 1}


def test_addresses_stay_addresses_until_a_model_needs_the_data(call, server):
    with serve_site({"/a.png": PNG}) as site:
        seer, user = make("seer", server.llm_config), make("user")
        call(user.initiate_chat, seer, message="<img https://example.org/a.png>", max_turns=1)
        assert get_contents(server.requests[0]) == [[image("https://example.org/a.png"), text("")]]
        call(user.initiate_chat, seer, message=f"<img {site.url('/a.png')}>", max_turns=1)
        assert get_contents(server.requests[1]) == ["<image>"]
        assert site.paths == []
        allowed = make("allowed", server.llm_config, policy=FetchPolicy(allow_private=True))
        call(user.initiate_chat, allowed, message=f"<img {site.url('/a.png')}>", max_turns=1)
        assert get_contents(server.requests[2]) == [[image(URI), text("")]]


def test_a_clone_and_an_agent_with_parts_as_its_system_message(call, server):
    seer = make("seer", server.llm_config, system_message=[text("Look."), image(get_pil_image(PNG))], image_folders=["x"])
    assert seer.description == "Look.<image>"
    clone = seer.clone()
    assert clone.image_folders == ("x",)
    call(make("user").initiate_chat, clone, message=f"See <img {B64}>", max_turns=1)
    assert server.requests[0]["messages"][0]["content"] == [text("Look."), image(URI)]
    assert get_contents(server.requests[0])[0][1] == image(URI)
    assert not seer.chat_messages


def test_a_state_with_pictures_is_saved_and_loaded(call, server, tmp_path):
    seer, user = make("seer", server.llm_config, system_message=f"Like <img {B64}>"), make("user")
    large = make_noise()
    content = [text("see"), image(large), image(get_pil_image(PNG))]
    call(user.initiate_chat, seer, message={"content": content}, max_turns=1)
    state = json.loads(json.dumps(seer.save_state()))
    assert decode_uri(state["histories"]["user"][0]["content"][1]["image_url"]["url"]) == large
    folder = tmp_path / "pictures"
    short = json.dumps(seer.save_state(picture_folder=folder))
    assert len(short) < 5000
    assert len(list(folder.iterdir())) == 1
    for document, options in ((state, {}), (json.loads(short), {"picture_folder": folder})):
        other = make("seer", server.llm_config)
        other.load_state(document, [user], **options)
        urls = [part["image_url"]["url"] for part in other.chat_messages[user][0]["content"][1:]]
        assert decode_uri(urls[0]) == large
        assert urls[1] == URI
        assert other.system_message[1] == image(URI)
    # a file that was changed since is not taken for the picture
    next(folder.iterdir()).write_bytes(PNG)
    other.load_state(json.loads(short), [user], picture_folder=folder)
    assert "sha256=" in other.chat_messages[user][0]["content"][1]["image_url"]["url"]


def test_a_group_with_pictures_is_saved_and_loaded(tmp_path):
    user, seer = make("user"), make("seer", default_auto_reply="fine")
    group = GroupChat([user, seer], [], max_round=2, speaker_selection_method="round_robin")
    manager = GroupChatManager(group, llm_config=False, silent=True)
    user.initiate_chat(manager, message={"content": [text("see"), image(make_noise())]})
    state = json.loads(json.dumps(manager.save_state(picture_folder=tmp_path)))
    assert len(json.dumps(state)) < 10_000
    manager.load_state(state, picture_folder=tmp_path)
    assert decode_uri(seer.chat_messages[manager][0]["content"][1]["image_url"]["url"]) == make_noise()


def test_a_checkpoint_has_each_picture_once_and_a_chat_resumes(call, tmp_path):
    large, path = make_noise(), tmp_path / "chat.db"

    def chat(*replies):
        with OpenAIServer(*replies) as server:
            user, seer = make("user", default_auto_reply="And?"), make("seer", server.llm_config)
            message = {"content": [text("see"), image(large.copy())]}
            result = call(user.initiate_chat, seer, message=message, max_turns=2, checkpoint=path)
            return result, server.requests

    with pytest.raises(Exception, match="418"):
        chat("A square.")
    result, requests = chat("A red one.")
    assert len(requests) == 1
    assert [message["content"] for message in result.chat_history[1:]] == [
        "A square.",
        "And?",
        "A red one.",
    ] or result.summary
    recorded = Recording(path).messages[0]["content"]
    assert decode_uri(recorded[1]["image_url"]["url"]) == large
    assert path.stat().st_size < 1.5 * len(recorded[1]["image_url"]["url"])


@pytest.mark.parametrize("kind", ["sqlite", "file"])
def test_a_runtime_log_has_large_pictures_in_files(tmp_path, server, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "log"
    runtime_logging.start(logger_type=kind, config={"dbname": str(target), "filename": str(target)})
    try:
        user, seer = make("user"), make("seer", server.llm_config)
        user.initiate_chat(seer, message={"content": [image(make_noise()), image(get_pil_image(PNG))]}, max_turns=1)
    finally:
        runtime_logging.stop()
    assert B64.encode() in target.read_bytes()
    assert target.stat().st_size < 100_000
    [file] = (tmp_path / "log.pictures").iterdir()
    assert get_pil_image(file) == make_noise()


def test_pages_and_notebooks_show_pictures_of_the_chat_and_load_nothing(tmp_path, server):
    path = tmp_path / "chat.db"
    evil = "data:image/png;base64,AAAA'><script>alert(1)</script>"
    content = [image(get_pil_image(PNG)), image(make_noise()), image("https://evil.test/a.png"), image(evil)]
    seer = make("seer", server.llm_config)
    result = make("user").initiate_chat(seer, message={"content": content}, max_turns=1, checkpoint=path)
    page = tmp_path / "page.html"
    assert CliRunner().invoke(app, ["inspect", str(path), "--html", str(page)]).exit_code == 0
    for html in (result._repr_html_(), page.read_text()):
        sources = re.findall(r"<img[^>]*src=[\"']([^\"']*)", html)
        assert sources[0] == URI
        assert sources[1].startswith("data:image/jpeg")
        assert decode_uri(sources[1]).size == (300, 300)
        assert len(sources) == 2
        assert "<script>alert" not in html
