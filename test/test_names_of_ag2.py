"""Names that programs for AG2 import, where AG2 has them: each is the object of its home."""

import pickle
import warnings

import pytest
from pydantic import TypeAdapter

import autogen
from autogen import agentchat, exception_utils
from autogen.agentchat import group
from autogen.agentchat.contrib import swarm_agent
from autogen.events import agent_events, base_event
from autogen.import_utils import (
    get_missing_imports,
    optional_import_block,
    require_optional_import,
    run_for_optional_imports,
    skip_on_missing_imports,
)
from autogen.io import IOConsole
from autogen.io.base import AsyncInputStream, AsyncIOStreamProtocol, IOStreamProtocol
from autogen.io.thread_io_stream import AsyncThreadIOStream
from autogen.messages import BaseMessage, agent_messages, base_message, get_annotated_type_for_message_classes, wrap_message


@pytest.mark.parametrize("name", ["initiate_group_chat", "a_run_group_chat_iter", "ContextVariables", "ReplyResult"])
def test_names_of_groups_in_agentchat(name):
    assert getattr(agentchat, name) is getattr(group, name)


@pytest.mark.parametrize("package", [autogen, agentchat])
@pytest.mark.parametrize("name", ["OnCondition", "AFTER_WORK", "SwarmAgent", "initiate_swarm_chat", "UPDATE_SYSTEM_MESSAGE"])
def test_names_of_swarms_at_the_top(package, name):
    assert getattr(package, name) is getattr(swarm_agent, name)


def test_a_condition_of_a_swarm_is_one_of_groups():
    assert issubclass(autogen.OnCondition, group.OnCondition)
    assert autogen.UpdateSystemMessage is agentchat.conversable_agent.UpdateSystemMessage is group.UpdateSystemMessage


@pytest.mark.parametrize(
    "name", ["AgentNameConflict", "NoEligibleSpeaker", "SenderRequired", "InvalidCarryOverType", "UndefinedNextAgent"]
)
def test_exceptions_have_two_names(name):
    assert getattr(autogen, f"{name}Error") is getattr(exception_utils, name)


def test_the_error_of_a_model_without_tools_survives_a_pickle():
    error = pickle.loads(pickle.dumps(exception_utils.ModelToolNotSupportedError("tiny")))
    assert (error.model, "'tiny'" in str(error)) == ("tiny", True)


def test_imports_may_fail_in_a_block():
    with optional_import_block() as imports:
        import a_package_that_nobody_has  # noqa: F401
    assert imports.is_successful is False
    assert imports.error.name == "a_package_that_nobody_has"
    with optional_import_block() as imports:
        import json  # noqa: F401
    assert imports.is_successful is True
    with pytest.raises(ZeroDivisionError), optional_import_block():
        1 / 0


@pytest.mark.parametrize(
    ("modules", "missing"),
    [
        ("json", {}),
        (["json", "nobody_has_this"], {"nobody_has_this": "'nobody_has_this' is not installed"}),
        (["nobody.has.this"], {"nobody.has.this": "'nobody.has.this' is not installed"}),
        (["pytest>=1,<99"], {}),
        (["pytest>=99"], {"pytest>=99": f"'pytest' has version {pytest.__version__}, not >=99"}),
    ],
)
def test_missing_imports_have_a_reason(modules, missing):
    assert get_missing_imports(modules) == missing


@pytest.mark.parametrize("module", ["", ">=2", "pytest=?2"])
def test_other_texts_are_no_modules(module):
    with pytest.raises(ValueError, match=r"module must be|versions of a module"):
        get_missing_imports(module)


def test_what_needs_a_package_says_so_when_it_is_called():
    @require_optional_import("nobody_has_this", "extra")
    def function():
        return "called"

    @require_optional_import(["nobody_has_this"], "extra", except_for="explain")
    class Client:
        def __init__(self):
            raise AssertionError("called")

        @staticmethod
        def find():
            raise AssertionError("called")

        @classmethod
        def explain(cls):
            return cls.__name__

    for call in (function, Client, Client.find):
        with pytest.raises(ImportError, match="needs packages of the extra 'extra': 'nobody_has_this' is not installed"):
            call()
    assert Client.explain() == "Client"
    assert require_optional_import("json", "extra")(len) is len


@pytest.mark.parametrize("marker", [skip_on_missing_imports, run_for_optional_imports])
def test_markers_of_tests(marker):
    assert marker("nobody_has_this", "extra").mark.args == (True,)
    assert marker("json", "extra").mark.args == (False,)


MESSAGES = {
    "TextMessage": {"content": "Hi", "sender_name": "a", "recipient_name": "b"},
    "ClearAgentsHistoryMessage": {"agent_name": "a", "nr_messages_to_preserve": 2},
    "ClearConversableAgentHistoryMessage": {"agent_name": "a", "recipient_name": "b", "no_messages_preserved": 3},
    "GroupChatResumeMessage": {"last_speaker_name": "a", "messages": [{"content": "Hi"}]},
    "GroupChatRunChatMessage": {"speaker_name": "a"},
    "SelectSpeakerMessage": {"agent_names": ["a", "b"]},
    "GenerateCodeExecutionReplyMessage": {"code_block_languages": ["python"], "sender_name": "a", "recipient_name": "b"},
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_an_event(name):
    message_class, event_class = (
        getattr(agent_messages, name),
        getattr(agent_events, name.replace("Message", "Event")),
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        message, _ = message_class(**MESSAGES[name]), message_class(**MESSAGES[name])
    assert len(caught) <= 1  # once per process
    assert type(message) is event_class
    present = {base_event.FORMER_FIELDS.get(key, key): value for key, value in MESSAGES[name].items()}
    event = event_class(**present)
    assert isinstance(event, message_class)
    assert issubclass(event_class, message_class)
    assert not isinstance("Hi", message_class)
    # old programs read the fields by their old names
    assert {key: getattr(event.content, key) for key in MESSAGES[name]} == MESSAGES[name]
    parsed = TypeAdapter(get_annotated_type_for_message_classes()).validate_json(event.model_dump_json())
    assert parsed == event
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        event.content.colour


def test_the_first_message_of_a_class_warns():
    with pytest.warns(DeprecationWarning, match="UsingAutoReplyMessage is deprecated, use UsingAutoReplyEvent"):
        agent_messages.UsingAutoReplyMessage(human_input_mode="ALWAYS", sender_name="a", recipient_name="b")


def test_a_program_makes_messages_of_its_own(monkeypatch):
    monkeypatch.setattr(base_event, "_classes", dict(base_event._classes))

    class ParcelSentMessage(BaseMessage):
        number: int

    with pytest.warns(DeprecationWarning, match="use wrap_event"):
        wrapped = wrap_message(ParcelSentMessage)
    message = wrapped(number=7)
    assert (message.type, message.content.number) == ("parcel_sent", 7)
    assert base_message.get_message_classes()["parcel_sent"] is wrapped
    with pytest.raises(ValueError, match="must end with 'Message'"):
        wrap_message(base_event.BaseEvent)


def test_the_message_of_a_dict():
    message = agent_messages.create_received_message_model(message={"content": "Hi"}, sender="a", recipient="b")
    assert isinstance(message, agent_messages.TextMessage)


@pytest.mark.parametrize(
    ("stream", "protocol"),
    [
        (IOConsole(), IOStreamProtocol),
        (AsyncThreadIOStream(), AsyncInputStream),
        (AsyncThreadIOStream(), AsyncIOStreamProtocol),
    ],
)
def test_protocols_of_streams(stream, protocol):
    assert isinstance(stream, protocol)
    assert not isinstance(object(), protocol)
