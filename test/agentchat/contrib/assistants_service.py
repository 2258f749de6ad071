"""A server on loopback with OpenAI's assistants, threads, runs, files and vector stores, as far as the agents use them."""

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DELETED = {"deleted": True}


class AssistantsService:
    """The objects of the service. `answer(thread, run)` returns the calls or the content of a run.

    Each run is `queued` at first, so that a client has to look again.
    """

    def __init__(self, answer=None):
        self.answer = answer
        self.objects = {
            "assistants": {},
            "threads": {},
            "files": {},
            "vector_stores": {},
            "messages": {},
            "runs": {},
            "batches": {},
        }
        self.requests = []
        self._numbers = itertools.count(1)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def config(self):
        url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        return {"model": "m", "base_url": url, "api_key": "k", "max_retries": 0}

    @property
    def llm_config(self):
        return {"config_list": [self.config], "cache_seed": None}

    def add(self, kind, prefix, **fields):
        item = {"id": f"{prefix}_{next(self._numbers)}", "created_at": 0, **fields}
        self.objects[kind][item["id"]] = item
        return item

    def handle(self, method, path, body):
        self.requests.append((method, path, body))
        parts = path.partition("?")[0].strip("/").split("/")[1:]
        if parts == ["responses"]:
            part = {"type": "output_text", "text": "Done.", "annotations": []}
            item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
            return 200, {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": [item]}
        kind, item_id, rest = parts[0], parts[1] if len(parts) > 1 else None, parts[2:]
        known = self.objects.get(kind)
        if known is None or (item_id is not None and item_id not in known):
            return 404, {"error": {"message": f"No {kind} found with id {item_id}."}}
        if rest:
            return 200, self._handle_inner(method, item_id, rest, body)
        if method == "DELETE":
            del known[item_id]
            return 200, {"id": item_id, "object": f"{kind}.deleted", **DELETED}
        if method == "GET":
            listed = {"object": "list", "data": [*known.values()][::-1], "has_more": False}
            return 200, listed if item_id is None else known[item_id]
        if item_id is not None:
            known[item_id].update(body)
            return 200, known[item_id]
        return 200, self._create(kind, body)

    def _create(self, kind, body):
        if kind == "assistants":
            return self.add(kind, "asst", object="assistant", **{"tools": [], "metadata": {}, **body})
        if kind == "files":
            name = re.search(rb'filename="([^"]*)"', body).group(1).decode()
            return self.add(kind, "file", object="file", filename=name, bytes=1, purpose="assistants", status="processed")
        if kind == "vector_stores":
            return self.add(kind, "vs", object="vector_store", status="completed", name=body.get("name"), file_counts={})
        return self.add(kind, "thread", object="thread", metadata={})

    def _handle_inner(self, method, owner_id, rest, body):
        if rest[0] == "file_batches":
            done = {"in_progress": 0, "completed": len((body or {}).get("file_ids", ()))}
            return {"id": "vsfb_1", "object": "vector_store.file_batch", "status": "completed", "file_counts": done}
        if rest[0] == "messages" and method == "GET":
            data = [item for item in self.objects["messages"].values() if item["thread_id"] == owner_id]
            return {"object": "list", "data": data, "has_more": False}
        if rest[0] == "messages":
            return self._say(
                owner_id, body["role"], [{"type": "text", "text": {"value": body["content"], "annotations": []}}]
            )
        if len(rest) == 1:
            return self.add("runs", "run", object="thread.run", thread_id=owner_id, status="queued", outputs=[], **body)
        run = self.objects["runs"][rest[1]]
        if rest[2:] == ["cancel"]:
            run["status"] = "cancelled"
            return run
        if len(rest) == 3:
            run.update(status="in_progress", outputs=[*run["outputs"], *body["tool_outputs"]], required_action=None)
            return run
        self._advance(owner_id, run)
        return run

    def _advance(self, thread_id, run):
        answer = self.answer(self, run)
        if isinstance(answer, str) and answer.startswith("status:"):
            run["status"] = answer.removeprefix("status:")
        elif isinstance(answer, dict):
            calls = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [answer]}}
            run.update(status="requires_action", required_action=calls)
        else:
            parts = answer if isinstance(answer, list) else [{"type": "text", "text": {"value": answer, "annotations": []}}]
            self._say(thread_id, "assistant", parts, run["id"])
            run["status"] = "completed"

    def _say(self, thread_id, role, content, run_id=None):
        fields = {"thread_id": thread_id, "role": role, "content": content, "run_id": run_id}
        return self.add("messages", "msg", object="thread.message", **fields)

    def texts(self, thread_id):
        """Return role and text of the messages of a thread."""
        messages = [item for item in self.objects["messages"].values() if item["thread_id"] == thread_id]
        return [(item["role"], item["content"][0]["text"]["value"]) for item in messages]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply()

    def do_POST(self):
        self.reply()

    def do_DELETE(self):
        self.reply()

    def reply(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type", "").startswith("application/json"):
            body = json.loads(body or b"{}")
        status, answer = self.server.owner.handle(self.command, self.path, body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Quiet."""
