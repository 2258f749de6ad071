"""Endpoints that misbehave below the SDK: slow ones, huge ones, redirects, secrets in addresses, forks, crowds."""

import asyncio
import gc
import gzip
import logging
import multiprocessing
import os
import pickle
import socketserver
import subprocess
import sys
import threading
import time
import weakref
from contextlib import contextmanager

import openai
import pytest

from autogen import ConversableAgent, LLMConfig, OpenAIWrapper
from autogen.oai.errors import RedirectRefused, ResponseTooLarge
from autogen.testing import Fault, OpenAIServer

HI = [{"role": "user", "content": "hi"}]
KEY = "sk-0123456789abcdefghij"
DRIP = 0.05


@contextmanager
def raw_server(respond):
    """Serve `respond(connection, lines)`: a generator of bytes to send after each request; the URL is yielded."""
    stopped = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            head = []
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                head.append(line.decode().strip())
            length = next((int(line.split()[1]) for line in head if line.lower().startswith("content-length")), 0)
            self.rfile.read(length)
            try:
                for data in respond(head):
                    self.wfile.write(data)
                    if stopped.is_set():
                        return
            except OSError:
                pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            stopped.set()
            server.shutdown()


def entry(url, **settings):
    return {"model": "m", "base_url": url, "api_key": KEY, "max_retries": 0, **settings}


@pytest.fixture
def create(mode):
    def create(*entries, **settings):
        wrapper = OpenAIWrapper(config_list=list(entries), cache_seed=None, **settings)
        return wrapper.create(messages=HI) if mode == "sync" else asyncio.run(wrapper.a_create(messages=HI))

    return create


def text(response):
    return response.choices[0].message.content


def trickle(first, piece):
    yield first
    while True:
        time.sleep(DRIP)
        yield piece


TRICKLES = {
    "headers": lambda head: trickle(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
    "informational responses": lambda head: trickle(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "body": lambda head: trickle(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n", b" "
    ),
    "comments of a stream": lambda head: trickle(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b": still here\n\n"
    ),
    "nothing": lambda head: iter(lambda: time.sleep(DRIP) or b"", None),
}


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["timeout", "deadline"])
@pytest.mark.parametrize("kind", TRICKLES)
def test_a_request_ends_in_time_however_it_is_held(create, kind, setting, capsys):
    limit = (
        {"timeout": 0.4} if setting == "timeout" else {"retry_policy": {"deadline": 0.4, "retries": 9, "first_delay": 0.01}}
    )
    with raw_server(TRICKLES[kind]) as url, pytest.raises(TimeoutError, match=setting):
        create(
            entry(url, max_retries=None, **limit) if setting == "deadline" else entry(url, **limit), stream="stream" in kind
        )


def test_after_the_deadline_no_other_endpoint_is_asked(create, openai_server):
    server = openai_server("late")
    with raw_server(TRICKLES["body"]) as url, pytest.raises(TimeoutError, match="deadline"):
        create(entry(url), server.config, retry_policy={"deadline": 0.3})
    assert not server.requests


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_response_has_a_limit_of_size_after_decompression(create, openai_server, packed, stream, capsys):
    body = b'{"choices": "' + b" " * 3_000_000 if not stream else b": comment\n\n" * 300_000
    headers = {"Content-Type": "text/event-stream" if stream else "application/json"}
    if packed:
        body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    huge, working = Fault(status=200, body=body, headers=headers), openai_server("small enough", "here")
    with OpenAIServer(huge, huge) as server:
        big = {**server.config, "max_response_bytes": 1_000_000}
        with pytest.raises(ResponseTooLarge, match=r"1,000,000 bytes.*max_response_bytes") as error:
            create(big, stream=stream)
        assert text(create(big, working.config, stream=stream)) == "small enough"
    assert text(create({**working.config, "max_response_bytes": 1_000_000})) == "here"
    assert "max_response_bytes" not in working.requests[1]
    assert pickle.loads(pickle.dumps(error.value)).message == error.value.message


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "1"])
def test_a_limit_of_size_is_a_number_of_bytes(limit):
    with pytest.raises(ValueError, match="max_response_bytes"):
        OpenAIWrapper(config_list=[entry("http://127.0.0.1:1/v1", max_response_bytes=limit)])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another host", "another port"])
def test_another_server_gets_nothing_by_a_redirect(create, openai_server, status, host):
    other, working = openai_server("from a stranger"), openai_server("fine")
    target = other.base_url.replace("127.0.0.1", f"me:{KEY}@{host}")
    location = {"Location": f"{target}/chat/completions?code={KEY}"}
    with OpenAIServer(*[Fault(status=status, headers=location)] * 2) as server:
        config = {**server.config, "default_headers": {"X-Api-Key": "GATEWAY-KEY"}}
        with pytest.raises(RedirectRefused, match="base_url") as error:
            create(config)
        assert text(create(config, working.config)) == "fine"
    assert not other.requests
    assert error.value.status_code == status
    assert KEY not in str(error.value) + error.value.location
    assert pickle.loads(pickle.dumps(error.value)).location == error.value.location


def test_a_redirect_to_the_same_server_is_followed(create, openai_server):
    server = openai_server(Fault(status=307, headers={"Location": "/v1/chat/completions?moved"}), "fine")
    assert text(create(server.config)) == "fine"
    assert server.requests[0] == server.requests[1]


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"base_url": "localhost:8000/v1"}, "must begin with http:// or https://, got 'localhost:8000/v1'"),
        ({"base_url": "http:///v1"}, "must name a host"),
        ({"base_url": "http://localhost:99999/v1"}, "a port of 0 to 65535"),
        ({"base_url": "http://local host/v1"}, "no white space"),
        ({"base_url": "http://127.0.0.1:1/v1"}, "nothing listens at 127.0.0.1:1"),
        ({"base_url": "http://no-such-host.invalid/v1"}, "'no-such-host.invalid' doesn't resolve"),
        ({"api_key": f"{KEY}\n"}, "`api_key` has a line break"),
        ({"api_key": f"{KEY} "}, "`api_key` has white space at its end"),
        ({"api_key": f"{KEY}é"}, "`api_key` has a character that HTTP doesn't allow"),
        ({"default_headers": {"X-Team": "a\r\nb"}}, "the header 'X-Team' in `default_headers` has a line break"),
    ],
)
def test_the_cause_of_a_failed_connection_is_named_and_the_next_endpoint_asked(create, openai_server, settings, cause):
    server = openai_server("fine")
    broken = {**entry("http://127.0.0.1:1/v1"), **settings}
    with pytest.raises(openai.APIConnectionError) as error:
        create(broken)
    assert cause in str(error.value)
    assert KEY not in str(error.value)
    assert text(create(broken, server.config)) == "fine"


def test_a_line_break_in_the_key_of_the_environment_is_named(create, monkeypatch):
    for key in (f"{KEY}\n", f"{KEY}é"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with (
            OpenAIServer() as server,
            pytest.raises(openai.APIConnectionError, match="a line break in the API key") as error,
        ):
            create({"model": "m", "base_url": server.base_url, "max_retries": 0})
        assert KEY not in str(error.value)


@pytest.mark.parametrize("form", ["http://user:pa55word-77@{}/v1", "http://{}/v1?code=pa55word-77"])
def test_credentials_in_an_address_are_sent_and_shown_nowhere(create, form, caplog):
    caplog.set_level(logging.DEBUG)
    heads = []

    def refuse(head):
        heads.append("\n".join(head))
        body = b'{"error": {"message": "no: pa55word-77 is not welcome"}}'
        yield b"HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    with raw_server(refuse) as url:
        config = entry(form.format(url.removeprefix("http://").removesuffix("/v1")))
        with pytest.raises(openai.InternalServerError, match="is not welcome") as error:
            create(config, {**config, "api_key": "another-key"})
    assert all("POST /v1/chat/completions" in head for head in heads)
    assert all("Basic dXNlcjpwYTU1d29yZC03Nw==" in head or "?code=pa55word-77 " in head for head in heads)
    agent = ConversableAgent("agent", llm_config={"config_list": [config]})
    wrapper = OpenAIWrapper(config_list=[config])
    shown = [str(error.value), caplog.text, repr(agent.llm_config), repr(wrapper._clients), repr(LLMConfig(**config))]
    shown.append(repr(wrapper._clients[0].endpoint))
    assert not [each for each in shown if "pa55word-77" in each]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_connections_of_its_own(openai_server):
    server = openai_server(lambda messages: f"re: {messages[-1]['content']}")
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    together = context.Barrier(4)

    def ask(question):
        return text(wrapper.create(messages=[{"role": "user", "content": question}]))

    def ask_in_child(question):
        together.wait(60)
        answers.put((question, ask(question), asyncio.run(a_ask(question))))

    async def a_ask(question):
        return text(await wrapper.a_create(messages=[{"role": "user", "content": question}]))

    assert ask("parent") == "re: parent"
    children = [context.Process(target=ask_in_child, args=(f"child {number}",)) for number in range(4)]
    for child in children:
        child.start()
    for _ in children:
        question, *both = answers.get()
        assert both == [f"re: {question}"] * 2
    for child in children:
        child.join()
    assert ask("parent again") == "re: parent again"


def test_clients_are_freed_with_the_last_agent_that_uses_them(openai_server):
    server = openai_server(lambda messages: "fine")

    async def a_use(wrapper):
        await wrapper.a_create(messages=HI)
        return weakref.ref(await wrapper._clients[0].endpoint.a_get_client())

    async def main():
        references = []
        for number in range(3):
            wrapper = OpenAIWrapper(config_list=[{**server.config, "api_key": f"key {number}"}], cache_seed=None)
            wrapper.create(messages=HI)
            references += [weakref.ref(wrapper._clients[0]._oai_client), await a_use(wrapper)]
            del wrapper
        gc.collect()
        return [reference() for reference in references]

    assert asyncio.run(main()) == [None] * 6
    # Their connections are used again.
    assert server.connections == 2


CROWD = 2000


@pytest.mark.slow
def test_a_crowd_is_answered_without_a_false_timeout(openai_server):
    server = openai_server(lambda messages: "fine")
    # A busy machine's server may drop a connection, which is no time-out of ours.
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None, retry_policy={"retries": 10})

    async def main():
        return await asyncio.gather(*(wrapper.a_create(messages=HI) for _ in range(CROWD)))

    assert {text(response) for response in asyncio.run(main())} == {"fine"}
    assert len(server.requests) >= CROWD


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit of open files")
def test_a_crowd_is_answered_with_few_files(openai_server):
    """Connections that can't be opened for lack of files wait for others to end."""
    program = """if True:
        import asyncio, resource, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        from autogen import OpenAIWrapper
        entry = {"model": "m", "base_url": sys.argv[1], "api_key": "k", "max_retries": 0}
        wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
        async def main():
            question = [{"role": "user", "content": "hi"}]
            return await asyncio.gather(*(wrapper.a_create(messages=question) for _ in range(200)))
        print(len(asyncio.run(main())))
    """
    server = openai_server(lambda messages: "fine")
    ended = subprocess.run([sys.executable, "-c", program, server.base_url], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "200\n"), ended.stderr
