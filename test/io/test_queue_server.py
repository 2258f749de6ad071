"""A chat behind a web server: a page reads its events, and posts answers. Real requests, the standard library's server."""

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from autogen import AssistantAgent, UserProxyAgent
from autogen.io import IOQueue, IOStream
from autogen.testing import ScriptedModel


class Handler(BaseHTTPRequestHandler):
    """`POST /chats` begins a chat, `GET /chats/N` is its events, `POST /chats/N` an answer."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/chats":
            return self.reply(201, {"id": self.server.begin(body["message"])})
        try:
            self.stream.answer(body["id"], body["text"])
        except LookupError as error:
            return self.reply(409, {"error": str(error)})
        return self.reply(200, {})

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for message in self.stream:
            self.wfile.write(f"data: {json.dumps(message)}\n\n".encode())

    @property
    def stream(self):
        return self.server.streams[int(self.path.removeprefix("/chats/"))]

    def reply(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Holds each chat in a thread of its own, in the mode under test, sync or async."""

    daemon_threads = True

    def __init__(self, call):
        super().__init__(("127.0.0.1", 0), Handler)
        self.call, self.streams, self.results, self.chats = call, [], {}, []

    def begin(self, message):
        number = len(self.streams)
        self.streams.append(IOQueue())
        self.chats.append(threading.Thread(target=self.chat, args=(number, message)))
        self.chats[-1].start()
        return number

    def chat(self, number, message):
        with self.streams[number] as stream, IOStream.set_default(stream):
            model = ScriptedModel(lambda said: f"Heard: {said[-1]['content']}")
            writer = AssistantAgent("writer", llm_config=model.llm_config)
            user = UserProxyAgent("user", human_input_mode="ALWAYS", code_execution_config=False)
            self.results[number] = self.call(user.initiate_chat, writer, message=message)


@pytest.fixture
def server(call):
    with Server(call) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
        for chat in server.chats:
            chat.join()


def post(server, path, **body):
    connection = http.client.HTTPConnection(*server.server_address)
    connection.request("POST", path, json.dumps(body))
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def events(server, path):
    connection = http.client.HTTPConnection(*server.server_address, timeout=60)
    connection.request("GET", path)
    for line in connection.getresponse():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))
    connection.close()


def test_chats_of_several_pages_at_once(server):
    pages = {}
    for message in ("Hello.", "Grüße 🚲"):
        status, body = post(server, "/chats", message=message)
        assert status == 201
        pages[message] = f"/chats/{body['id']}"
    shown = {}
    for message, path in pages.items():
        text, answers = "", ["And more.", "exit"]
        for event in events(server, path):
            if event["type"] == "print":
                text += event["text"]
            elif event["type"] == "input":
                assert post(server, path, id=event["id"], text=answers.pop(0))[0] == 200
                assert post(server, path, id=event["id"], text="twice")[0] == 409
        assert event == {"type": "end", "reason": ""}
        shown[message] = text
    assert "Heard: Hello." in shown["Hello."]
    assert "Heard: Grüße 🚲" in shown["Grüße 🚲"]
    assert "Heard: Grüße" not in shown["Hello."]
    for chat in server.chats:
        chat.join()
    assert [result.human_input for result in server.results.values()] == [["And more.", "exit"]] * 2
