"""A session pool that isn't one: the REST interface of Azure's dynamic sessions, over real HTTP on loopback.

Each session is a process of this machine with a folder, which stands for the folder of the service in the code.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

FOLDER = "/mnt/data"
# Lines of JSON in, a line for each out. Printed text goes to files, where it is still there if the process is killed.
WORKER = """
import ast, json, os, sys, traceback
variables = {"__name__": "__main__"}
for line in os.fdopen(os.dup(0)):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    status, value = "Success", None
    try:
        tree = ast.parse(json.loads(line), "cell")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "cell", "exec"), variables)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), variables)
    except BaseException:
        status = "Failure"
        text = traceback.format_exc()
        os.write(2, text.encode("utf-8", "replace"))
    sys.stdout.flush()
    try:
        value = json.dumps(value)
    except TypeError:
        value = json.dumps(repr(value))
    os.write(9, (json.dumps([status, json.loads(value)]) + chr(10)).encode())
"""


class Session:
    """A process and its folder."""

    def __init__(self, folder):
        self.folder = folder
        self.lock = threading.Lock()
        self.process = None

    def start(self):
        reading, writing = os.pipe()
        code = f"import os\nos.dup2({writing}, 9)\n{WORKER}"
        with open(self.folder.parent / "out", "wb") as out, open(self.folder.parent / "err", "wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-u", "-X", "utf8", "-c", code],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                pass_fds=[writing],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"]},
            )
        os.close(writing)
        self.answers = os.fdopen(reading)
        self.seen = {"out": 0, "err": 0}

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.stdin.close()
            self.process.wait()
            self.answers.close()
            self.process = None

    def read_new(self, name):
        with open(self.folder.parent / name, "rb") as file:
            file.seek(self.seen[name])
            data = file.read()
        self.seen[name] += len(data)
        return data.decode("utf-8", "replace")

    def run(self, code, seconds):
        with self.lock:
            if self.process is None:
                self.start()
            timer = threading.Timer(seconds, self.process.kill)
            timer.start()
            try:
                self.process.stdin.write(json.dumps(code.replace(FOLDER, str(self.folder))).encode() + b"\n")
                self.process.stdin.flush()
                line = self.answers.readline()
            finally:
                timer.cancel()
            status, value = json.loads(line or '["Failure", null]')
            if not line:
                self.process.wait()
            output = self.read_new("out"), self.read_new("err")
            if self.process.poll() is not None:
                self.stop()
            return status, *output, value


class Pool(ThreadingHTTPServer):
    """The sessions there are, what was asked, and how the service behaves.

    `faults` has a number of answers that are given before anything else: a status, or "cut" for a broken connection.
    """

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.lock = threading.Lock()
        self.sessions = {}
        self.requests = []
        self.faults = []
        self.tokens = {"token 1"}
        self.executed = 0
        self.hangs = threading.Event()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}/pools/p"

    def get_session(self, identifier):
        with self.lock:
            if identifier not in self.sessions:
                folder = self.folder / f"session {len(self.sessions)}" / "data"
                folder.mkdir(parents=True)
                self.sessions[identifier] = Session(folder)
            return self.sessions[identifier]

    def server_close(self):
        super().server_close()
        for session in self.sessions.values():
            session.stop()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Pool

    def log_message(self, *args): ...

    def answer(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", len(data))]:
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.handle_request(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        self.handle_request(b"")

    def handle_request(self, body):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = unquote(url.path).removeprefix("/pools/p/")
        self.server.requests.append((self.command, path, query, self.headers["Authorization"]))
        token = self.headers["Authorization"].removeprefix("Bearer ")
        fault = self.server.faults.pop(0) if self.server.faults and self.server.faults[0] else None
        if fault == "cut":
            self.close_connection = True
        elif fault:
            self.answer(fault, {"error": {"message": f"no, {token}"}}, [("Retry-After", 0)])
        elif token not in self.server.tokens:
            self.answer(401, {})
        else:
            session = self.server.get_session(query["identifier"])
            new = query["api-version"] == "2024-10-02-preview"
            name = path.removeprefix("files/").removeprefix("content/").removesuffix("/content")
            if path == ("executions" if new else "code/execute"):
                self.execute(session, json.loads(body), new)
            elif self.command == "POST" and path == ("files" if new else "files/upload"):
                self.save(session, body)
            elif path == "files":
                self.list_files(session, new)
            elif (session.folder / name).is_file():
                self.answer(200, (session.folder / name).read_bytes())
            else:
                self.answer(404, {"error": {"message": f"no file {name}"}})

    def execute(self, session, body, new):
        settings = body if new else body["properties"]
        self.server.executed += 1
        if settings["code"] == "hang()":
            self.server.hangs.wait(600)
            return
        status, stdout, stderr, value = session.run(settings["code"], settings["timeoutInSeconds"])
        if new:
            outcome = {"stdout": stdout, "stderr": stderr, "executionResult": value}
            self.answer(200, {"status": status.replace("Success", "Succeeded"), "result": outcome})
        else:
            self.answer(200, {"properties": {"status": status, "stdout": stdout, "stderr": stderr, "result": value}})

    def list_files(self, session, new):
        rows = []
        for path in sorted(session.folder.iterdir()):
            facts = path.stat()
            kind = "file" if path.is_file() else "directory"
            if new:
                rows.append(
                    {"name": path.name, "type": kind, "sizeInBytes": facts.st_size, "lastModifiedAt": facts.st_mtime_ns}
                )
            elif kind == "file":
                properties = {"filename": path.name, "size": facts.st_size, "lastModifiedTime": facts.st_mtime_ns}
                rows.append({"properties": properties})
        self.answer(200, {"value": rows})

    def save(self, session, body):
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        assert part.get_param("name", header="content-disposition") == "file"
        (session.folder / part.get_filename()).write_bytes(part.get_payload(decode=True))
        self.answer(200, {})


class Credential:
    """Hands out the first of the tokens, then the next at each renewal."""

    def __init__(self, *tokens, life=3600):
        self.tokens = list(tokens or ["token 1"])
        self.life = life
        self.scopes = []

    def get_token(self, *scopes):
        self.scopes += scopes
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        return SimpleNamespace(token=token, expires_on=int(time.time()) + self.life)


@contextmanager
def running_pool(folder):
    """Start one."""
    with ExitStack() as stack:
        pool = stack.enter_context(Pool(folder))
        thread = threading.Thread(target=pool.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(pool.shutdown)
        stack.callback(pool.hangs.set)
        yield pool
