"""Helpers for the Assistants API, through the real SDK, against a server on loopback that answers as the API does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest

from autogen.oai.openai_utils import (
    create_gpt_assistant,
    create_gpt_vector_store,
    detect_gpt_assistant_api_version,
    retrieve_assistants_by_name,
    update_gpt_assistant,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
BATCH = {"id": "b_1", "status": "completed", "file_counts": {"in_progress": 0}}
STORE = {"id": "vs_1", "object": "vector_store", "name": "s", "status": "completed", "created_at": 0}


class Api(BaseHTTPRequestHandler):
    """Answers with what it is set to, and keeps what it was asked."""

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body=None):
        self.server.asked.append((self.path, body))
        answers = self.server.answers[self.path]
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        data = json.dumps({**answer, **(body or {})}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture(autouse=True)
def no_records(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGEN_ASSISTANTS", str(tmp_path / "assistants.json"))


@pytest.fixture
def api():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.asked = []
    server.answers = {
        "/assistants": [(200, {"id": "a_1", "object": "assistant", "data": []})],
        "/assistants/a_1": [(200, {"id": "a_1", "object": "assistant"})],
        "/vector_stores": [(200, STORE)],
        "/vector_stores/vs_1/file_batches": [(200, BATCH)],
        "/vector_stores/vs_1/file_batches/b_1": [(200, BATCH)],
    }
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(api):
    url = f"http://127.0.0.1:{api.server_address[1]}"
    with openai.OpenAI(api_key="k", base_url=url, max_retries=0) as client:
        yield client


def made(api):
    return [body for path, body in api.asked if path == "/assistants"][-1]


@pytest.mark.slow
def test_assistants_are_found_by_their_exact_name(api, client):
    data = [{"id": str(index), "object": "assistant", "name": name} for index, name in enumerate(["Bob", "bob", None])]
    api.answers["/assistants"] = [(200, {"object": "list", "data": data})]
    assert [found.id for found in retrieve_assistants_by_name(client, "bob")] == ["1"]
    assert retrieve_assistants_by_name(client, "b") == []


@pytest.mark.parametrize(
    ("installed", "version"), [("1.20.9", "v1"), ("1.3.0", "v1"), ("1.21.0", "v2"), ("1.100.0rc1", "v2"), ("3.0.0", "v2")]
)
def test_the_version_of_the_api_is_that_of_the_sdk(monkeypatch, installed, version):
    monkeypatch.setattr("importlib.metadata.version", lambda _: installed)  # one SDK can be installed at a time
    assert detect_gpt_assistant_api_version() == version


def test_an_assistant_is_made_as_it_is_configured(api, client):
    tools = [{"type": "code_interpreter"}]
    create_gpt_assistant(client, "bob", "Help.", "gpt-4o", {"tools": tools, "check_every_ms": 1000})
    assert made(api) == {"name": "bob", "instructions": "Help.", "model": "gpt-4o", "tools": tools}


def test_files_reach_the_tools_that_use_files(api, client):
    config = {"tools": [{"type": "retrieval"}, {"type": "code_interpreter"}], "file_ids": ["f1"]}
    before = json.loads(json.dumps(config))
    create_gpt_assistant(client, "bob", "Help.", "gpt-4o", config)
    assert made(api)["tools"] == [{"type": "file_search"}, {"type": "code_interpreter"}]
    assert made(api)["tool_resources"] == {
        "file_search": {"vector_store_ids": ["vs_1"]},
        "code_interpreter": {"file_ids": ["f1"]},
    }
    assert ("/vector_stores", {"name": "bob-vectorestore"}) in api.asked
    assert config == before


def test_files_for_searching_in_two_forms_are_refused(client):
    config = {"tools": [], "file_ids": ["f"], "tool_resources": {"file_search": {"vector_store_ids": ["v"]}}}
    with pytest.raises(ValueError, match="not both"):
        create_gpt_assistant(client, "bob", "Help.", "gpt-4o", config)


@pytest.mark.parametrize("config", [{"tools": [{"type": "file_search"}]}, {"tool_resources": {"code_interpreter": {}}}])
def test_an_old_sdk_knows_no_files_for_searching(monkeypatch, client, config):
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.20.0")
    with pytest.raises(ValueError, match="need a newer SDK"):
        create_gpt_assistant(client, "bob", "Help.", "gpt-4o", config)


def test_an_assistant_is_changed_in_what_is_given(api, client):
    update_gpt_assistant(client, "a_1", {"tools": None, "instructions": "Stop.", "file_ids": ["f"], "model": "m"})
    assert api.asked == [("/assistants/a_1", {"instructions": "Stop."})]


def test_a_store_of_files_is_made(api, client):
    assert create_gpt_vector_store(client, "s", ["f1", "f2"]).id == "vs_1"
    assert api.asked[1] == ("/vector_stores/vs_1/file_batches", {"file_ids": ["f1", "f2"]})


def test_files_that_are_not_there_yet_are_asked_for_once_more(api, client, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    api.answers["/vector_stores/vs_1/file_batches/b_1"] = [(200, {**BATCH, "status": "in_progress"}), (200, BATCH)]
    assert create_gpt_vector_store(client, "s", ["f1"]).id == "vs_1"


def test_files_that_the_server_refuses_are_told(api, client):
    api.answers["/vector_stores/vs_1/file_batches/b_1"] = [(200, {**BATCH, "status": "failed"})]
    with pytest.raises(ValueError, match="'s': the server says 'failed'"):
        create_gpt_vector_store(client, "s", ["f1"])


def test_a_store_that_cannot_be_made_is_told_with_the_reason(api, client):
    api.answers["/vector_stores"] = [(404, {"error": {"message": "no such thing"}})]
    with pytest.raises(AttributeError, match=r"'s' can't be created: NotFoundError: .*no such thing"):
        create_gpt_vector_store(client, "s", ["f1"])
