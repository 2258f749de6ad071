"""Teams that tests serve, also in processes: scripted, without a network."""

import os
import sys
import time

from autogen import AssistantAgent, ConversableAgent, GroupChat, GroupChatManager, UserProxyAgent
from autogen.testing import ScriptedModel, tool_call


def make_user(**options):
    return UserProxyAgent("user", **{"human_input_mode": "NEVER", "code_execution_config": False, **options})


def make_shouter():
    """Says everything in capitals."""
    model = ScriptedModel(lambda messages: messages[-1]["content"].upper())
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    return {"sender": make_user(), "recipient": assistant, "max_turns": 1}


def make_counter():
    """Says how many messages the model sees."""
    model = ScriptedModel(
        lambda messages: " | ".join(f"{m['role']}: {m['content']}" for m in messages if m["role"] != "system")
    )
    return {"sender": make_user(), "recipient": AssistantAgent("assistant", llm_config=model.llm_config), "max_turns": 1}


def make_asker():
    """Asks the human whether it may go on."""

    def answer(messages):
        return "TERMINATE" if len(messages) > 3 else "May I?"

    assistant = AssistantAgent("assistant", llm_config=ScriptedModel(answer).llm_config)
    user = make_user(human_input_mode="ALWAYS", is_termination_msg=lambda message: "TERMINATE" in str(message["content"]))
    return {"sender": user, "recipient": assistant, "max_turns": 2, "summary_method": list_contents}


def list_contents(sender, recipient, arguments):
    return " / ".join(message["content"] for message in sender.chat_messages[recipient])


def make_caller(function, *calls):
    """Make an agent that calls a tool, and says what came of it."""
    replies = [*(tool_call("work", **arguments) for arguments in calls), lambda messages: str(messages[-1]["content"])]
    model = ScriptedModel(*replies)
    agent = ConversableAgent("worker", llm_config=model.llm_config, human_input_mode="NEVER")
    agent.register_for_llm(name="work", description="Work.")(function)
    agent.register_for_execution(name="work")(function)
    return agent


def make_sleeper():
    """Never comes back."""

    def work() -> str:
        print("noise, which is no message of the worker")
        with open(os.environ["SLEEPER_FILE"], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(3600)
        return "late"

    return make_caller(work, {})


def make_hog():
    """Takes all memory."""

    def work() -> str:
        return str(len(bytearray(4 * 2**30)))

    return make_caller(work, {})


def make_victim():
    """Ends its process."""

    def work() -> str:
        print("my last words", file=sys.stderr, flush=True)
        os._exit(7)

    return make_caller(work, {})


def make_reader():
    """Reads the standard input, and prints."""

    def work() -> str:
        print('{"kind": "result", "result": {}}', flush=True)
        return f"read {sys.stdin.read()!r}"

    return make_caller(work, {})


def make_group():
    """A group of two."""
    members = [
        AssistantAgent(name, llm_config=ScriptedModel(lambda messages, name=name: f"{name} agrees").llm_config)
        for name in ("ada", "bob")
    ]
    group = GroupChat(members, [], max_round=3, speaker_selection_method="round_robin")
    return GroupChatManager(group, llm_config=False)


def make_broken():
    raise LookupError("no agents today, with sk-abcdefghijklmnopqrstuvwxyz012345")
