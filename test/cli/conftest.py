"""Recorded chats to look at."""

import pytest

from autogen import GroupChat, GroupChatManager, register_function
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import Fault, OpenAIServer, Reply, tool_call

HOSTILE = (
    "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">"
    " [bold]markup[/bold] \x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \u202egnp.exe"
)


def reply(text, prompt, completion, **more):
    total = prompt + completion
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return Reply(text, usage=usage, **more)


@pytest.fixture
def group_chat(agent, tmp_path):
    """A recorded group chat: an endpoint that fails, tools, code, a human, and a message that means no good."""

    def priced(*servers):
        entries = [
            {**server.config, "model": "gpt-4o-mini", "price": [0.001, 0.002], "max_retries": 1} for server in servers
        ]
        return {"config_list": entries, "cache_seed": None, "retry_policy": {"first_delay": 0.001}}

    def double(x: int) -> int:
        if x < 0:
            raise ValueError("no negative numbers")
        return 2 * x

    with (
        OpenAIServer(Fault(status=429, message="Slow down."), Fault(status=503, message="Overloaded.")) as bad,
        OpenAIServer(
            reply("I plan.", 100, 10),
            reply(None, 200, 20, tool_calls=[tool_call("double", x=4), tool_call("double", x=-1)]),
            reply("Run it:\n```python\nprint('the code says', 6 * 7)\n```", 300, 30),
            reply(f"{HOSTILE}\nTERMINATE", 400, 40),
        ) as good,
    ):
        user = agent(
            "user",
            human_input_mode="TERMINATE",
            human_input_source=lambda prompt: "exit",
            is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
            code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path / "work")},
        )
        planner, coder = agent("planner", llm_config=priced(bad, good)), agent("coder", llm_config=priced(good))
        register_function(double, caller=coder, executor=user, description="Double.")
        order = iter([planner, coder, user, coder, user, coder, user])
        group = GroupChat([user, planner, coder], max_round=20, speaker_selection_method=lambda last, group: next(order))
        file = tmp_path / "group.db"
        result = user.initiate_chat(GroupChatManager(group), message="What is it?", checkpoint=file)
    return file, result


@pytest.fixture
def small_chat(agent, tmp_path):
    """A recorded chat of two messages."""
    file = tmp_path / "small.db"
    agent("a").initiate_chat(agent("b", default_auto_reply="there"), message="hi", max_turns=1, checkpoint=file)
    return file
