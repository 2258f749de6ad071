"""Random sequences of what can be done to agents: nothing crashes, both sides agree, nothing is lost or doubled."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from autogen import Agent, ConversableAgent
from autogen.testing import tool_call

TEXTS = st.text(max_size=8)
WILD = st.one_of(TEXTS, st.sampled_from(['{"x": 1}', "{", "null", "[]", '{"y": 1}', "", '{"x": "a\nb"}']))
NAMES = st.sampled_from(["tool", "fail", "unknown", ""])


class Chats(RuleBasedStateMachine):
    """Two agents, and a record of what each should remember."""

    @initialize(asynchronous=st.booleans())
    def meet(self, asynchronous):
        self.asynchronous = asynchronous
        self.a, self.b = self.agent("a"), self.agent("b")
        self.expected = []

    def agent(self, name):
        def fail(**arguments):
            raise RuntimeError(name)

        return ConversableAgent(
            name,
            llm_config=False,
            human_input_mode="NEVER",
            default_auto_reply=f"reply of {name}",
            max_consecutive_auto_reply=3,
            function_map={"tool": lambda x: f"got {x}", "fail": fail},
            silent=True,
        )

    def call(self, method, *args, **kwargs):
        if self.asynchronous:
            return asyncio.run(getattr(method.__self__, "a_" + method.__name__)(*args, **kwargs))
        return method(*args, **kwargs)

    def sides(self, forward):
        return (self.a, self.b) if forward else (self.b, self.a)

    @rule(text=TEXTS, forward=st.booleans())
    def send(self, text, forward):
        sender, receiver = self.sides(forward)
        self.call(sender.send, text, receiver, request_reply=False)
        self.expected.append(text)

    @rule(text=TEXTS, forward=st.booleans())
    def send_and_be_answered(self, text, forward):
        sender, receiver = self.sides(forward)
        sender.stop_reply_at_receive(receiver)
        before = receiver._consecutive_auto_reply_counter[sender]
        self.call(sender.send, text, receiver, request_reply=True)
        answered = before < 3 and text != "TERMINATE"
        self.expected += [text, f"reply of {receiver.name}"] if answered else [text]
        assert receiver._consecutive_auto_reply_counter[sender] == (before + 1 if answered else 0)

    @rule(name=NAMES, arguments=WILD, forward=st.booleans())
    def call_a_tool(self, name, arguments, forward):
        sender, receiver = self.sides(forward)
        sender.stop_reply_at_receive(receiver)
        before = receiver._consecutive_auto_reply_counter[sender]
        call = tool_call("x", call_id="c") | {"function": {"name": name, "arguments": arguments}}
        self.call(sender.send, {"content": None, "tool_calls": [call]}, receiver, request_reply=True)
        self.expected.append(None)
        if before < 3:
            answer = receiver.last_message(sender)
            assert answer["tool_responses"][0]["tool_call_id"] == "c"
            assert answer["content"].startswith(("got ", "Error: "))
            self.expected.append(answer["content"])

    @rule(text=TEXTS, turns=st.integers(0, 3), clear=st.booleans(), forward=st.booleans())
    def chat(self, text, turns, clear, forward):
        sender, receiver = self.sides(forward)
        result = self.call(
            sender.initiate_chat, receiver, message=text, max_turns=turns, clear_history=clear, summary_method=None
        )
        kept = 0 if clear else len(self.expected)
        said = [message["content"] for message in result.chat_history]
        assert said[:kept] == self.expected[:kept]
        assert said[kept : kept + 1] == ([text] if turns else [])
        assert len(said) - kept <= 2 * turns
        self.expected = said
        assert result.stop_reason is not None

    @rule(position=st.integers(0, 20))
    def spy(self, position):
        self.a.register_reply([Agent, None], lambda recipient, messages, sender, config: (False, None), position)

    @rule(forward=st.booleans())
    def clear(self, forward):
        for agent in (self.a, self.b):
            agent.clear_history()
        self.expected = []

    @rule(keep=st.integers(1, 5))
    def clear_but_the_last(self, keep):
        lengths = []
        for agent in (self.a, self.b):
            agent.clear_history(nr_messages_to_preserve=keep)
            lengths += [len(history) for history in agent.chat_messages.values()]
        assert len(set(lengths)) <= 1
        self.expected = self.expected[-lengths[0] :] if lengths and lengths[0] else []

    @rule()
    def reset(self):
        for agent in (self.a, self.b):
            agent.reset()
        self.expected = []

    @invariant()
    def both_sides_agree_and_nothing_is_lost(self):
        if not hasattr(self, "a"):
            return
        left = [message["content"] for message in self.a._oai_messages.get(self.b, [])]
        right = [message["content"] for message in self.b._oai_messages.get(self.a, [])]
        assert left == right == self.expected


Chats.TestCase.settings = settings(stateful_step_count=15, deadline=None)
TestRandomChats = Chats.TestCase
