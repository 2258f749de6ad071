"""A2A servers of the SDK on loopback, with an agent that does what the text of a message says."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import uvicorn
from a2a.helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part
from starlette.applications import Starlette
from starlette.responses import Response

CARD_PATH = "/.well-known/agent-card.json"


@dataclass
class Remote:
    """A served agent, and a record of all that reached it."""

    url: str = ""
    card: AgentCard | None = None
    card_paths: tuple[str, ...] = (CARD_PATH,)
    token: str = ""
    messages: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    cancelled: list = field(default_factory=list)
    started: threading.Event = field(default_factory=threading.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop | None = None
    breaks: int = 0
    parts: list = field(default_factory=list)

    def release(self):
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.released.set)

    def texts(self):
        return [[part.text for part in message.parts] for message in self.messages]


class Executor(AgentExecutor):
    def __init__(self, remote: Remote):
        self.remote = remote

    async def execute(self, context, event_queue):
        remote, message = self.remote, context.message
        remote.loop = asyncio.get_running_loop()
        remote.messages.append(message)
        text = message.parts[0].text
        if text == "message":
            await event_queue.enqueue_event(new_text_message("at once", context_id=context.context_id))
            return
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work(new_text_message("thinking", context_id=task.context_id, task_id=task.id))
        remote.started.set()
        if text == "ask":
            await updater.requires_input(new_text_message("Which city?", context_id=task.context_id, task_id=task.id))
        elif text == "fail":
            await updater.failed(new_text_message("no engine; sk-0123456789abcdefghijklmnop", task_id=task.id))
        elif text == "reject":
            await updater.reject()
        elif text == "wait":
            await remote.released.wait()
            await updater.add_artifact([Part(text="waited")])
            await updater.complete()
        elif text == "raise":
            raise RuntimeError("the agent broke")
        elif text == "flood":
            for index in range(40):
                await updater.add_artifact([Part(text="x" * 10_000)], artifact_id="a", append=index > 0)
            await updater.complete()
        elif text == "parts":
            await updater.add_artifact(remote.parts)
            await updater.complete()
        else:
            for index, piece in enumerate(("Hello", ", ", text)):
                await updater.add_artifact([Part(text=piece)], artifact_id="answer", append=index > 0)
            await updater.complete()

    async def cancel(self, context, event_queue):
        self.remote.cancelled.append(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


class Recorder:
    """Records requests, refuses those without the token, and breaks streams on demand."""

    def __init__(self, app, remote):
        self.app, self.remote = app, remote

    async def __call__(self, scope, receive, send):
        remote = self.remote
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        remote.requests.append((scope["path"], headers))
        if remote.token and headers.get("authorization") != f"Bearer {remote.token}":
            await Response("who are you?", 401)(scope, receive, send)
            return
        sent = 0

        async def send_or_break(message):
            nonlocal sent
            sent += 1
            if remote.breaks and sent > 3 and message["type"] == "http.response.body":
                remote.breaks -= 1
                raise ConnectionResetError
            await send(message)

        await self.app(scope, receive, send_or_break if scope["method"] == "POST" and remote.breaks else send)


def make_card(url: str, **changes) -> AgentCard:
    skill = AgentSkill(id="rain", name="rain", description="Knows if it rains.", tags=["weather"])
    values = {
        "name": "Weather agent",
        "description": "Knows the weather.",
        "version": "1",
        "supported_interfaces": [AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="1.0")],
        "capabilities": AgentCapabilities(streaming=True),
        "default_input_modes": ["text/plain"],
        "default_output_modes": ["text/plain"],
        "skills": [skill],
    }
    return AgentCard(**{**values, **changes})


class Server:
    """A server in a thread, which serves one app after the other."""

    free: ClassVar[list[Server]] = []

    def __init__(self):
        self.app = None
        self.config = uvicorn.Config(
            self.call,
            interface="asgi3",
            host="127.0.0.1",
            port=0,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self.server = uvicorn.Server(self.config)
        self.sock = self.config.bind_socket()
        self.sock.listen()
        self.url = f"http://127.0.0.1:{self.sock.getsockname()[1]}"
        self.thread = threading.Thread(target=asyncio.run, args=[self.server.serve(sockets=[self.sock])], daemon=True)
        self.thread.start()

    async def call(self, scope, receive, send):
        await self.app(scope, receive, send)

    @classmethod
    def stop_all(cls):
        for server in cls.free:
            server.server.should_exit = True
        for server in cls.free:
            server.thread.join()
            server.sock.close()
        cls.free.clear()


@contextmanager
def serve(streaming=True, sign=None, legacy=False, **state):
    """Serve an agent until the end of the block."""
    server = Server.free.pop() if Server.free else Server()
    remote = Remote(url=server.url, **state)
    interface = AgentInterface(
        url=f"{remote.url}/rpc", protocol_binding="JSONRPC", protocol_version="0.3.0" if legacy else "1.0"
    )
    remote.card = make_card(
        remote.url, capabilities=AgentCapabilities(streaming=streaming), supported_interfaces=[interface]
    )
    if sign:
        remote.card = sign(remote.card)
    handler = DefaultRequestHandler(Executor(remote), InMemoryTaskStore(), remote.card)
    routes = create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=legacy)
    for path in remote.card_paths:
        routes += create_agent_card_routes(remote.card, card_url=path)
    server.app = Recorder(Starlette(routes=routes), remote)
    try:
        yield remote
    finally:
        remote.release()
        Server.free.append(server)
