"""What a subclass, an instance or a patch overrides is what the framework calls, sync or async as the chat is."""

import asyncio
from functools import partial
from inspect import getattr_static, iscoroutinefunction
from types import FunctionType

import pytest

from autogen import ConversableAgent, register_function
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import ScriptedModel, tool_call

ECHO = ScriptedModel(lambda messages: messages[-1]["content"])
TOOL_CALL = {"tool_calls": [tool_call("double", call_id="c1", n=2)]}
FUNCTION_CALL = {"function_call": {"name": "double", "arguments": '{"n": 2}'}}
CODE = "```sh\necho hi\n```"
PICTURE = {"content": [{"type": "text", "text": "hi"}]}


@pytest.fixture(autouse=True)
def a_human_who_types_the_same(monkeypatch):
    monkeypatch.setattr("builtins.input", lambda prompt: "typed")


@pytest.fixture
def make(tmp_path):
    """Make the agent under test: it can do everything, and its model says what it was told last."""

    def make(kind=ConversableAgent, **options):
        settings = {
            "human_input_mode": "NEVER",
            "llm_config": ECHO.llm_config,
            "function_map": {"double": lambda n: 2 * n},
            "code_execution_config": {"use_docker": False, "work_dir": str(tmp_path)},
        }
        return kind("me", **{**settings, **options})

    return make


@pytest.fixture
def peer(agent):
    return lambda: agent("peer", silent=None, default_auto_reply="R")


# What makes the framework call a method of `me`.


def answering(me, peer, call, message="hi", **options):
    return call(peer.initiate_chat, me, message=message, max_turns=1, **options)


def asking(me, peer, call, message="hi", **options):
    return call(me.initiate_chat, peer, message=message, max_turns=2, **options)


def typing(me, peer, call):
    me.human_input_mode = "ALWAYS"
    return answering(me, peer, call)


def queueing(me, peer, call):
    return call(me.initiate_chats, [{"chat_id": 1, "recipient": peer, "message": "hi", "max_turns": 1}])


def nesting(me, peer, call, use_async=False):
    inner = ConversableAgent("inner", llm_config=False, human_input_mode="NEVER", default_auto_reply="I")
    me.register_nested_chats([{"chat_id": 1, "recipient": inner, "max_turns": 1}], trigger=peer, use_async=use_async or None)
    return answering(me, peer, call)


def registering(me, peer, call):
    def tool(n: int) -> str:
        return ""

    register_function(tool, caller=me, executor=me, description="A tool.")
    me.register_for_llm(api_style="function")(tool)


def reflecting(scenario):
    return partial(scenario, summary_method="reflection_with_llm")


SCENARIOS = {
    answering: [
        *("send", "receive", "generate_reply", "process_last_received_message", "process_all_messages_before_reply"),
        *("clear_history", "reset_consecutive_auto_reply_counter", "last_message", "max_consecutive_auto_reply"),
        *("_prepare_chat", "_append_oai_message", "_process_received_message", "_print_received_message"),
        *("_message_to_dict", "_generate_oai_reply_from_client", "_validate_llm_config"),
    ],
    asking: [
        *("generate_init_message", "_handle_carryover", "_summarize_chat", "_last_msg_as_summary", "_is_silent"),
        "_raise_exception_on_async_reply_functions",
    ],
    partial(asking, carryover="x"): ["_process_carryover"],
    partial(asking, message=PICTURE, carryover="x"): ["_process_multimodal_carryover"],
    reflecting(asking): ["_reflection_with_llm", "_reflection_with_llm_as_summary"],
    reflecting(answering): ["chat_messages_for_summary"],
    typing: ["get_human_input"],
    partial(answering, message=TOOL_CALL): ["execute_function", "_str_for_tool_response", "_format_json_str"],
    partial(answering, message=CODE): ["execute_code_blocks", "run_code"],
    queueing: ["initiate_chat"],
    nesting: ["register_reply", "_get_chats_to_run", "_summary_from_nested_chats"],
    partial(nesting, use_async=True): ["_a_summary_from_nested_chats"],
    registering: [
        *("register_function", "register_for_llm", "register_for_execution", "_wrap_function"),
        *("update_tool_signature", "update_function_signature"),
    ],
    lambda me, peer, call: me.reset(): ["stop_reply_at_receive"],
}
SCENARIO_OF = {method: scenario for scenario, methods in SCENARIOS.items() for method in methods}

ANSWERS = [
    *("check_termination_and_human_reply", "generate_function_call_reply", "generate_tool_calls_reply"),
    *("generate_code_execution_reply", "generate_oai_reply"),
]
"""Registered as class functions."""

FOR_PROGRAMS = [
    *("can_execute_function", "get_actual_usage", "get_chat_results", "get_total_usage", "initiate_chats"),
    *("print_usage_summary", "register_hook", "register_model_client", "register_nested_chats", "replace_reply_func"),
    *("add_capability", "unregister_hook", "unregister_reply", "remember", "recall", "forget", "to_spec"),
    *(
        "clone",
        "load_state",
        "register_guardrail",
        "register_hand_off",
        "register_handoff",
        "register_handoffs",
        "register_input_guardrail",
        "register_input_guardrails",
        "register_output_guardrail",
        "register_output_guardrails",
        "remove_tool_for_llm",
        "reset",
        "run",
        "run_iter",
        "run_input_guardrails",
        "run_output_guardrails",
        "sequential_run",
        "update_agent_state_before_reply",
        "set_ui_tools",
        "unset_ui_tools",
        "save_state",
        "update_system_message",
        "update_max_consecutive_auto_reply",
    ),
]
"""Called by programs, never by the framework."""


def twin(method):
    """The awaitable form of a method, if there is one."""
    name = f"_a{method}" if method.startswith("_") else f"a_{method}"
    return name if hasattr(ConversableAgent, name) else None


def forms(method):
    """The forms of a method, each with the mode of the chats that it serves."""
    if method == "_raise_exception_on_async_reply_functions":
        return [(method, "sync")]
    if method == "_a_summary_from_nested_chats":
        return [(method, "async")]
    if twin(method) in (None, "_a_summary_from_nested_chats"):
        return [(method, "sync"), (method, "async")]
    both = [(method, "async")] if method == "get_human_input" else []
    return [(method, "sync"), *both, (twin(method), "async")]


def case(method, mode, place):
    scenario = SCENARIO_OF.get(method) or SCENARIO_OF[method.replace("a_", "", 1)]
    return pytest.param(scenario, method, mode, place, id=f"{method}-{mode}-{place}")


CASES = [
    case(form, mode, place)
    for method in SCENARIO_OF
    for form, mode in forms(method)
    for place in ("subclass", "instance", "patch")
    if (form, place) != ("_validate_llm_config", "instance")  # called before there is an instance
]


def watched(original, heard):
    """An override that notes its call and hands over to what it overrides."""
    if iscoroutinefunction(original):

        async def override(*args, **kwargs):
            heard.append(args)
            return await original(*args, **kwargs)

        return override

    def plain_override(*args, **kwargs):
        heard.append(args)
        return original(*args, **kwargs)

    return plain_override


def with_override(make, place, method, override, monkeypatch):
    """`me` with a method overridden; `override` makes the new method of the one before."""
    if place == "instance":
        me = make()
        setattr(me, method, override(getattr(me, method)))
        return me
    new = override(getattr(ConversableAgent, method))
    if isinstance(getattr_static(ConversableAgent, method), staticmethod):
        new = staticmethod(new)
    if place == "subclass":
        return make(type("Sub", (ConversableAgent,), {method: new}))
    monkeypatch.setattr(ConversableAgent, method, new)
    return make()


def told(agent):
    return [[message["content"] for message in history] for history in agent.chat_messages.values()]


@pytest.mark.parametrize(("scenario", "method", "mode", "place"), CASES)
def test_an_override_is_called_and_what_it_calls_in_turn_is_done_once(
    make, peer, call, monkeypatch, scenario, method, mode, place
):
    stock, heard = make(), []
    before = scenario(stock, peer(), call)
    me = with_override(make, place, method, partial(watched, heard=heard), monkeypatch)
    after = scenario(me, peer(), call)
    assert heard
    assert told(me) == told(stock)
    assert getattr(after, "summary", None) == getattr(before, "summary", None)


def test_every_public_method_is_in_a_table():
    public = {
        name
        for name in dir(ConversableAgent)
        if not name.startswith("_") and isinstance(getattr_static(ConversableAgent, name), (FunctionType, staticmethod))
    }
    assert {name.removeprefix("a_") for name in public} == {
        *(method for method in SCENARIO_OF if not method.startswith("_")),
        *ANSWERS,
        *FOR_PROGRAMS,
    }


def always(answer, original):
    """An override that is written anew."""

    async def override(*args, **kwargs):
        return answer

    return override if iscoroutinefunction(original) else lambda *args, **kwargs: answer


NEW_ANSWERS = {
    "generate_reply": "other",
    "get_human_input": "other",
    "generate_init_message": "other",
    "process_last_received_message": [{"role": "user", "content": "other"}],
    "process_all_messages_before_reply": [{"role": "user", "content": "other"}],
    "execute_function": (True, {"name": "double", "role": "function", "content": "other"}),
    "execute_code_blocks": (0, "other"),
    "run_code": (0, "other", None),
    "last_message": {"content": "other"},
    "_generate_oai_reply_from_client": "other",
    "_handle_carryover": "other",
    "_process_carryover": "other",
    "_process_multimodal_carryover": [{"type": "text", "text": "other"}],
    "_str_for_tool_response": "other",
    "_summarize_chat": "other",
    "_reflection_with_llm": "other",
    "_last_msg_as_summary": "other",
}


@pytest.mark.parametrize("place", ["subclass", "instance"])
@pytest.mark.parametrize("method", NEW_ANSWERS)
def test_what_an_override_answers_counts(make, peer, call, monkeypatch, mode, method, place):
    form = twin(method) if mode == "async" and twin(method) else method
    me = with_override(make, place, form, partial(always, NEW_ANSWERS[method]), monkeypatch)
    result = SCENARIO_OF[method](me, peer(), call)
    assert "other" in str((result.chat_history, result.summary))


@pytest.mark.parametrize(
    ("method", "mode"),
    [
        *((method, mode) for method in ANSWERS for mode in ("sync", "async")),
        *((twin(method), "async") for method in ANSWERS if twin(method)),
    ],
)
def test_a_reply_method_counts_once_it_is_registered(make, peer, call, mode, method):
    kind = type("Sub", (ConversableAgent,), {method: always((True, "other"), getattr(ConversableAgent, method))})
    me = make(kind)
    by_the_plain_form = (method, mode) == ("generate_oai_reply", "async")  # `a_generate_oai_reply` asks it, as in 0.2
    assert answering(me, peer(), call).summary == ("other" if by_the_plain_form else "hi")
    me.replace_reply_func(getattr(ConversableAgent, method), getattr(kind, method))
    assert answering(me, peer(), call).summary == "other"


def test_a_patched_answer_does_not_count_twice_in_an_asynchronous_chat(agent, monkeypatch):
    method = "check_termination_and_human_reply"
    monkeypatch.setattr(ConversableAgent, method, watched(getattr(ConversableAgent, method), []))
    a, b = agent("a", default_auto_reply="R"), agent("b", default_auto_reply="R", max_consecutive_auto_reply=2)
    assert len(asyncio.run(a.a_initiate_chat(b, message="hi")).chat_history) == 5


@pytest.mark.parametrize("place", ["subclass", "instance"])
def test_further_turns_of_the_one_who_asks_are_made_by_its_override(make, peer, call, mode, monkeypatch, place):
    method = "generate_reply" if mode == "sync" else "a_generate_reply"
    result = asking(with_override(make, place, method, partial(always, "other"), monkeypatch), peer(), call)
    assert [message["content"] for message in result.chat_history] == ["hi", "R", "other", "R"]


def test_running_code_by_an_executor_counts_once_it_is_registered(make, peer, call, tmp_path):
    method = "_generate_code_execution_reply_using_executor"
    kind = type("Sub", (ConversableAgent,), {method: always((True, "other"), None)})
    me = make(kind, code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)})
    assert answering(me, peer(), call).summary == "hi"
    me.replace_reply_func(getattr(ConversableAgent, method), getattr(kind, method))
    assert answering(me, peer(), call).summary == "other"


def test_a_message_that_is_sent_is_made_a_dict_by_the_override(make, peer, call):
    class Marking(ConversableAgent):
        @staticmethod
        def _message_to_dict(message):
            return {"content": f"({message})"}

    me, other = make(Marking), peer()
    call(me.send, "hi", other, silent=True)
    assert me.last_message(other)["content"] == "(hi)"


def test_a_plain_function_of_a_legacy_call_is_executed_by_the_plain_form_in_an_asynchronous_chat(make, peer):
    class Guarded(ConversableAgent):
        def execute_function(self, func_call, verbose=False):
            return False, {"name": func_call["name"], "role": "function", "content": "not allowed"}

    result = asyncio.run(peer().a_initiate_chat(make(Guarded), message=FUNCTION_CALL, max_turns=1))
    assert result.summary == "not allowed"


def test_a_legacy_call_is_executed_by_the_override(make, peer, call):
    me = make()
    for method in ("execute_function", "a_execute_function"):
        setattr(me, method, always(NEW_ANSWERS["execute_function"], getattr(me, method)))
    assert answering(me, peer(), call, message=FUNCTION_CALL).summary == "other"


def test_receiving_is_called_with_four_positional_arguments(make, peer, call, mode):
    heard, me, other = [], make(), peer()
    method = "receive" if mode == "sync" else "a_receive"
    setattr(me, method, watched(getattr(me, method), heard))
    call(other.send, "hi", me, silent=True)
    call(other.send, "hi", me, True)
    assert heard == [("hi", other, None, True), ("hi", other, True, False)]


def test_an_override_may_change_what_is_sent_and_received(call, agent):
    class Shouting(ConversableAgent):
        def send(self, message, recipient, request_reply=None, silent=False):
            super().send(message.upper(), recipient, request_reply, silent)

        async def a_send(self, message, recipient, request_reply=None, silent=False):
            await super().a_send(message.upper(), recipient, request_reply=request_reply, silent=silent)

        def receive(self, message, sender, request_reply=None, silent=False):
            super().receive(f"{message}?", sender, request_reply, silent)

        async def a_receive(self, message, sender, request_reply=None, silent=False):
            super().receive(f"{message}?", sender, request_reply, silent)

    a, b = agent("a", Shouting), agent("b", default_auto_reply="r")
    assert call(a.initiate_chat, b, message="hi", max_turns=1).summary == "r"
    assert [message["content"] for message in a.chat_messages[b]] == ["HI", "r?"]


@pytest.mark.parametrize("method", ["send", "receive"])
def test_a_message_may_be_held_back(call, agent, mode, method):
    me, other = agent("me", default_auto_reply="R"), agent("peer")
    held_back = method if mode == "sync" else twin(method)
    setattr(me, held_back, always(None, getattr(me, held_back)))
    result = call(other.initiate_chat, me, message="hi", max_turns=1, summary_method=None)
    assert [message["content"] for message in result.chat_history] == ["hi"]


def test_a_chat_is_prepared_on_both_sides(make, call, agent):
    heard = []

    class Prepared(ConversableAgent):
        def _prepare_chat(self, recipient, clear_history, prepare_recipient=True, reply_at_receive=True):
            heard.append((self.name, recipient.name, clear_history, prepare_recipient, reply_at_receive))
            super()._prepare_chat(recipient, clear_history, prepare_recipient, reply_at_receive)

    a, b = agent("a", Prepared), agent("b", Prepared, default_auto_reply=None)
    call(a.initiate_chat, b, message="hi", clear_history=False, summary_method=None)
    call(a.initiate_chat, b, message="hi", max_turns=1, summary_method=None)
    assert heard == [
        ("a", "b", False, True, True),
        ("b", "a", False, False, True),
        ("a", "b", True, True, False),
        ("b", "a", True, False, False),
    ]


def test_a_name_of_its_own_is_the_one_that_others_see(call, agent):
    class Titled(ConversableAgent):
        @property
        def name(self):
            return f"Dr {self._name}"

    a, b = agent("a", Titled), agent("b")
    call(a.send, "hi", b)
    assert a.last_message(b)["name"] == b.last_message(a)["name"] == "Dr a"


def test_messages_are_stored_as_early_programs_do_it(agent):
    """Before `is_sending` came, the role said who is speaking."""

    class Early(ConversableAgent):
        def send(self, message, recipient, request_reply=None, silent=False):
            self._append_oai_message(message, "assistant", recipient)
            recipient.receive(message, self, request_reply, silent)

    result = agent("user", kind=Early).initiate_chat(agent("b", default_auto_reply="hm"), message="go", max_turns=1)
    assert [message["name"] for message in result.chat_history] == ["user", "b"]
