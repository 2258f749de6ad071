"""A stand-in for MCP servers with bad manners: it speaks the protocol by hand, so that it starts at once."""

import json
import os
import sys
import time

MANNERS = sys.argv[1] if len(sys.argv) > 1 else "good"
STATE = {"calls": 0}


def send(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def list_tools():
    names = ["count", "hang", "die", "shout", "sleep_for_ever"]
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}}
    return [{"name": name, "description": f"{name}!", "inputSchema": schema} for name in names]


def call(request_id, name, arguments):
    STATE["calls"] += 1
    if name == "hang":
        return
    if name == "sleep_for_ever":
        time.sleep(3600)
    if name == "die":
        print("the engine fell off; api_key=sk-0123456789abcdefghijklmnop", file=sys.stderr, flush=True)
        os._exit(3)
    text = "x" * arguments["size"] if name == "shout" else str(STATE["calls"])
    send(id=request_id, result={"content": [{"type": "text", "text": text}]})


if MANNERS == "dead at once":
    sys.exit("no engine; api_key=sk-0123456789abcdefghijklmnop")
if MANNERS == "silent":
    time.sleep(3600)
if MANNERS == "chatty":
    print("Welcome to my server!\n\n{not json", flush=True)
if MANNERS == "stubborn":
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    request = json.loads(line)
    method, request_id = request.get("method"), request.get("id")
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "stand-in", "version": "1"}
        send(id=request_id, result={"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
    elif method == "tools/list":
        send(id=request_id, result={"tools": list_tools()})
    elif method == "tools/call":
        call(request_id, request["params"]["name"], request["params"].get("arguments") or {})
    elif request_id is not None:
        send(id=request_id, error={"code": -32601, "message": "unknown"})
while MANNERS == "stubborn":
    time.sleep(1)
