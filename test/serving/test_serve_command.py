"""`autogen serve`: a server that is started, killed, started again, and ended by a signal."""

import contextlib
import re
import signal
import subprocess
import sys
import time

import httpx2 as httpx
import openai
import pytest
from test_runs import FILE

from autogen._cli.serve import ServeOptions, read_tokens, run_server

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def run_command(*arguments):
    """Run `autogen serve` with the teams of the tests, and yield its process and its address."""
    teams = [f"{name}={FILE}:make_{name}" for name in ("shouter", "asker")]
    command = [sys.executable, "-m", "autogen", "serve", *teams, "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            yield process, re.search(r"http://\S+?(?=/v1)", line)[0]
        finally:
            process.kill()


def get_run(http, run_id, *statuses):
    while (run := http.get(f"/v1/runs/{run_id}").json())["status"] not in statuses and not run["pending"]:
        time.sleep(0.02)
    return run


@pytest.mark.parametrize("processes", [(), ("--processes",)], ids=["threads", "processes"])
def test_a_server_that_was_killed_in_the_middle_of_runs(tmp_path, processes):
    folder = ("--checkpoint-dir", str(tmp_path / "runs"), *processes)
    with run_command(*folder) as (process, url), httpx.Client(base_url=url) as http:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="any")
        messages = [{"role": "user", "content": "hello"}]
        assert client.chat.completions.create(model="shouter", messages=messages).choices[0].message.content == "HELLO"
        run_id = http.post("/v1/runs", json={"team": "asker", "task": "go"}).json()["id"]
        question = get_run(http, run_id, "done")["pending"][0]
        process.send_signal(signal.SIGKILL)
    with run_command(*folder) as (process, url), httpx.Client(base_url=url) as http:
        again = get_run(http, run_id, "done")["pending"][0]
        assert again == question
        http.post(f"/v1/pending/{again['id']}", json={"value": "yes"})
        assert get_run(http, run_id, "done")["summary"] == "go / May I? / yes / TERMINATE"
        events = http.get(f"/v1/runs/{run_id}/events").json()["events"]
        assert [item["event"]["type"] for item in events].count("model_asked") == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)


OPTIONS = {
    "host": "127.0.0.1",
    "port": 0,
    "token_file": None,
    "doors": ["openai"],
    "max_runs": 1,
    "checkpoint_dir": None,
    "processes": False,
    "drain": 1.0,
}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"host": "0.0.0.0"}, ValueError, "token-file"),
        ({"doors": ["opnai"]}, ValueError, "Did you mean 'openai'"),
        ({"teams": ["nowhere.py"]}, FileNotFoundError, "nowhere"),
    ],
    ids=range(3),
)
def test_mistakes_are_named(options, error, words):
    with pytest.raises(error, match=words):
        run_server(ServeOptions(**{"teams": [f"{FILE}:make_shouter"], **OPTIONS, **options}))


def test_a_file_of_tokens(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("# users\nada  token-1\n\ntoken-2\n")
    assert read_tokens(file) == {"token-1": "ada", "token-2": "user"}
    for text, words in (("a b c", "Line 1"), ("# none", "has no token")):
        file.write_text(text)
        with pytest.raises(ValueError, match=words):
            read_tokens(file)
