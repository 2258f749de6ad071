"""Overrides, reply functions, hooks, queues and nested chats, as programs of 0.2 write them."""

from typing import Any

from autogen import (
    Agent,
    AssistantAgent,
    ChatResult,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    UserProxyAgent,
    gather_usage_summary,
    initiate_chats,
    register_function,
)


class Counter(ConversableAgent):
    """An agent with options of its own, whose overrides have the types of 0.2."""

    def __init__(self, name: str, step: int, **kwargs: Any) -> None:
        super().__init__(name, llm_config=False, human_input_mode="NEVER", **kwargs)
        self.step = step
        self.heard: list[str] = []
        self.register_reply([Agent, None], Counter.count, position=2)
        self.register_hook("process_last_received_message", self.note)

    def count(
        self, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, config: Any | None = None
    ) -> tuple[bool, str | dict[str, Any] | None]:
        if messages is None:
            messages = self.chat_messages[sender] if sender else []
        return True, str(len(messages) * self.step)

    def note(self, content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        self.heard.append(str(content))
        return content

    def send(
        self,
        message: dict[str, Any] | str,
        recipient: Agent,
        request_reply: bool | None = None,
        silent: bool | None = False,
    ) -> None:
        super().send(message, recipient, request_reply, silent)

    def receive(
        self,
        message: dict[str, Any] | str,
        sender: Agent,
        request_reply: bool | None = None,
        silent: bool | None = False,
    ) -> None:
        super().receive(message, sender, request_reply, silent)

    def generate_reply(
        self, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, **kwargs: Any
    ) -> str | dict[str, Any] | None:
        return super().generate_reply(messages, sender, **kwargs)

    def get_human_input(self, prompt: str) -> str:
        return "exit"

    def check_termination_and_human_reply(
        self, messages: list[dict[str, Any]] | None = None, sender: Agent | None = None, config: Any | None = None
    ) -> tuple[bool, str | None]:
        return False, None


def decline(
    recipient: ConversableAgent,
    messages: list[dict[str, Any]] | None = None,
    sender: Agent | None = None,
    config: Any = None,
) -> tuple[bool, str | None]:
    return False, None


async def decline_async(
    recipient: ConversableAgent, messages: list[dict[str, Any]], sender: Agent, config: Any
) -> tuple[bool, dict[str, Any] | None]:
    return False, None


def mark(sender: ConversableAgent, message: dict[str, Any] | str, recipient: Agent, silent: bool) -> dict[str, Any] | str:
    return message


def make_first(sender: ConversableAgent, recipient: ConversableAgent, context: dict[str, Any]) -> str:
    return f"about {context['topic']}"


def summarize(sender: ConversableAgent, recipient: ConversableAgent, summary_args: dict[str, Any]) -> str:
    return "a summary"


def select(last_speaker: Agent, groupchat: GroupChat) -> Agent | str | None:
    return groupchat.agents[len(groupchat.messages) % len(groupchat.agents)]


def is_done(message: dict[str, Any]) -> bool:
    return "done" in (message.get("content") or "")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def main() -> None:
    config_list = [{"model": "gpt-4o-mini", "api_key": "sk-none"}]
    llm_config = {"config_list": config_list, "temperature": 0, "cache_seed": None}
    assistant = AssistantAgent("assistant", llm_config=llm_config, code_execution_config=False, silent=True)
    code = {"use_docker": False, "last_n_messages": 2}
    user = UserProxyAgent(
        "user", is_done, 10, "NEVER", {"add": add}, code_execution_config=code, default_auto_reply="done", silent=True
    )
    register_function(add, caller=assistant, executor=user, description="Add two numbers.")
    counter = Counter("counter", 2, silent=True)
    counter.register_reply(user, decline, config={"depth": 1})
    counter.register_reply(lambda sender: sender is not user, decline_async, ignore_async_in_sync_chat=True)
    counter.register_hook("process_message_before_send", mark)
    result: ChatResult = user.initiate_chat(
        counter, message=make_first, topic="numbers", max_turns=1, summary_method=summarize, summary_args={"length": 1}
    )
    print(result.summary, result.cost["usage_including_cached_inference"]["total_cost"], counter.heard)
    queue = [
        {"recipient": counter, "message": "one", "max_turns": 1, "silent": True},
        {"recipient": Counter("other", 3, silent=True), "message": "two", "max_turns": 1, "silent": True},
    ]
    print([chat.summary for chat in user.initiate_chats(queue)])
    [last] = initiate_chats([{"sender": user, "recipient": counter, "message": "x", "max_turns": 1, "silent": True}])
    content = last.chat_history[-1]["content"]
    print(content.upper() if isinstance(content, str) else content)
    outer = Counter("outer", 1, silent=True)
    outer.register_nested_chats([{"recipient": counter, "max_turns": 1, "silent": True}], trigger=[user, None], position=0)
    print(user.initiate_chat(outer, message="nested", max_turns=1).summary)
    group = GroupChat([user, counter], max_round=3, speaker_selection_method=select, admin_name="user")
    manager = GroupChatManager(group, llm_config=False, is_termination_msg=is_done, silent=True)
    user.initiate_chat(manager, message="hi")
    print(manager.last_speaker, manager.groupchat.messages[-1]["content"], user.last_message(manager))
    print(gather_usage_summary([user, counter, assistant])["usage_excluding_cached_inference"])


if __name__ == "__main__":
    main()
