from __future__ import annotations

import asyncio
import os
from typing import Any

from autogen import (
    Agent, AssistantAgent, Cache, ChatResult, ConversableAgent, GroupChat, GroupChatManager, LLMConfig, UserProxyAgent,
    gather_usage_summary, initiate_chats, register_function,
)
from autogen.agentchat.conditions import MaxMessages, TextMention
from autogen.coding import LocalCommandLineCodeExecutor

config_list = [{"model": "gpt-4o", "api_key": os.environ.get("KEY")}]
llm_config = {"config_list": config_list, "temperature": 0, "cache_seed": None}
llm_any: dict[str, Any] = {"model": "x"}


def is_done(message: dict[str, Any]) -> bool:
    return "TERMINATE" in (message.get("content") or "")


assistant = AssistantAgent("assistant", llm_config=llm_config, system_message="Hi", code_execution_config=False)
assistant2 = AssistantAgent(name="a", llm_config={"config_list": config_list, "timeout": 120}, silent=True, functions=[len])
assistant3 = AssistantAgent("a", "text", llm_any, is_done, 3, "NEVER", "desc")
assistant4 = AssistantAgent("a", llm_config=LLMConfig(model="x", api_key="y"))
assistant5 = AssistantAgent("a", llm_config={"model": "gpt-4o", "api_key": "k", "price": [0.1, 0.2], "tags": ["x"]})
user = UserProxyAgent(
    "user", human_input_mode="NEVER", is_termination_msg=lambda m: m.get("content", "") == "x", max_consecutive_auto_reply=10,
    code_execution_config={"work_dir": "coding", "use_docker": False, "last_n_messages": 2},
)
user2 = UserProxyAgent("user", code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=".")}, function_map={"f": len})
code_config = {"work_dir": "coding", "use_docker": False}
user3 = UserProxyAgent("u", code_execution_config=code_config, is_termination_msg=MaxMessages(3) | TextMention("DONE"), llm_config=False)


class MyAgent(ConversableAgent):
    def __init__(self, name: str, extra: int, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.extra = extra
        self.register_reply([Agent, None], MyAgent.reply, position=1)
        self.register_reply(Agent, reply_func=my_reply, config={"x": 1})
        self.register_reply(lambda sender: sender is not self, a_reply)
        self.register_reply(assistant, reply_func=lambda recipient, messages, sender, config: (True, "hi"))
        self.register_reply([assistant, "bob", None], my_reply)
        self.register_hook("process_last_received_message", self.on_last)
        self.register_hook(hookable_method="process_message_before_send", hook=before_send)

    def on_last(self, content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        return content

    def reply(
        self, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, config: Any | None = None
    ) -> tuple[bool, str | dict[str, Any] | None]:
        if messages is None:
            messages = self.chat_messages[sender] if sender else []
        return True, str(messages[-1]["content"])

    def generate_reply(self, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, **kwargs: Any) -> str | dict[str, Any] | None:
        return super().generate_reply(messages, sender, **kwargs)

    def receive(self, message: dict[str, Any] | str, sender: Agent, request_reply: bool | None = None, silent: bool | None = False) -> None:
        print(sender.name, message)
        super().receive(message, sender, request_reply, silent)

    def send(self, message: dict[str, Any] | str, recipient: Agent, request_reply: bool | None = None, silent: bool | None = False) -> None:
        super().send(message, recipient, request_reply, silent)

    def get_human_input(self, prompt: str) -> str:
        return input(prompt)

    def check_termination_and_human_reply(
        self, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, config: Any | None = None
    ) -> tuple[bool, str | None]:
        return False, None


def my_reply(recipient: ConversableAgent, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, config: Any = None) -> tuple[bool, str | None]:
    return False, None


async def a_reply(recipient: ConversableAgent, messages: list[dict[str, Any]], sender: Agent, config: Any) -> tuple[bool, dict[str, Any] | None]:
    return True, {"content": "x"}


def before_send(sender: ConversableAgent, message: dict[str, Any] | str, recipient: Agent, silent: bool) -> dict[str, Any] | str:
    return message


@user.register_for_execution()
@assistant.register_for_llm(description="Add.")
def add(a: int, b: int) -> int:
    return a + b


total: int = add(1, 2)
register_function(add, caller=assistant, executor=user, name="add", description="Add.")


def first(sender: ConversableAgent, recipient: ConversableAgent, context: dict[str, Any]) -> str:
    return "go"


def summarise(sender: ConversableAgent, recipient: ConversableAgent, summary_args: dict[str, Any]) -> str:
    return "s"


with Cache.disk(cache_seed=42) as cache:
    result = user.initiate_chat(assistant, message="Hello", max_turns=2, cache=cache, summary_method="reflection_with_llm", summary_args={"summary_prompt": "x"})
result2: ChatResult = user.initiate_chat(recipient=assistant, message=first, summary_method=summarise, problem="x")
print(result.summary, result.cost["usage_including_cached_inference"]["total_cost"], result.chat_id)
for message in result.chat_history:
    print(message["role"], message["content"], message.get("name"), message.get("tool_calls"))
last = result.chat_history[-1]["content"]
if isinstance(last, str):
    print(last.upper())
queue = [{"recipient": assistant, "message": "a", "max_turns": 1, "summary_method": "last_msg"}, {"recipient": user2, "message": "b", "carryover": ["x"]}]
results = user.initiate_chats(queue)
print(results[0].summary)
results2 = user.initiate_chats([{"recipient": assistant, "message": "a", "max_turns": 1, "clear_history": True}])
results3 = initiate_chats([{"sender": user, "recipient": assistant, "message": first, "summary_args": {"summary_prompt": "x"}}])
any_queue: list[dict[str, Any]] = [{"recipient": assistant}]
user.initiate_chats(any_queue)
user.register_nested_chats(queue, trigger=assistant)
user.register_nested_chats([{"recipient": assistant, "message": lambda recipient, messages, sender, config: "x", "max_turns": 1}], trigger=lambda sender: sender not in [assistant])
assistant.register_nested_chats([{"recipient": user}], trigger=[user, None], use_async=False)


async def main() -> None:
    result = await user.a_initiate_chat(assistant, message="Hi", clear_history=False)
    print(result.summary)
    done = await user.a_initiate_chats([{"chat_id": 1, "recipient": assistant, "prerequisites": [], "message": "x"}])
    print(done[1].summary)
    reply = await assistant.a_generate_reply(messages=[{"role": "user", "content": "x"}])
    print(reply)


asyncio.run(main())

group = GroupChat(agents=[user, assistant, MyAgent("m", 1)], messages=[], max_round=5, speaker_selection_method="round_robin")


def select(last_speaker: Agent, groupchat: GroupChat) -> Agent | str | None:
    return groupchat.agents[0]


group2 = GroupChat([user, assistant], speaker_selection_method=select, allowed_or_disallowed_speaker_transitions={user: [assistant]}, speaker_transitions_type="allowed", admin_name="a")
manager = GroupChatManager(groupchat=group, llm_config=llm_config, name="m", is_termination_msg=is_done)
user.initiate_chat(manager, message="x")
print(manager.groupchat.messages[-1]["content"], manager.last_speaker)
agent, message2 = manager.resume(messages="[]")
print(gather_usage_summary([user, assistant])["usage_excluding_cached_inference"])
reply = assistant.generate_reply(messages=[{"role": "user", "content": "x"}])
final, answer = assistant.generate_oai_reply(messages=[{"content": "x", "role": "user"}])
print(reply, final, answer)
history: list[dict[str, Any]] = user.chat_messages[assistant]
print(user.last_message(assistant), user.last_message())
user.send("x", assistant)
clone = user.clone()
clone.human_input_mode = "ALWAYS"
assistant.update_system_message(assistant.system_message + "x")
assistant.description = "x"
assistant.llm_config and assistant.llm_config["config_list"]
assistant.reset()
custom = ConversableAgent("c", llm_config=False, human_input_mode="NEVER", default_auto_reply="x", chat_messages={user: [{"role": "user", "content": "x"}]}, human_input_source=input)
for event in user.run_iter(assistant, message="x"):
    print(event.type)
print(assistant.run("task", tools=[add]).summary)
