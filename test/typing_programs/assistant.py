"""An assistant with most of its parameters, a config list, and a local executor for its code."""

import tempfile
from pathlib import Path
from typing import Any

from autogen import AssistantAgent, LLMConfig, UserProxyAgent
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import ScriptedModel


def is_done(message: dict[str, Any]) -> bool:
    return "TERMINATE" in str(message.get("content"))


def make_assistant(llm_config: dict[str, Any] | LLMConfig) -> AssistantAgent:
    return AssistantAgent(
        name="assistant",
        system_message="You write Python.",
        llm_config=llm_config,
        is_termination_msg=is_done,
        max_consecutive_auto_reply=5,
        human_input_mode="NEVER",
        description="Writes Python.",
        silent=True,
    )


def main() -> None:
    print(make_assistant(LLMConfig(model="gpt-4o-mini", api_key="unused", temperature=0)).description)
    with (
        ScriptedModel("```python\nprint(6 * 7)\n```", "It is 42. TERMINATE") as model,
        tempfile.TemporaryDirectory() as folder,
    ):
        executor = LocalCommandLineCodeExecutor(timeout=30, work_dir=Path(folder))
        user = UserProxyAgent(
            "user",
            is_termination_msg=is_done,
            human_input_mode="NEVER",
            max_consecutive_auto_reply=3,
            code_execution_config={"executor": executor},
        )
        result = user.initiate_chat(make_assistant(model.llm_config), message="What is 6 times 7?", silent=True)
        reply = result.chat_history[-1]["content"]
        print(reply)


if __name__ == "__main__":
    main()
