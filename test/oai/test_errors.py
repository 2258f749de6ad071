"""The exceptions for endpoints: classes with a name, which programs import, catch and pickle."""

import pickle
import subprocess
import sys

import openai
import pytest

from autogen import OpenAIWrapper
from autogen.oai import InvalidResponse, MissingCredentials, errors
from autogen.testing import Fault

HI = [{"role": "user", "content": "hi"}]
CUT = Fault(
    status=200,
    body=b'data: {"id": "1", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\n',
    headers={"Content-Type": "text/event-stream"},
)


def ask(server, **params):
    wrapper = OpenAIWrapper(config_list=[server.config], cache_seed=None, retry_policy={"retries": 0})
    return wrapper.create(messages=HI, **params)


def raise_invalid(server, **params):
    with pytest.raises(InvalidResponse) as caught:
        ask(server, **params)
    return caught.value


def test_importing_autogen_imports_no_sdk():
    probe = "import autogen, autogen.oai.client, autogen.oai.providers, sys; print('openai' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True).strip() == "False"


@pytest.mark.parametrize(
    ("fault", "params", "received"),
    [
        (Fault(status=200, body=b'{"detail": "no chat"}'), {}, "no chat"),
        (Fault(status=200, body=b'{"choices": '), {}, '{"choices": '),
        (Fault(status=200, body=b"<html>maintenance</html>", headers={"Content-Type": "text/html"}), {}, "maintenance"),
        (CUT, {"stream": True}, "Hel"),
    ],
    ids=["other JSON", "half a JSON", "a page", "a cut stream"],
)
def test_a_response_that_is_no_completion_is_kept_in_the_error(openai_server, fault, params, received):
    error = raise_invalid(openai_server(fault), **params)
    assert isinstance(error, openai.APIError)
    assert received in error.received
    assert "The endpoint sent" in str(error)


def test_two_errors_have_one_class(openai_server):
    fault = Fault(status=200, body=b'{"detail": "no chat"}')
    first, second = (raise_invalid(openai_server(fault)) for _ in range(2))
    assert type(first) is type(second) is errors.UnreadableAnswer


def test_missing_credentials_are_caught_as_in_0_2(monkeypatch):
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    for kind in (MissingCredentials, openai.OpenAIError, ValueError, AssertionError):
        with pytest.raises(kind, match="GROQ_API_KEY"):
            OpenAIWrapper(config_list=[{"model": "m", "api_type": "groq"}])


@pytest.mark.parametrize("error", [InvalidResponse("text", received="<html>"), MissingCredentials("text")])
def test_errors_can_be_pickled(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
