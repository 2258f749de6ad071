"""Concurrent requests are spread over several pools of connections, and each frees its slot however it ends."""

import asyncio
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest

from autogen import OpenAIWrapper
from autogen.oai._http.clients import POOL_SIZE, PooledTransport, get_tls_context
from autogen.testing import OpenAIServer, Reply

HI = [{"role": "user", "content": "hi"}]


def wrapper_for(server):
    return OpenAIWrapper(config_list=[server.config], cache_seed=None)


async def ask(wrapper):
    return OpenAIWrapper.extract_text_or_completion_object(await wrapper.a_create(messages=HI))[0]


def test_many_at_once_are_all_answered_and_their_connections_used_again(openai_server):
    server = openai_server(lambda messages: "fine")

    async def main():
        wrapper = wrapper_for(server)
        first = await asyncio.gather(*(ask(wrapper) for _ in range(3 * POOL_SIZE)))
        opened = server.connections
        return first, opened, [await ask(wrapper) for _ in range(5)]

    first, opened, later = asyncio.run(main())
    assert first == ["fine"] * 3 * POOL_SIZE
    assert later == ["fine"] * 5
    assert opened <= 3 * POOL_SIZE
    assert server.connections == opened


def test_the_certificates_are_read_once_for_each_environment(monkeypatch, tmp_path):
    context = get_tls_context()
    assert get_tls_context() is context
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert get_tls_context() is not context


def test_one_after_the_other_share_a_connection(openai_server):
    server = openai_server(lambda messages: "fine")

    async def main():
        wrapper = wrapper_for(server)
        for _ in range(5):
            await ask(wrapper)

    asyncio.run(main())
    assert server.connections == 1


@pytest.fixture
def transport():
    return PooledTransport()


def send_all(transport, *requests):
    """Send the requests through a client of the SDK's class, and return the result of each."""

    async def main():
        async with openai.DefaultAsyncHttpxClient(transport=transport) as client:
            return await asyncio.gather(*(request(client) for request in requests), return_exceptions=True)

    return asyncio.run(main())


def body(server):
    return {"url": f"{server.base_url}/chat/completions", "json": {"model": "m", "messages": HI}}


@pytest.mark.slow
def test_a_request_frees_its_slot_however_it_ends(transport):
    arrivals = itertools.count(1)
    all_arrived = threading.Event()

    async def cut_off(client):
        request = asyncio.ensure_future(client.post(**body(slow)))
        # Python 3.10 may lose a cancellation that comes while a connection is made.
        while not all_arrived.is_set():
            await asyncio.sleep(0.01)
        request.cancel()
        await request

    async def refused(client):
        await client.post("http://127.0.0.1:1/v1")

    async def answered(client):
        return (await client.post(**body(quick))).status_code

    async def streamed(client):
        async with client.stream("POST", **body(quick)) as response:
            return response.status_code  # without reading the body

    def answer_late(messages):
        if next(arrivals) == POOL_SIZE:
            all_arrived.set()
        return Reply("late", delay=30)

    with OpenAIServer(answer_late) as slow, OpenAIServer(lambda messages: "fine") as quick:
        ends = send_all(
            transport, *(request for request in (cut_off, refused, answered, streamed) for _ in range(POOL_SIZE))
        )
    assert len(transport.pools) > 1
    assert [pool.busy for pool in transport.pools] == [0] * len(transport.pools)
    assert ends[2 * POOL_SIZE :] == [200] * 2 * POOL_SIZE
    assert all(isinstance(end, asyncio.CancelledError) for end in ends[:POOL_SIZE])
    assert all(isinstance(end, Exception) for end in ends[POOL_SIZE : 2 * POOL_SIZE])


def test_a_proxy_of_the_environment_is_used(openai_server, monkeypatch):
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(openai.PermissionDeniedError):
            asyncio.run(ask(OpenAIWrapper(model="m", base_url="http://far.invalid/v1", api_key="none", cache_seed=None)))
        proxy.shutdown()
    assert asked == ["http://far.invalid/v1/chat/completions"]
