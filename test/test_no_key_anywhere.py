"""Nothing that is written while agents work holds a key: caches, logs, databases, output."""

import os
import subprocess
import sys

import pytest

from autogen.testing import Fault, OpenAIServer

KEY = "sk-planted-0123456789abcdefghijklmnopqrstuv"
OTHER = "planted_password_of_no_known_form_98765"

PROGRAM = """
import asyncio, logging, pickle, sys, warnings
import autogen
from autogen import AssistantAgent, Cache, LLMConfig, OpenAIWrapper, UserProxyAgent
from autogen.coding import LocalCommandLineCodeExecutor

logging.basicConfig(level=logging.DEBUG, filename="debug.log")
warnings.simplefilter("default")
working, failing, key, other = sys.argv[1:]
headers = {"Authorization": f"Bearer {key}", "x-api-key": other}
entry = {"model": "m", "base_url": working, "api_key": key, "default_headers": headers, "max_retries": 0}
broken = {**entry, "base_url": failing}
for kind, config in (("sqlite", {"dbname": "runs.db"}), ("file", {"filename": "runs.log"})):
    autogen.runtime_logging.start(logger_type=kind, config=config)
    llm_config = {"config_list": [broken, entry], "cache_seed": 7}
    assistant = AssistantAgent("assistant", llm_config=llm_config)
    executor = LocalCommandLineCodeExecutor(work_dir="coding")
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"executor": executor})
    for stream in (False, True):
        assistant.llm_config["stream"] = stream
        result = user.initiate_chat(assistant, message=f"Print the environment, {kind} {stream}.", max_turns=2)
    with Cache.disk(cache_seed="of a chat") as cache:
        asyncio.run(user.a_initiate_chat(assistant, message="Once more.", max_turns=1, cache=cache))
    print(assistant.llm_config, assistant.client, vars(assistant), result, LLMConfig(**llm_config))
    autogen.runtime_logging.stop()
try:
    OpenAIWrapper(config_list=[broken], cache_seed=None).create(messages=[{"role": "user", "content": "hi"}])
except Exception as error:
    print(repr(error), str(error), error.args)
    logging.exception("It failed.")
"""


@pytest.fixture
def servers():
    """An endpoint that answers with code that looks around, and one that quotes the key that it refuses."""
    code = "```python\nimport os\nfor item in os.environ.items():\n    print(*item)\n```"
    refusal = Fault(status=401, message=f"Incorrect API key provided: {KEY}. Password {OTHER} is wrong, too.")
    with OpenAIServer(lambda _: code) as working, OpenAIServer(lambda _: refusal) as failing:
        yield working.base_url, failing.base_url


@pytest.mark.slow
def test_no_key_is_written(servers, tmp_path):
    environment = {**os.environ, "OPENAI_API_KEY": KEY, "SOME_PASSWORD": OTHER}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *servers, KEY, OTHER],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr.decode()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kinds = {path.relative_to(tmp_path).parts[0] for path in written}
    assert {"debug.log", "runs.db", "autogen_logs", ".cache", "coding"} <= kinds
    everything = {"output": done.stdout, "errors": done.stderr, **{str(path): data for path, data in written.items()}}
    assert b"PATH" in done.stdout
    for secret in (KEY, OTHER, KEY[:-8]):
        found = {name: data.decode(errors="replace") for name, data in everything.items() if secret.encode() in data}
        lines = [f"{name}: {line}" for name, text in found.items() for line in text.splitlines() if secret in line]
        assert lines == []
