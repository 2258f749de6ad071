"""A cluster that isn't one: enough of the Kubernetes API over real HTTP and websockets on loopback.

There is no cluster to test with. The client is the real one; what stands in for the cluster keeps pods in a dictionary, and
runs the commands for a pod as processes of this machine, with the real shell.
"""

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import yaml

SUBPROTOCOL = "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR = range(4)


class Cluster(ThreadingHTTPServer):
    """The pods there are, what was asked, and how the cluster behaves."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pods = {}
        self.created = []
        self.executed = []
        self.phases = ["Pending", "Running"]  # the last stays
        self.refuses = False
        self.hangs_up = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Cluster

    def log_message(self, *args): ...

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def failure(self, status, reason):
        self.answer(status, {"kind": "Status", "status": "Failure", "reason": reason, "code": status})

    def do_POST(self):
        pod = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refuses:
            self.failure(403, "Forbidden")
            return
        pod["metadata"]["namespace"] = self.path.split("/")[4]
        self.server.created.append(pod)
        self.server.pods[pod["metadata"]["name"]] = [*self.server.phases]
        self.answer(201, pod)

    def do_DELETE(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name = urlsplit(self.path).path.split("/")[6]
        if self.server.pods.pop(name, None) is None:
            self.failure(404, "Not Found")
        else:
            self.answer(200, {"kind": "Pod", "metadata": {"name": name}})

    def do_GET(self):
        url = urlsplit(self.path)
        name = url.path.split("/")[6]
        if name not in self.server.pods:
            self.failure(404, "Not Found")
        elif url.path.endswith("/exec"):
            self.execute(parse_qs(url.query))
        else:
            phases = self.server.pods[name]
            phase = phases.pop(0) if len(phases) > 1 else phases[0]
            self.answer(200, {"kind": "Pod", "metadata": {"name": name}, "status": {"phase": phase}})

    def execute(self, query):
        """Run a command, its input and output as messages of a websocket."""
        self.close_connection = True
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.send_header("Sec-WebSocket-Protocol", SUBPROTOCOL)
        self.end_headers()
        self.server.executed.append(query)
        if self.server.hangs_up:
            return
        has_input = query["stdin"] == ["True"] or query["stdin"] == ["true"]
        process = subprocess.Popen(
            query["command"],
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={"PATH": os.environ["PATH"]},
        )
        feeder = threading.Thread(target=self.feed, args=(process.stdin,), daemon=True)
        feeder.start()
        with process.stdout as output:
            while chunk := output.read1(50_000):
                self.message(bytes([STDOUT]) + chunk)
        code = process.wait()
        causes = {"reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]}}
        status = {"status": "Success"} if code == 0 else {"status": "Failure", **causes}
        self.message(bytes([ERROR]) + yaml.safe_dump(status).encode())
        self.message(b"\x03\xe8", opcode=8)
        # Closing the socket while messages of the client are unread would reset the connection, and lose the output.
        feeder.join()

    def feed(self, pipe):
        """Pass the client's messages to the program, if it takes input, and read them until the client hangs up."""
        # A program that has ended, or ends while its input is closed, breaks the pipe.
        with contextlib.suppress(OSError), pipe or contextlib.nullcontext():
            while (message := self.receive()) is not None:
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.write(message[1:])
                        pipe.flush()

    def message(self, data, opcode=2):
        size = len(data)
        head = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        try:
            self.wfile.write(bytes([0x80 | opcode]) + head + data)
        except OSError:
            return  # the client has given up

    def receive(self):
        """The next message, unmasked; None at the end."""
        try:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return None
            size = head[1] & 127
            size = int.from_bytes(self.rfile.read({126: 2, 127: 8}[size]), "big") if size > 125 else size
            mask, data = self.rfile.read(4), self.rfile.read(size)
        except (OSError, ValueError):
            return None
        return bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


@contextmanager
def running_cluster(config_file):
    """Start one, and write the config file that leads to it."""
    with Cluster() as cluster:
        thread = threading.Thread(target=cluster.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{cluster.server_port}"}}],
            "users": [{"name": "u", "user": {"token": "planted-secret"}}],
        }
        config_file.write_text(yaml.safe_dump(config))
        try:
            yield cluster
        finally:
            cluster.shutdown()
            thread.join()
