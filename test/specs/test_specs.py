"""Documents of agents and teams: written, read, checked, and built under a consent."""

import contextlib
import copy
import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent, initiate_chats
from autogen.agentchat.conditions import (
    ExternalStop,
    FunctionCall,
    Handoff,
    MaxCost,
    MaxMessages,
    MaxTokens,
    NoProgress,
    Refused,
    TextMention,
    Timeout,
)
from autogen.agentchat.contrib.society_of_mind_agent import SocietyOfMindAgent
from autogen.agentchat.group import (
    AgentTarget,
    ExpressionContextCondition,
    OnCondition,
    OnContextCondition,
    RevertToUserTarget,
    StringLLMCondition,
)
from autogen.agentchat.group.context_expression import ContextExpression
from autogen.agentchat.group.patterns import AutoPattern, DefaultPattern
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.coding.approval import ApprovedCodeExecutor
from autogen.specs import (
    Consent,
    ConsentNeeded,
    SpecError,
    canonicalize,
    check_spec,
    component,
    components,
    digest,
    from_spec,
    load,
    needs,
    save,
    schema,
    to_spec,
    upgrade,
)
from autogen.specs.fields import ComponentConfig
from autogen.testing import OpenAIServer
from autogen.tools import Tool, openapi_tools

KEY = "sk-0123456789abcdefghij"
MODEL = {"config_list": [{"model": "gpt-4o-mini", "api_key": KEY}], "temperature": 0}
SECRETS = {"OPENAI_API_KEY": KEY}


def look_up(word: str) -> str:
    """Look a word up."""
    return word


def select(last_speaker, groupchat):
    return groupchat.agents[0]


def make_team():
    writer = AssistantAgent("writer", llm_config=MODEL, is_termination_msg=MaxMessages(4))
    critic = AssistantAgent("critic", "You judge.", llm_config=MODEL, description="A critic.", max_consecutive_auto_reply=3)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False, human_input_timeout=2.5)
    writer.handoffs.add_llm_condition(OnCondition(AgentTarget(critic), StringLLMCondition("A draft is ready.")))
    writer.handoffs.set_after_work(RevertToUserTarget())
    expression = ExpressionContextCondition(ContextExpression("${drafts} > 2"))
    critic.handoffs.add_context_condition(OnContextCondition(AgentTarget(writer), expression))
    group = GroupChat(
        [writer, critic, user],
        max_round=12,
        speaker_selection_method="round_robin",
        allowed_or_disallowed_speaker_transitions={writer: [critic], critic: [writer, user], user: [writer]},
        speaker_transitions_type="allowed",
    )
    return GroupChatManager(group, is_termination_msg=TextMention("APPROVE") | MaxMessages(20) | ~Timeout(3))


def make_pattern():
    agents = [ConversableAgent("triage"), ConversableAgent("expert")]
    return DefaultPattern(
        agents[0],
        agents,
        ConversableAgent("user"),
        context_variables={"drafts": 1},
        group_after_work=RevertToUserTarget(),
        summary_method="reflection_with_llm",
    )


def part(kind, **config):
    return {"autogen": 1, "parts": {"x:it": {"type": kind, "version": 1, "config": config}}}


OBJECTS = {
    "team": make_team,
    "group without a manager": lambda: GroupChat([ConversableAgent("a"), ConversableAgent("b")], allow_repeat_speaker=False),
    "selection by a function": lambda: GroupChatManager(GroupChat([ConversableAgent("a")], speaker_selection_method=select)),
    "conversable": lambda: ConversableAgent("a", default_auto_reply="Fine.", concurrent_tool_calls=True),
    "user proxy": lambda: UserProxyAgent("u", code_execution_config=False, system_message="Me.", description="Somebody."),
    "tools": lambda: ConversableAgent("a", llm_config=MODEL, functions=[look_up]),
    "executed tools": lambda: ConversableAgent("a", function_map={"find": Tool(func_or_tool=look_up, name="find")}),
    "code": lambda: ConversableAgent("a", code_execution_config={"executor": LocalCommandLineCodeExecutor(timeout=5)}),
    "approved": lambda: ApprovedCodeExecutor(LocalCommandLineCodeExecutor(), "human"),
    "config": lambda: copy.deepcopy(MODEL),
    "chat of two": lambda: {
        "sender": ConversableAgent("a"),
        "recipient": ConversableAgent("b"),
        "message": "Hi",
        "max_turns": 1,
    },
    "queue": lambda: [
        {"sender": ConversableAgent("a"), "recipient": ConversableAgent(name), "message": "Hi"} for name in "bc"
    ],
    "society": lambda: SocietyOfMindAgent(
        "author", GroupChatManager(GroupChat([ConversableAgent("a")])), "Answer briefly.", llm_config=MODEL
    ),
    "pattern": make_pattern,
    "pattern of a model": lambda: AutoPattern(
        *(agent := ConversableAgent("a"), [agent]),
        group_manager_args={"llm_config": MODEL, "is_termination_msg": MaxMessages(3)},
        selection_message="Who?",
    ),
    **{
        repr(each): lambda each=each: each
        for each in (
            *(
                MaxMessages(3),
                TextMention("DONE", sources=["a"]),
                MaxTokens(5),
                MaxCost(0.5),
                Timeout(60),
                FunctionCall("f"),
            ),
            *(Handoff("a", "b"), Handoff(), ExternalStop(), NoProgress(4), Refused(2)),
            *((MaxMessages(3) | Timeout(1) | Refused(2)), MaxMessages(3) & ~TextMention("x")),
        )
    },
}


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_built_from_a_document_is_written_as_the_same_document(name):
    doc = to_spec(OBJECTS[name]())
    assert check_spec(doc) == []
    assert KEY not in json.dumps(doc)
    built = from_spec(doc, consent=Consent.everything(), secrets=SECRETS)
    assert canonicalize(to_spec(built)) == canonicalize(doc)
    assert upgrade(doc) == doc


PETS = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://api.pets.example/v1"}],
    "paths": {"/pets": {"get": {"operationId": "listPets", "summary": "List pets."}}},
}
SOURCE = """
import sys
print("the source is not run here", file=sys.stderr)

def double(number: int, times: int = 1) -> int:
    'Double a number.'
    print("a line of the log")
    return number * 2**times
"""


def make_agent_document(**config):
    return {
        "autogen": 1,
        "start": {"agent": "a"},
        "parts": {"agent:a": {"type": "conversable", "version": 1, "config": config}},
    }


# What can't be asked for its settings is written as the document says from which it was built.
KEPT = {
    "newest messages": make_agent_document(
        name="a", model_context={"type": "message_history_limiter", "version": 1, "config": {"max_messages": 3}}
    ),
    "tokens": make_agent_document(
        name="a", model_context={"type": "message_token_limiter", "version": 1, "config": {"max_tokens": 100}}
    ),
    "sentences": make_agent_document(name="a", model_context={"type": "text_compressor", "version": 1, "config": {}}),
    "web API": make_agent_document(name="a", executes=[{"ref": "tool:pets"}]),
    "code": make_agent_document(name="a", executes=[{"ref": "tool:double"}]),
}
KEPT["web API"]["parts"]["tool:pets"] = {"type": "http", "version": 1, "config": {"document": PETS}}
KEPT["code"]["parts"] |= {
    "tool:double": {
        "type": "code",
        "version": 1,
        "config": {"source": SOURCE, "entry": "double", "executor": {"ref": "executor:local"}},
    },
    "executor:local": {"type": "local", "version": 1, "config": {}},
}


@pytest.mark.parametrize("name", KEPT)
def test_what_was_built_from_a_document_is_written_as_the_document_says(name):
    doc = KEPT[name]
    assert check_spec(doc) == []
    built = from_spec(doc, consent=Consent.everything())
    written = to_spec(built)
    assert [part["config"] for part in written["parts"].values() if part["type"] in ("http", "code")] == [
        part["config"] for part in doc["parts"].values() if part["type"] in ("http", "code")
    ]
    assert canonicalize(to_spec(from_spec(written, consent=Consent.everything()))) == canonicalize(written)


def test_the_source_of_a_tool_runs_in_its_executor_alone(capfd):
    agent = from_spec(KEPT["code"], consent=Consent(code=True, local_code=True))
    assert agent.execute_function({"name": "double", "arguments": '{"number": 3, "times": 2}'})[1]["content"] == "12"
    [tool] = from_spec({**KEPT["code"], "start": {"tool": ["double"]}}, consent=Consent(code=True, local_code=True))
    assert tool(number=3) == 6
    assert "is not run here" not in str(capfd.readouterr())
    assert tool.parameters_json_schema["properties"]["times"] == {"type": "integer", "default": 1}
    assert tool.parameters_json_schema["required"] == ["number"]
    assert tool.description == "Double a number."
    with pytest.raises(RuntimeError, match="TypeError"):
        tool(number="x", times="y")
    with pytest.raises(ConsentNeeded, match="has the source of the tool 'double'"):
        from_spec(KEPT["code"], consent=Consent(local_code=True))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", "not Python"),
        ("x = 1", "no function 'f'"),
        ("def f(*args): ...", "must have names"),
        ("def f(a=print()): ...", "must be a literal"),
        ("def f(a: evil()): ...", "annotation of 'a'"),
        ("(" * 5_000, "not Python"),
    ],
)
def test_a_source_that_makes_no_tool_is_a_fault(source, message):
    doc = part("code", source=source, entry="f", executor={"type": "sandboxed", "config": {}})
    [problem] = check_spec(doc)
    assert message in str(problem)


def test_a_tool_of_a_toolkit_of_a_program_is_not_written_silently():
    agent = ConversableAgent("a", functions=openapi_tools(PETS), llm_config=MODEL)
    with pytest.raises(SpecError, match="can't be written"):
        agent.to_spec()


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_team_of_a_file_speaks(tmp_path, suffix):
    with OpenAIServer("A draft.", "APPROVE") as server:
        config = {"config_list": [server.config]}
        team = [AssistantAgent(name, llm_config=config) for name in ("writer", "critic")]
        group = GroupChat(team, speaker_selection_method="round_robin", max_round=5)
        save(GroupChatManager(group, is_termination_msg=TextMention("APPROVE")), tmp_path / f"team.{suffix}")
        doc = load(tmp_path / f"team.{suffix}")
        consent = Consent(hosts=needs(doc).hosts)
        manager = GroupChatManager.from_spec(doc, consent=consent, secrets=dict.fromkeys(needs(doc).secrets, "sk-1"))
        result = ConversableAgent("user", human_input_mode="NEVER").initiate_chat(manager, message="Write.", silent=True)
    assert [message["content"] for message in result.chat_history] == ["Write.", "A draft.", "APPROVE"]


def test_a_queue_of_a_document_runs():
    agents = [ConversableAgent(name, default_auto_reply=f"I am {name}.", human_input_mode="NEVER") for name in ("a", "b")]
    queue = from_spec(
        to_spec([{"sender": agents[0], "recipient": agents[1], "message": "Hi", "max_turns": 1, "silent": True}])
    )
    [result] = initiate_chats(queue)
    assert result.summary == "I am b."


def test_agents_that_share_a_model_refer_to_it_once_and_circles_of_handoffs_are_fine():
    doc = make_team().to_spec()
    assert [identifier for identifier in doc["parts"] if identifier.startswith("model:")] == ["model:gpt-4o-mini"]
    writer, critic, _ = from_spec(doc, secrets=SECRETS).groupchat.agents
    assert writer.handoffs.llm_conditions[0].target.agent is critic
    assert critic.handoffs.context_conditions[0].target.agent is writer


def test_a_list_of_agents_and_a_document_without_a_start():
    doc = to_spec([ConversableAgent("a"), ConversableAgent("b")])
    assert [agent.name for agent in from_spec(doc)] == ["a", "b"]
    assert set(from_spec({"autogen": 1, "parts": doc["parts"]})) == {"agent:a", "agent:b"}


def test_resources_stand_in_for_parts():
    mine = ConversableAgent("mine")
    doc = make_team().to_spec()
    manager = from_spec(doc, secrets=SECRETS, resources={"agent:critic": mine})
    assert manager.groupchat.agents[1] is mine
    with pytest.raises(SpecError, match="there is no part 'agent:nobody'"):
        from_spec(doc, resources={"agent:nobody": mine})


# Each document has a fault, which is named at its place.
TEAM = to_spec(make_team())


def damage(path, value):
    doc = copy.deepcopy(TEAM)
    *parents, last = path
    target = doc
    for step in parents:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return doc


CRITIC = ("parts", "agent:critic")
FAULTS = [
    (damage(("autogen",), ...), "/autogen", "must be the format"),
    (damage(("autogen",), 2), "/autogen", "has the format 2, this version reads 1"),
    (damage(("autogen",), True), "/autogen", "must be the format"),
    (damage(("parts",), ...), "/parts", "must be an object"),
    (damage(("parts",), []), "/parts", "must be an object"),
    (damage(("part",), {}), "/part", "unknown key 'part'. (did you mean 'parts'?)"),
    (damage(("name",), 3), "/name", "must be a text"),
    (damage(("start",), {"chat": "mian"}), "/start", "there is no part 'chat:mian'"),
    (damage(("start",), {"chat": 1}), "/start", "must be one kind"),
    (damage(("start",), {"chat": "a", "agent": "b"}), "/start", "must be one kind"),
    (damage(("runnable",), False), "/runnable", "could not be written"),
    (damage(("parts", "../etc"), {"type": "assistant"}), "/parts/..~1etc", "the id must have the form"),
    (damage(CRITIC, []), "/parts/agent:critic", "must be a component"),
    (
        damage((*CRITIC, "type"), "asistant"),
        "/parts/agent:critic/type",
        "unknown type 'asistant'. (did you mean 'assistant'?)",
    ),
    (damage((*CRITIC, "type"), ...), "/parts/agent:critic/type", "is missing"),
    (damage((*CRITIC, "type"), 5), "/parts/agent:critic/type", "unknown type"),
    (damage((*CRITIC, "version"), 9), "/parts/agent:critic/version", "has version 9 of 'assistant'"),
    (damage((*CRITIC, "version"), "1"), "/parts/agent:critic/version", "must be a positive integer"),
    (damage((*CRITIC, "verison"), 1), "/parts/agent:critic/verison", "unknown key 'verison'. (did you mean 'version'?)"),
    (damage((*CRITIC, "config"), []), "/parts/agent:critic/config", "input should be"),
    (damage((*CRITIC, "config", "name"), ...), "/parts/agent:critic/config/name", "is missing"),
    (damage((*CRITIC, "config", "name"), 5), "/parts/agent:critic/config/name", "should be a valid string"),
    (
        damage((*CRITIC, "config", "sistem_message"), ""),
        "/parts/agent:critic/config/sistem_message",
        "mean 'system_message'?",
    ),
    (damage((*CRITIC, "config", "human_input_mode"), "NEVR"), "/parts/agent:critic/config/human_input_mode", "'NEVER'"),
    (damage((*CRITIC, "config", "llm_config"), "gpt-4o"), "/parts/agent:critic/config/llm_config", "must be a reference"),
    (
        damage((*CRITIC, "config", "llm_config"), {"ref": "model:x"}),
        "/parts/agent:critic/config/llm_config",
        "no part 'model:x'",
    ),
    (
        damage((*CRITIC, "config", "llm_config"), {"ref": 5}),
        "/parts/agent:critic/config/llm_config",
        "a reference has one key",
    ),
    (
        damage((*CRITIC, "config", "llm_config"), {"ref": "agent:writer"}),
        "/parts/agent:critic/config/llm_config",
        "must be of the kind model",
    ),
    (
        damage((*CRITIC, "config", "is_termination_msg"), {"type": "max_messages", "config": {"n": 0}}),
        "/parts/agent:critic/config/is_termination_msg/config/n",
        "greater than or equal to 1",
    ),
    (
        damage((*CRITIC, "config", "handoffs", 0, "if"), "__import__('os')"),
        "/parts/agent:critic/config/handoffs/0",
        "expression",
    ),
    (damage((*CRITIC, "config", "handoffs", 0, "to"), ...), "/parts/agent:critic/config/handoffs/0", "goes to an agent"),
    (damage((*CRITIC, "config", "default_auto_reply"), math.nan), "/parts/agent:critic/config/default_auto_reply", "finite"),
    (damage(CRITIC, {"type": {"a": 1}}), "/parts/agent:critic/type", "unknown type"),
    (part("llm_config", config_list=[]), "/parts/x:it/config/config_list", "at least 1 item"),
    (part("llm_config", config_list=[{}]), "/parts/x:it/config/config_list/0", "needs the name of a model"),
    (
        part("llm_config", config_list=[{"model": "m", "api_key": KEY}]),
        "/parts/x:it/config/config_list/0/api_key",
        'put the value into a secret: "api_key": {"secret": "NAME"}',
    ),
    (
        part("llm_config", config_list=[{"model": "m", "default_headers": {"X-Token": KEY}}]),
        "/parts/x:it/config/config_list/0/default_headers",
        "is a secret",
    ),
    (part("llm_config", config_list=[{"modle": "m", "model": "m"}]), "/parts/x:it/config/config_list/0", "mean 'model'?"),
    (part("llm_config", config_list=[{"model": "m"}], temprature=1), "/parts/x:it/config", "mean 'temperature'?"),
    (part("text_mention"), "/parts/x:it/config", "either a text or a pattern"),
    (part("text_mention", pattern="("), "/parts/x:it/config", "not a regular expression"),
    (part("any", of=[]), "/parts/x:it/config/of", "at least 2 items"),
    (part("python", function={"python": "os.system"}), "/parts/x:it/config/function", 'must be {"python":'),
    (part("local", timeout=-1), "/parts/x:it/config/timeout", "greater than 0"),
    (part("group_chat", agents=[]), "/parts/x:it/config/agents", "at least 1 item"),
    ([], "document", "must be an object, got list"),
    ({"autogen": 1, "parts": {1: {}}}, "/parts", "has a key that is not a text"),
    (
        {"autogen": 1, "parts": {"x:it": {"type": "assistant", "config": {"name": object()}}}},
        "/parts/x:it/config/name",
        "a object",
    ),
]


@pytest.mark.parametrize(("doc", "pointer", "message"), FAULTS)
def test_a_fault_is_named_at_its_place(doc, pointer, message):
    problems = check_spec(doc)
    assert [str(problem) for problem in problems if str(problem).startswith(f"{pointer}:") and message in str(problem)], (
        problems
    )
    assert KEY not in str(problems)
    with pytest.raises(SpecError) as error:
        from_spec(doc, consent=Consent.everything(), secrets=SECRETS)
    assert error.value.problems == problems


def test_all_faults_are_named_at_once():
    doc = damage((*CRITIC, "type"), "asistant")
    doc["parts"]["agent:writer"]["config"]["llm_config"] = {"ref": "model:x"}
    doc["parts"]["agent:user"]["config"]["nmae"] = 1
    assert {problem.pointer for problem in check_spec(doc)} == {
        "/parts/agent:critic/type",
        "/parts/agent:writer/config/llm_config",
        "/parts/agent:user/config/nmae",
    }


LIMITS = {
    "deep": ('{"autogen": 1, "parts": {"x:it": ' + '{"a":' * 60 + "1" + "}" * 60 + "}}", "nested too deeply"),
    "very deep": ("[" * 100_000, "nested too deeply"),
    "large": ('{"name": "' + "x" * 2_000_001 + '"}', "more than 2,000,000 bytes"),
    "no JSON": ("{", "can't be read"),
    "no object": ("[]", "must be an object"),
    "NaN": ('{"autogen": NaN}', "NaN is not a number"),
    "no UTF-8": (b"\xff{}", "can't be read"),
}


@pytest.mark.parametrize(("content", "message"), LIMITS.values(), ids=LIMITS)
def test_a_file_has_limits(tmp_path, content, message):
    path = tmp_path / "team.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SpecError, match=message):
        load(path)


YAML_BOMBS = {
    "aliases": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
    "circle": "parts: &p\n  x: *p\n",
    "tag": "parts: !!python/object/apply:os.system ['true']\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("content", YAML_BOMBS.values(), ids=YAML_BOMBS)
def test_a_hostile_file_of_yaml_is_refused(tmp_path, content):
    path = tmp_path / "team.yaml"
    path.write_text(content)
    with pytest.raises(SpecError):
        load(path)


@pytest.mark.slow
def test_many_parts_are_refused():
    doc = {"autogen": 1, "parts": {f"agent:a{number}": {"type": "assistant"} for number in range(100_000)}}
    assert "at most 2,000 are allowed" in str(check_spec(doc)[0])


def test_parts_that_need_each_other_are_refused():
    doc = part("any", of=[{"ref": "x:it"}, {"type": "timeout", "config": {"seconds": 1}}])
    with pytest.raises(SpecError, match="needs itself: /parts/x:it -> /parts/x:it"):
        from_spec(doc)


def test_a_document_gets_only_what_is_permitted(tmp_path):
    tool = {"type": "python", "config": {"function": {"python": "test_specs:look_up"}}}
    code = {"executor": {"type": "local", "config": {"work_dir": str(tmp_path)}}}
    agent = {"type": "conversable", "config": {"name": "a", "executes": [tool], "code_execution": code}}
    entry = {"model": "m", "base_url": "http://user:pw@models.example:8000/v1", "api_key": {"secret": "MY_KEY"}}
    doc = {"autogen": 1, "parts": {"agent:a": agent, "model:m": {"type": "llm_config", "config": {"config_list": [entry]}}}}
    wanted = needs(doc)
    assert wanted.secrets == ("MY_KEY",)
    assert wanted.models == ("m",)
    with pytest.raises(ConsentNeeded) as error:
        from_spec(doc, secrets={"MY_KEY": "k"})
    missing = error.value.needs
    assert missing.modules == ("test_specs",)
    assert missing.hosts == ("models.example:8000",)
    assert missing.executors == ("local",)
    assert missing.folders == (str(tmp_path),)
    consent = Consent(modules=("test_specs",), hosts=missing.hosts, local_code=True, folders=(str(tmp_path.parent),))
    with pytest.raises(SpecError, match="the secret 'MY_KEY' is missing"):
        from_spec(doc, consent=consent, secrets={})
    built = from_spec(doc, consent=consent, secrets=lambda name: f"value of {name}")
    assert built["agent:a"].function_map["look_up"]("word") == "word"
    assert built["model:m"]["config_list"][0]["api_key"] == "value of MY_KEY"


def test_a_folder_above_the_document_needs_a_consent(tmp_path):
    doc = part("local", work_dir="../other")
    assert needs(doc).folders == ("../other",)
    with pytest.raises(ConsentNeeded):
        from_spec(doc, consent=Consent(local_code=True), folder=tmp_path)
    executor = from_spec(
        {**part("local", work_dir="code"), "start": {"x": "it"}}, consent=Consent(local_code=True), folder=tmp_path
    )
    assert executor.work_dir == tmp_path / "code"


UNWRITABLE = {
    "a termination function": lambda: ConversableAgent("a", is_termination_msg=lambda message: True),
    "a human_input_source": lambda: ConversableAgent("a", human_input_source=input),
    "'<lambda>' can't be written": lambda: ConversableAgent("a", function_map={"f": lambda: 1}),
    "is not a component": lambda: type("Own", (ConversableAgent,), {})("a"),
    "has no executor": lambda: ConversableAgent("a", code_execution_config={"use_docker": False}),
    "the setting 'visible_to'": lambda: GroupChat([], visible_to=lambda message, member: True),
}


@pytest.mark.parametrize("message", UNWRITABLE)
def test_what_can_not_be_written_is_said_or_marked(message):
    obj = UNWRITABLE[message]()
    with pytest.raises(SpecError, match=message):
        to_spec(obj)
    doc = to_spec(obj, opaque="mark")
    assert doc["runnable"] is False
    with pytest.raises(SpecError, match="could not be written"):
        from_spec(doc)


def test_a_reply_function_and_a_hook_are_not_lost_silently():
    agent = ConversableAgent("a")
    agent.register_reply([ConversableAgent, None], lambda agent, messages, sender, config: (False, None))
    agent.register_hook("process_last_received_message", str)
    with pytest.raises(SpecError, match="the reply function") as error:
        agent.to_spec()
    assert "a hook at 'process_last_received_message'" in str(error.value)


class GreeterConfig(ComponentConfig):
    text: str


def test_a_class_of_a_program_becomes_a_component():
    @component("test.greeter", kind="greeter", version=2, config=GreeterConfig)
    class Greeter:
        """Greets."""

        def __init__(self, text):
            self.text = text

        def to_config(self):
            return {"text": self.text}

        @classmethod
        def from_config(cls, config, build):
            return cls(config.text)

        @staticmethod
        def upgrade_from_1(config):
            return {"text": config["greeting"]}

    doc = to_spec(Greeter("Hello"))
    assert from_spec(doc).text == "Hello"
    assert from_spec({**part("test.greeter", greeting="Hi"), "start": {"x": "it"}}).text == "Hi"
    [info] = components("greeter")
    assert (info.label, info.description, info.version) == ("Greeter", "Greets.", 2)
    with pytest.raises(ValueError, match="another type"):
        component("test.greeter", kind="greeter")(type("Other", (Greeter,), {}))
    with pytest.raises(TypeError, match="needs a method 'to_config'"):
        component("test.nothing", kind="greeter")(int)


def test_examples_and_schemas():
    document = schema()
    assert set(document["$defs"]) >= {"assistant", "group_chat", "text_mention", "llm_config"}
    for info in components():
        assert info.description.endswith("."), info.name
        if not info.name.startswith("test."):
            problems = check_spec(part(info.name, **info.example))
            assert not [problem for problem in problems if "no part" not in problem.message], (info.name, problems)


def test_the_digest_leaves_out_the_view_and_is_that_of_the_meaning():
    assert digest({**TEAM, "view": {"agent:writer": {"x": 1}}}) == digest(TEAM)
    assert digest({"autogen": 1.0, "parts": {}}) == digest({"parts": {}, "autogen": 1})
    assert digest(damage((*CRITIC, "config", "name"), "other")) != digest(TEAM)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["assistant", "model:x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "config", "ref", "secret", "python", "name", "of", "n"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)


audited = []


def watch(event, arguments):
    # Expressions on context variables are parsed as Python, and evaluated by this package alone.
    is_expression = event == "compile" and arguments[1] == "<unknown>"
    if watching and not is_expression and event in ("import", "exec", "compile", "subprocess.Popen", "socket.connect"):
        audited.append((event, arguments))


watching = []
# A hook can't be removed.
sys.addaudithook(watch)


@given(st.data())
def test_wild_documents_have_problems_and_run_nothing(data):
    doc = copy.deepcopy(TEAM)
    value = data.draw(JSON)
    parent = data.draw(st.sampled_from([doc, *doc["parts"].values(), *(each["config"] for each in doc["parts"].values())]))
    parent[data.draw(st.sampled_from(sorted(parent)) | st.text(max_size=5))] = value
    audited.clear()
    watching.append(True)
    try:
        problems = check_spec(doc)
    finally:
        watching.clear()
    assert not audited
    if problems:
        with pytest.raises(SpecError):
            from_spec(doc, secrets=SECRETS)
    else:
        with contextlib.suppress(SpecError):
            from_spec(doc, secrets=SECRETS)


@pytest.mark.slow
def test_a_thousand_parts_are_built():
    doc = to_spec([ConversableAgent(f"a{number}") for number in range(1_000)])
    assert check_spec(doc) == []
    assert [agent.name for agent in from_spec(doc)] == [f"a{number}" for number in range(1_000)]
