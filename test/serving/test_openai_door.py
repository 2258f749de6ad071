"""Teams behind the protocol of chat completions, asked by the SDK of OpenAI over HTTP."""

import asyncio
import json
import threading

import httpx2 as httpx
import openai
import pytest
import served_teams
from served_teams import make_asker, make_broken, make_counter, make_group, make_shouter

from autogen.agentchat.chat import StopReason

TEAMS = {"shouter": make_shouter, "asker": make_asker, "counter": make_counter, "broken": make_broken, "group": make_group}


@pytest.fixture
def server(serve):
    return serve(TEAMS)


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", timeout=300) as client:
        yield client


def say(text):
    return [{"role": "user", "content": text}]


def test_a_team_is_a_model(client):
    assert [model.id for model in client.models.list()] == list(TEAMS)
    assert client.models.retrieve("shouter").owned_by == "autogen"
    response = client.chat.completions.with_raw_response.create(model="shouter", messages=say("hello"), temperature=0.5)
    completion = response.parse()
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason, completion.model) == ("HELLO", "stop", "shouter")
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    assert response.headers["x-autogen-ignored"] == "temperature"
    assert response.headers["x-autogen-run"] in completion.id


def test_an_answer_in_pieces(client):
    text = "a text that is longer than one piece of the answer is, and longer"
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(model="shouter", messages=say(text), **options))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == text.upper()
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (chunks[-2].choices[0].finish_reason, chunks[-1].choices) == ("stop", [])
    assert chunks[-1].usage.completion_tokens > 0
    assert not any("autogen" in str(chunk.model_extra) for chunk in chunks)


def test_events_for_those_who_ask_for_them(client):
    extra = {"autogen": {"events": True}}
    chunks = list(client.chat.completions.create(model="shouter", messages=say("hi"), stream=True, extra_body=extra))
    kinds = [chunk.autogen_event["type"] for chunk in chunks if getattr(chunk, "autogen_event", None)]
    assert (kinds[0], kinds[-1]) == ("chat_started", "chat_ended")


def test_the_messages_before_are_the_history_of_the_team(client):
    messages = [*say("one"), {"role": "assistant", "content": "two"}, *say([{"type": "text", "text": "three"}])]
    completion = client.chat.completions.create(model="counter", messages=messages)
    assert completion.choices[0].message.content == "user: one | assistant: two | user: three"
    group = client.chat.completions.create(model="group", messages=messages)
    assert "agrees" in group.choices[0].message.content


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_question_is_a_call_of_a_tool(client, is_streamed):
    def ask(messages):
        if not is_streamed:
            return client.chat.completions.create(model="asker", messages=messages).choices[0]
        with client.chat.completions.stream(model="asker", messages=messages) as stream:
            return stream.get_final_completion().choices[0]

    messages = say("go")
    choice = ask(messages)
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert call.function.name == "ask_human"
    assert "assistant" in json.loads(call.function.arguments)["prompt"]
    messages += [choice.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "yes"}]
    choice = ask(messages)
    assert (choice.message.content, choice.finish_reason) == ("go / May I? / yes / TERMINATE", "stop")
    with pytest.raises(openai.NotFoundError, match="has been answered"):
        ask(messages)


def test_a_client_that_knows_no_tools_shows_the_question_and_sends_the_answer(client):
    messages = say("go")
    prompt = client.chat.completions.create(model="asker", messages=messages).choices[0].message.content
    messages += [{"role": "assistant", "content": prompt}, *say("yes")]
    choice = client.chat.completions.create(model="asker", messages=messages).choices[0]
    assert choice.message.content == "go / May I? / yes / TERMINATE"


def test_a_conversation_that_the_server_keeps(serve, tmp_path):
    headers = {"X-Autogen-Conversation": "c1"}

    def talk(server, text, **options):
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", default_headers=headers) as client:
            completion = client.chat.completions.create(model="counter", messages=say(text), **options)
            return completion.choices[0].message.content

    first = serve(TEAMS, folder=tmp_path)
    talk(first, "one")
    assert talk(first, "two") == "user: one | assistant: user: one | user: two"
    # Also by another server with the same folder.
    assert talk(serve(TEAMS, folder=tmp_path), "three").endswith("| user: two | user: three".partition("| user: two ")[2])
    assert talk(first, "other", extra_headers={"X-Autogen-Conversation": "c2"}) == "user: other"


@pytest.mark.parametrize(
    ("request_body", "error", "code"),
    [
        ({"model": "shoutr"}, openai.NotFoundError, "model_not_found"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, openai.BadRequestError, "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "unsupported_parameter"),
        ({"n": 2}, openai.BadRequestError, "unsupported_parameter"),
        ({"messages": []}, openai.BadRequestError, "invalid_request"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, openai.BadRequestError, "invalid_request"),
        ({"messages": [{"role": "user", "content": 5}]}, openai.BadRequestError, "invalid_type"),
        (
            {"messages": say([{"type": "image_url", "image_url": {"url": "data:,"}}])},
            openai.BadRequestError,
            "unsupported_content",
        ),
        ({"messages": [{"role": "tool", "tool_call_id": "call_x", "content": ""}]}, openai.NotFoundError, "unknown_call"),
        ({"model": "broken"}, openai.InternalServerError, "team_failed"),
    ],
    ids=range(10),
)
def test_errors_have_the_form_that_sdks_read(client, request_body, error, code):
    body = {"model": "shouter", "messages": say("hi"), **request_body}
    with pytest.raises(error) as caught:
        client.chat.completions.create(**body)
    assert caught.value.code == code
    assert "sk-abc" not in str(caught.value)


def test_an_error_in_a_stream(client):
    with pytest.raises(openai.APIError, match="no agents today"):
        list(client.chat.completions.create(model="broken", messages=say("hi"), stream=True))


def test_a_client_that_goes_away_stops_its_run(serve):
    may_end, is_called = threading.Event(), threading.Event()

    def make_team():
        def work() -> str:
            is_called.set()
            may_end.wait(60)
            return "late"

        return served_teams.make_caller(work, {})

    server = serve({"team": make_team})
    body = {"model": "team", "messages": say("go")}

    async def leave(**more):
        async with httpx.AsyncClient(base_url=server.url) as client:
            request = asyncio.ensure_future(client.post("/v1/chat/completions", json={**body, **more}, timeout=60))
            await asyncio.to_thread(is_called.wait, 60)
            request.cancel()
            await asyncio.wait([request])
            is_called.clear()
            # The connection is closed with the client.
        for run in server.app.runs.list_runs():
            while run.status == "running":
                await asyncio.sleep(0.01)

    try:
        asyncio.run(leave())
        asyncio.run(leave(stream=True))
        assert [run.status for run in server.app.runs.list_runs()] == ["stopped"] * 2
    finally:
        may_end.set()


@pytest.mark.slow
def test_many_conversations_at_once(server):
    async def ask_all():
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0, timeout=300) as client:
            requests = (
                client.chat.completions.create(model="shouter", messages=say(f"text {n}"), stream=False) for n in range(200)
            )
            return [done.choices[0].message.content for done in await asyncio.gather(*requests)]

    assert asyncio.run(ask_all()) == [f"TEXT {n}" for n in range(200)]
    assert server.app.runs.counts["done"] == 200


def test_tokens_and_users(serve):
    server = serve(TEAMS, tokens={"token-of-ada": "ada", "token-of-bob": "bob"})
    ada, bob, eve = (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=f"token-of-{name}") for name in ("ada", "bob", "eve")
    )
    choice = ada.chat.completions.create(model="asker", messages=say("go")).choices[0]
    call_id = choice.message.tool_calls[0].id
    answer = [*say("go"), {"role": "tool", "tool_call_id": call_id, "content": "yes"}]
    with pytest.raises(openai.NotFoundError):
        bob.chat.completions.create(model="asker", messages=answer)
    with pytest.raises(openai.AuthenticationError, match="must have a token"):
        eve.models.list()
    assert "yes" in ada.chat.completions.create(model="asker", messages=answer).choices[0].message.content
    with httpx.Client(base_url=server.url) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").status_code == 200
        assert client.get("/metrics").status_code == 401
        metrics = client.get("/metrics", headers={"Authorization": "Bearer token-of-bob"}).text
        assert 'autogen_runs_ended_total{status="done"} 1' in metrics


def test_strangers_do_not_get_in_without_tokens(server):
    with httpx.Client(base_url=server.url) as client:
        # A page of a stranger in a browser of this machine: its host, or a type that needs no permission.
        assert client.get("/v1/models", headers={"Host": "evil.example:80"}).status_code == 403
        body = json.dumps({"model": "shouter", "messages": say("hi")})
        response = client.post("/v1/chat/completions", content=body, headers={"Content-Type": "text/plain"})
        assert response.status_code == 415
        assert (
            client.post("/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"}).status_code
            == 400
        )


def test_limits_of_a_team_are_a_length(serve):
    def make_team():
        group = make_group()
        group.groupchat.max_round = 2
        return group

    server = serve({"team": make_team})
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", timeout=300) as client:
        assert client.chat.completions.create(model="team", messages=say("go")).choices[0].finish_reason in (
            "length",
            "stop",
        )
    [run] = server.app.runs.list_runs()
    assert isinstance(run.result.stop_reason, StopReason)
