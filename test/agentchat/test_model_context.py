"""Model contexts: the part of a long history that a model sees."""

import copy

import pytest

from autogen import AssistantAgent, ConversableAgent, GroupChat, UserProxyAgent, events
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter
from autogen.agentchat.model_context import (
    BufferedChatCompletionContext,
    HeadAndTailChatCompletionContext,
    ModelContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
)
from autogen.testing import ScriptedModel, tool_call
from autogen.token_count_utils import estimate_tokens

CALL = {"role": "assistant", "content": None, "tool_calls": [tool_call("f", call_id="1")]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "result"}


def noop(x: str) -> str:
    return x


def texts(*contents):
    return [{"role": "user", "content": content} for content in contents]


def shown(messages):
    return [message["content"] for message in messages]


@pytest.mark.parametrize(
    ("context", "messages", "expected"),
    [
        (UnboundedChatCompletionContext(), texts("a", "b"), ["a", "b"]),
        (UnboundedChatCompletionContext(initial_messages=texts("0")), texts("a"), ["0", "a"]),
        (BufferedChatCompletionContext(2), texts("a", "b", "c"), ["b", "c"]),
        (BufferedChatCompletionContext(2), texts("a", "b"), ["a", "b"]),
        (BufferedChatCompletionContext(2, texts("0", "1")), texts("a"), ["1", "a"]),
        # A result is not shown without its call, so there may be fewer messages.
        (BufferedChatCompletionContext(2), [CALL, RESULT, *texts("a")], ["a"]),
        (BufferedChatCompletionContext(1), [*texts("a"), CALL, RESULT], [None, "result"]),
        (HeadAndTailChatCompletionContext(1, 2), texts("a", "b", "c"), ["a", "b", "c"]),
        (
            HeadAndTailChatCompletionContext(1, 2),
            texts("a", "b", "c", "d", "e"),
            ["a", "[... 2 messages are not shown here ...]", "d", "e"],
        ),
        # A call at the end of the head, and a result at the start of the tail.
        (
            HeadAndTailChatCompletionContext(2, 2),
            [*texts("a"), CALL, RESULT, *texts("b"), CALL, RESULT, *texts("c")],
            ["a", "[... 5 messages are not shown here ...]", "c"],
        ),
    ],
)
def test_views(context, messages, expected):
    before = copy.deepcopy(messages)
    assert isinstance(context, ModelContext)
    assert shown(context.view(messages)) == expected
    assert shown(context.apply_transform(messages)) == expected
    assert messages == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: BufferedChatCompletionContext(0),
        lambda: BufferedChatCompletionContext(buffer_size=True),
        lambda: HeadAndTailChatCompletionContext(0, 1),
        lambda: HeadAndTailChatCompletionContext(1, -1),
        lambda: TokenLimitedChatCompletionContext("gpt-4o", token_limit=0),
    ],
)
def test_sizes_must_be_positive(make):
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        make()


def test_a_token_limit_leaves_out_the_middle():
    messages = texts(*(f"message number {number}" for number in range(20)))
    context = TokenLimitedChatCompletionContext("gpt-4o", token_limit=80)
    view = shown(context.view(messages))
    notice = next(index for index, text in enumerate(view) if "not shown" in text)
    assert view[:notice] == shown(messages[:notice])
    assert view[notice + 1 :] == shown(messages[notice + 1 - len(view) :])
    assert abs(notice - (len(view) - notice - 1)) <= 1
    assert view[notice] == f"[... {20 - len(view) + 1} messages are not shown here ...]"
    assert 55 < estimate_tokens(context.view(messages), "gpt-4o") <= 83
    assert context.view(messages[:4]) == messages[:4]


@pytest.mark.parametrize("owner", [None, "agent", "config"])
def test_the_window_of_the_model_is_the_limit_with_system_message_and_tools(call, owner):
    system = "Rule. " * 500
    config = {"model": "gpt-4", "api_key": "none"}
    agent = ConversableAgent("agent", system, llm_config=config, silent=True)
    agent.register_for_llm(name="f", description="word " * 500)(noop)
    window = 8192
    messages = texts(*("word " * 400 for _ in range(40)))
    context = TokenLimitedChatCompletionContext({None: None, "agent": agent, "config": config}[owner])
    agent.model_context = context
    view = call(agent.process_all_messages_before_reply, messages)
    sent = [{"role": "system", "content": system}, *view, *agent.llm_config["tools"]]
    assert window // 4 * 3 - 600 < estimate_tokens(sent, "gpt-4") <= window // 4 * 3
    # Without an agent there is neither a system message nor a tool.
    if owner:
        assert len(context.view(messages)) > len(view)


def test_a_model_of_unknown_window_sees_everything():
    messages = texts(*("word " * 400 for _ in range(40)))
    assert TokenLimitedChatCompletionContext("nobody-knows-it").view(messages) is messages
    assert TokenLimitedChatCompletionContext().view(messages) is messages
    with pytest.raises(TypeError, match="model_client must be"):
        TokenLimitedChatCompletionContext(3)


@pytest.mark.parametrize("make", [AssistantAgent, UserProxyAgent, ConversableAgent])
def test_a_context_is_given_to_any_agent_and_leaves_its_history_whole(call, make):
    seen = []
    with ScriptedModel(lambda messages: f"{len(messages)} seen") as model:
        agent = make(
            "agent",
            system_message="System.",
            llm_config=model.llm_config,
            human_input_mode="NEVER",
            silent=True,
            model_context=BufferedChatCompletionContext(3),
        )
        peer = ConversableAgent("peer", llm_config=False, human_input_mode="NEVER", default_auto_reply="go on", silent=True)
        with events.subscribe(seen.append, types=[events.ContextTransformed]):
            result = call(peer.initiate_chat, agent, message="start", max_turns=4)
        assert [len(request) for request in model.asked] == [2, 4, 4, 4]
        assert model.asked[-1][0]["content"] == "System."
    assert len(result.chat_history) == len(agent.chat_messages[peer]) == 8
    assert [event.left_out for event in seen] == [[[0, 1]], [[0, 3]]]
    assert {event.transform for event in seen} == {"BufferedChatCompletionContext"}
    assert isinstance(agent.clone().model_context, BufferedChatCompletionContext)
    agent.model_context = None
    assert agent.model_context is None
    assert not any(agent.hook_lists.values())
    with pytest.raises(TypeError, match=r"model_context must have a method apply_transform\(messages\) or view"):
        agent.model_context = 5


class Own:
    """A context of a program, with a form for async chats."""

    def __init__(self):
        self.forms = []

    def view(self, messages):
        self.forms.append("sync")
        return messages[-1:]

    async def a_view(self, messages):
        self.forms.append("async")
        return messages[-1:]


def test_transforms_are_contexts_and_contexts_transforms(call):
    own = Own()
    capability = TransformMessages(transforms=[own, BufferedChatCompletionContext(9)], verbose=False)
    with ScriptedModel("fine", "fine") as model:
        agent = ConversableAgent("agent", llm_config=model.llm_config, model_context=MessageHistoryLimiter(2), silent=True)
        call(agent.generate_reply, texts("a", "b", "c"))
        agent.add_capability(capability)
        call(agent.generate_reply, texts("a", "b", "c"))
        assert [shown(request)[1:] for request in model.asked] == [["b", "c"], ["c"]]
    assert len(own.forms) == 1
    assert capability._transform_messages(texts("a", "b")) == texts("b")
    assert own.forms[-1] == "sync"


def test_what_returns_no_list_is_an_error():
    class Wrong:
        def view(self, messages):
            return iter(messages)

    with pytest.raises(TypeError, match="Wrong must return a list of messages, got list_iterator"):
        TransformMessages(transforms=[Wrong()])._transform_messages(texts("a"))


def test_a_group_chat_selects_its_speakers_by_a_context(call):
    members = [ConversableAgent(name, llm_config=False, default_auto_reply=name, silent=True) for name in ("a", "b")]
    messages = [{"role": "user", "name": "a", "content": f"message {number}"} for number in range(9)]
    group = GroupChat(members, messages, select_speaker_model_context=BufferedChatCompletionContext(2))
    own = Own()
    both = GroupChat(
        members,
        messages,
        select_speaker_model_context=BufferedChatCompletionContext(2),
        select_speaker_transform_messages=TransformMessages(transforms=[own], verbose=False),
    )
    with ScriptedModel("b", "b") as model:
        selector = ConversableAgent("selector", llm_config=model.llm_config, silent=True)
        for chat in (group, both):
            assert call(chat.select_speaker, members[0], selector).name == "b"
        for request, numbers in zip(model.asked, ([7, 8], [8]), strict=True):
            assert [number for number in range(9) if f"message {number}" in str(request)] == numbers
    assert own.forms in (["sync"], ["async"])
    with pytest.raises(TypeError, match="select_speaker_model_context must have a method"):
        GroupChat(members, [], select_speaker_model_context=5)
