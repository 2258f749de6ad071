"""Remote agents in chats: servers of the A2A SDK over HTTP on loopback."""

import asyncio
import base64
import json
import sqlite3
import threading
from contextlib import closing

import pytest

pytest.importorskip("a2a", reason="the extra 'a2a' is not installed")

from a2a.types import Part
from a2a_servers import Server, make_card, serve
from sites import serve_site

from autogen import ConversableAgent, GroupChat, GroupChatManager, events
from autogen.a2a import (
    A2AAgent,
    A2aAgentNotFoundError,
    A2aClientError,
    A2aRemoteAgent,
    A2aTaskError,
    A2aTaskUpdated,
    AgentCard,
    HttpxClientFactory,
)
from autogen.control import ChatControl
from autogen.fetching import FetchPolicy

KEY = "sk-0123456789abcdefghijklmnop"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


@pytest.fixture(scope="module", autouse=True)
def servers():
    yield
    Server.stop_all()


@pytest.fixture
def user(agent):
    return agent("user", default_auto_reply="Rome")


def make_remote(remote, kind=A2AAgent, **options):
    return kind(remote.url, name="weather", silent=True, **{"polling_interval": 0.01, **options})


def get_contents(result):
    return [message["content"] for message in result.chat_history]


@pytest.mark.parametrize("state", [{}, {"streaming": False}, {"legacy": True}], ids=["stream", "polling", "version 0.3"])
def test_a_conversation(call, user, state):
    with serve(**state) as remote:
        weather = make_remote(remote)
        result = call(user.initiate_chat, weather, message="world", max_turns=2)
        assert get_contents(result) == ["world", "Hello, world", "Rome", "Hello, Rome"]
        # only new messages are sent, in one conversation
        assert remote.texts() == [["world"], ["Rome"]]
        assert len({message.context_id for message in remote.messages}) == 1
        call(user.initiate_chat, weather, message="again", max_turns=1)
        assert remote.texts()[2:] == [["again"]]
        assert len({message.context_id for message in remote.messages}) == 2
        assert sum(path == "/.well-known/agent-card.json" for path, _ in remote.requests) == 1
        assert weather.description == "Knows the weather. rain: Knows if it rains."


def test_an_answer_without_a_task_and_a_running_loop(user):
    with serve() as remote:
        assert get_contents(user.initiate_chat(make_remote(remote), message="message", max_turns=1))[1] == "at once"

        async def chat():
            # a notebook cell
            return user.initiate_chat(make_remote(remote), message="you", max_turns=1)

        assert asyncio.run(chat()).summary == "Hello, you"


def test_progress_is_an_event(call, user):
    seen = []
    with serve() as remote, events.subscribe(seen.append):
        call(user.initiate_chat, make_remote(remote), message="world", max_turns=1)
    assert "".join(event.delta for event in seen if isinstance(event, events.TokenReceived)) == "Hello, world"
    states = [(event.state, event.text) for event in seen if isinstance(event, A2aTaskUpdated)]
    assert states == [("working", "thinking"), ("completed", "")]


@pytest.mark.parametrize(
    ("answers", "contents", "sent"),
    [
        # nobody is asked: the question is the reply
        (None, ["ask", "Which city?", "Rome", "Hello, Rome"], ["ask", "Rome"]),
        (["Oslo"], ["ask", "Hello, Oslo", "Rome", "Hello, Rome"], ["ask", "Oslo", "Rome"]),
        (["ask", "Oslo"], ["ask", "Hello, Oslo", "Rome", "Hello, Rome"], ["ask", "ask", "Oslo", "Rome"]),
        ([""], ["ask", "Which city?", "Rome", "Hello, Rome"], ["ask", "Rome"]),
        (["exit"], ["ask"], ["ask"]),
    ],
)
def test_questions_of_the_remote_agent(call, user, answers, contents, sent):
    prompts, answers = [], list(answers or ())
    kind = A2aRemoteAgent if answers else A2AAgent

    def ask(prompt):
        prompts.append(prompt)
        return answers.pop(0)

    with serve() as remote:
        weather = make_remote(remote, kind, human_input_source=ask)
        result = call(user.initiate_chat, weather, message="ask", max_turns=2)
        assert get_contents(result) == contents
        assert [text for [text] in remote.texts()] == sent
        # the answer goes to the task that asked
        open_tasks = [message.task_id for message in remote.messages[1:] if message.parts[0].text != "Rome" or not prompts]
        assert len(set(open_tasks)) <= 1
        assert all(open_tasks)
        assert all(prompt.startswith("weather asks: Which city?\nAnswer (Enter: leave it to user") for prompt in prompts)
        if contents == ["ask"]:
            assert result.stop_reason == "human_exit"
            assert len(remote.cancelled) == 1


@pytest.mark.parametrize(
    ("message", "options", "error", "text"),
    [
        ("fail", {}, A2aTaskError, r"'weather' is failed: no engine; \*\*\*\.$"),
        ("reject", {}, A2aTaskError, "is rejected"),
        ("raise", {}, A2aClientError, "'weather' (failed|is failed)"),
        ("flood", {"max_bytes": 100_000}, A2aClientError, "answered with more than 100,000 bytes"),
        ("world", {"max_bytes": 100}, A2aClientError, "it sent a message of more than 100 bytes"),
        ("wait", {"timeout": 0.5}, A2aClientError, r"did not answer within 0\.5 seconds"),
    ],
)
def test_failures(call, user, message, options, error, text):
    with serve() as remote:
        weather = make_remote(remote, **options)
        with pytest.raises(error, match=text):
            call(user.initiate_chat, weather, message=message, max_turns=1)
        if message != "flood":
            assert len(remote.cancelled) == (message == "wait")


def test_a_refused_token_and_a_missing_agent(call, user, caplog):
    with serve(token=KEY) as remote:
        with pytest.raises(A2aClientError, match="401"):
            call(user.initiate_chat, make_remote(remote), message="world", max_turns=1)
        weather = make_remote(remote, auth=KEY)
        assert call(user.initiate_chat, weather, message="world", max_turns=1).summary == "Hello, world"
        assert KEY not in repr(weather) + repr(vars(weather)) + caplog.text
        assert make_remote(remote, auth={"Authorization": f"Bearer {KEY}"}).fetch_card().name == "Weather agent"
    with serve(card_paths=()) as remote, pytest.raises(A2aAgentNotFoundError, match=r"no card at /\.well-known"):
        call(user.initiate_chat, make_remote(remote), message="world", max_turns=1)
    with pytest.raises(A2aClientError, match="can't be read"):
        call(user.initiate_chat, A2AAgent("http://127.0.0.1:1", silent=True), message="world", max_turns=1)
    with serve(card_paths=("/.well-known/agent.json",)) as remote:
        assert call(make_remote(remote).fetch_card).name == "Weather agent"


def test_a_stopped_chat_cancels_the_task(call, user):
    control = ChatControl()
    with serve() as remote:

        def stop():
            remote.started.wait()
            control.stop()

        thread = threading.Thread(target=stop)
        thread.start()
        result = call(user.initiate_chat, make_remote(remote), message="wait", max_turns=1, control=control)
        thread.join()
        assert result.stop_reason == "stopped"
        assert len(remote.cancelled) == 1


def test_a_cancelled_async_chat_cancels_the_task(user):
    with serve() as remote:

        async def cancel():
            task = asyncio.create_task(user.a_initiate_chat(make_remote(remote), message="wait", max_turns=1))
            await asyncio.to_thread(remote.started.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancel())
        assert len(remote.cancelled) == 1


def test_a_lost_connection(call, user):
    with serve(breaks=1) as remote:
        assert call(user.initiate_chat, make_remote(remote), message="world", max_turns=1).summary == "Hello, world"
        assert remote.texts() == [["world"]]
    with serve(breaks=9) as remote, pytest.raises(A2aClientError, match="the connection was lost 1 times"):
        call(user.initiate_chat, make_remote(remote, max_reconnects=0), message="world", max_turns=1)


def test_a_card_leads_to_no_other_host(call, user):
    with serve(token=KEY) as other, serve(token=KEY) as remote:
        # The address of another server, by another name.
        remote.card.supported_interfaces[0].url = f"{other.url}/rpc".replace("127.0.0.1", "localhost")
        with pytest.raises(A2aClientError, match=r"names no address of this server, but http://localhost:\d+/rpc"):
            call(user.initiate_chat, make_remote(remote, auth=KEY), message="world", max_turns=1)
        assert not other.requests
        weather = make_remote(remote, auth=KEY, allowed_hosts=["localhost"])
        assert call(user.initiate_chat, weather, message="world", max_turns=1).summary == "Hello, world"
        # A card that the program has is trusted.
        weather = A2aRemoteAgent.from_card(remote.card, auth=KEY, silent=True)
        assert weather.name == "Weather_agent"
        assert weather.card == remote.card
        assert call(user.initiate_chat, weather, message="world", max_turns=1).summary == "Hello, world"


def test_signatures_of_cards():
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    from a2a.utils.signing import create_agent_card_signer
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    def make_keys():
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    private, public = make_keys()
    sign = create_agent_card_signer(private, {"alg": "ES256", "kid": "k1", "typ": "JOSE", "jku": None})
    with serve(sign=sign) as remote:
        assert make_remote(remote, card_keys={"k1": public}).fetch_card().name == "Weather agent"
        for keys in ({"k1": make_keys()[1]}, {"k2": public}):
            with pytest.raises(A2aClientError, match="is not signed with a known key"):
                make_remote(remote, card_keys=keys).fetch_card()
    with serve() as remote, pytest.raises(A2aClientError, match="is not signed with a known key"):
        make_remote(remote, card_keys={"k1": public}).fetch_card()


def test_files_of_the_remote_agent(call, user, tmp_path):
    with serve_site({"/a.png": (200, {"Content-Type": "image/png"}, PIXEL)}) as site, serve() as remote:
        remote.parts[:] = [
            Part(text="Look\u202e!"),
            Part(raw=b"a,b", media_type="text/csv"),
            Part(raw=b"%PDF", media_type="application/pdf", filename="../../etc/report.pdf"),
            Part(url=site.url("/a.png"), media_type="image/png", filename="a.png"),
        ]
        refused = call(user.initiate_chat, make_remote(remote), message="parts", max_turns=1).summary
        assert refused.startswith("Look!\na,b\n[A file (application/pdf, 4 bytes) was left out")
        assert refused.endswith("[The file a.png was not fetched: " + refused.partition("not fetched: ")[2])
        assert "is this machine itself" in refused
        assert not site.requests
        policy = FetchPolicy(allow_private=True)
        weather = make_remote(remote, fetch_policy=policy, download_folder=tmp_path, auth=KEY)
        content = call(user.initiate_chat, weather, message="parts", max_turns=1).chat_history[1]["content"]
        assert [item["type"] for item in content] == ["text", "text", "text", "image_url"]
        assert content[3]["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
        [path] = tmp_path.iterdir()
        assert path.read_bytes() == b"%PDF"
        assert path.name.startswith("report_")
        assert path.suffix == ".pdf"
        # the credentials are for the agent alone
        assert "authorization" not in site.requests[0][2]


def test_content_that_is_sent(call, user):
    image = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    ]
    with serve() as remote:
        weather = make_remote(remote)
        call(user.initiate_chat, weather, message={"content": content}, max_turns=1)
        parts = remote.messages[0].parts
        assert [part.WhichOneof("content") for part in parts] == ["text", "raw", "url", "raw"]
        assert (parts[1].raw, parts[1].media_type) == (PIXEL, "image/png")
        assert [part.media_type for part in parts[2:]] == ["image/jpeg", "audio/wav"]
        wrong = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAA"}}]
        with pytest.raises(ValueError, match="not valid base64"):
            call(user.initiate_chat, weather, message={"content": wrong}, max_turns=1)
        reply = asyncio.run(
            weather.a_generate_remote_reply([{"role": "user", "content": "extra"}], None, None, [Part(text="more")])
        )
        assert reply == (True, "Hello, extra")
        assert remote.texts()[-1] == ["extra", "more"]


def test_a_member_of_a_group(call, agent, user):
    with serve() as remote:
        weather = make_remote(remote)
        poet = agent("poet", default_auto_reply="A poem.")
        group = GroupChat([user, weather, poet], [], max_round=6, speaker_selection_method="round_robin")
        manager = GroupChatManager(group, llm_config=False, silent=True)
        call(user.initiate_chat, manager, message="Go")
        names = [message["name"] for message in group.messages]
        assert names == ["user", "weather", "poet", "user", "weather", "poet"]
        assert remote.texts() == [["Go"], ["poet: A poem.", "user: Rome"]]
        assert len({message.context_id for message in remote.messages}) == 1


def copy_checkpoint(source, target):
    with closing(sqlite3.connect(source)) as read, read, closing(sqlite3.connect(target)) as write, write:
        read.backup(write)
    read.close()
    write.close()


def test_a_process_that_was_killed_looks_for_its_task(call, user, tmp_path):
    """The copy of the checkpoint is what a killed process leaves behind."""
    with serve() as remote:

        def copy(event):
            if isinstance(event, A2aTaskUpdated) and event.state == "working":
                copy_checkpoint(tmp_path / "chat.db", tmp_path / "killed.db")
                remote.release()

        with events.subscribe(copy):
            first = call(
                user.initiate_chat, make_remote(remote), message="wait", max_turns=1, checkpoint=tmp_path / "chat.db"
            )
        assert first.summary == "waited"
        second = call(
            user.initiate_chat, make_remote(remote), message="wait", max_turns=1, checkpoint=tmp_path / "killed.db"
        )
        assert second.summary == "waited"
        assert remote.texts() == [["wait"]]
        # once more: nothing is asked at all
        before = len(remote.requests)
        third = call(user.initiate_chat, make_remote(remote), message="wait", max_turns=1, checkpoint=tmp_path / "chat.db")
        assert third.summary == "waited"
        assert len(remote.requests) == before


def test_a_stopped_chat_is_resumed_with_a_new_task(call, user, tmp_path):
    control = ChatControl()
    with serve() as remote:

        def stop(event):
            if isinstance(event, A2aTaskUpdated):
                control.stop()

        with events.subscribe(stop):
            call(
                user.initiate_chat,
                make_remote(remote),
                message="wait",
                max_turns=1,
                checkpoint=tmp_path / "chat.db",
                control=control,
            )
        remote.release()
        result = call(user.initiate_chat, make_remote(remote), message="wait", max_turns=1, checkpoint=tmp_path / "chat.db")
        assert result.summary == "waited"
        assert remote.texts() == [["wait"], ["wait"]]
        assert len(remote.cancelled) == 1


def test_a_client_of_the_program(user):
    with serve() as remote:
        seen = []

        async def look(request):
            seen.append(str(request.url))

        factory = HttpxClientFactory(event_hooks={"request": [look]})
        weather = make_remote(remote, client=factory)
        assert user.initiate_chat(weather, message="world", max_turns=1).summary == "Hello, world"
        assert seen

        async def chat():
            async with factory() as client:
                weather = make_remote(remote, A2aRemoteAgent, client=client)
                with pytest.raises(TypeError, match="pass an HttpxClientFactory"):
                    user.initiate_chat(weather, message="world", max_turns=1)
                for _ in range(2):
                    result = await user.a_initiate_chat(weather, message="world", max_turns=1)
                assert len(client.event_hooks["response"]) == 1
                return result.summary

        assert asyncio.run(chat()) == "Hello, world"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"url_or_card": "weather.example"}, ValueError, "must begin with http:// or https://"),
        ({"url_or_card": {"name": "x"}}, TypeError, "a2a-sdk 1.0 or later"),
        ({"auth": 5}, TypeError, "bearer token or headers"),
        ({"timeout": 0}, ValueError, "positive"),
        ({"max_reconnects": -1}, ValueError, "max_reconnects"),
        ({"time_out": 5}, TypeError, "time_out"),
    ],
)
def test_wrong_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        A2AAgent(**{"url_or_card": "https://example.org", **arguments})


def test_names():
    assert A2AAgent("https://me:pw@example.org/a/.well-known/agent-card.json").name == "example_org_a"
    assert "pw" not in repr(A2AAgent("https://me:pw@example.org"))
    card = make_card("https://example.org")
    assert isinstance(card, AgentCard)
    assert A2AAgent(card).name == "Weather_agent"
    assert json.loads(json.dumps(A2AAgent(card).description)).startswith("Knows the weather.")
    assert issubclass(A2aRemoteAgent, ConversableAgent)
