"""Text that hides in what is printed, and is plain text to everything that needs it."""

import copy
import io
import json
import logging
import pickle
import pprint
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from autogen._secret_string import Secret, hide_secrets
from autogen._secrets import redact


@given(st.text())
def test_it_is_the_plain_text_to_all_who_take_text(text):
    secret = Secret(text)
    assert secret == text
    assert hash(secret) == hash(text)
    assert {secret: 1}[text] == 1
    assert str(secret) == f"{secret}" == "%s" % secret == "{}".format(secret) == text  # noqa: UP031, UP032
    assert "Bearer " + secret == f"Bearer {text}"
    assert json.dumps({"key": secret}, sort_keys=True) == json.dumps({"key": text})
    assert json.dumps(secret, indent=1) == json.dumps(text)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, *[lambda s, p=p: pickle.loads(pickle.dumps(s, p)) for p in range(6)]]
)
def test_a_copy_hides_as_well(copied):
    assert copied({"k": Secret("hush")}) == {"k": "hush"}
    assert repr(copied([Secret("hush")])) == "['***']"


def test_what_is_shown_holds_a_mask(caplog):
    config = {"api_key": Secret("hush"), "n": [Secret("hush")]}
    shown = io.StringIO()
    print(config, file=shown)
    pprint.pprint(config, stream=shown)
    logging.getLogger("any").warning("%s %r", config, config["api_key"])
    text = shown.getvalue() + f"{config}{KeyError(config)}{ValueError(config)!r}" + caplog.text
    assert "hush" not in text
    assert text.count("***") == 13


def test_a_model_of_pydantic_takes_it_as_text():
    class Settings(BaseModel):
        api_key: str

    assert json.loads(Settings(api_key=Secret("hush")).model_dump_json()) == {"api_key": "hush"}


def test_a_process_gets_the_text():
    probe = "import os, sys; print(os.environ['KEY'] + sys.argv[1])"
    out = subprocess.check_output([sys.executable, "-c", probe, Secret("b")], env={"KEY": Secret("a")}, text=True)
    assert out.strip() == "ab"


def test_keys_are_hidden_by_their_names_at_any_depth():
    config = {
        "model": "m",
        "api_key": "one",
        "default_headers": {"x-team": ["two"], "n": 3},
        "list": [{"aws_secret_key": "four"}],
        "max_tokens": 5,
        "password": "",
        "token": None,
    }
    hidden = hide_secrets(config)
    assert hidden == config
    assert redact(hidden)["password"] == ""
    assert repr(hidden) == (
        "{'model': 'm', 'api_key': '***', 'default_headers': {'x-team': ['***'], 'n': 3}, "
        "'list': [{'aws_secret_key': '***'}], 'max_tokens': 5, 'password': '', 'token': None}"
    )
    assert hidden["list"] is not config["list"]
