"""Two agents, sync and async, and the result of a chat."""

import asyncio

from autogen import ChatResult, ConversableAgent, UserProxyAgent
from autogen.agentchat.conditions import MaxMessages, TextMention
from autogen.testing import ScriptedModel
from autogen.types import ChatMessage


def print_history(result: ChatResult) -> None:
    for message in result.chat_history:
        print(message["role"], message.get("name"), message["content"])


def count_words(messages: list[ChatMessage]) -> int:
    return sum(len(message["content"].split()) for message in messages if isinstance(message["content"], str))


async def chat_async(user: UserProxyAgent, assistant: ConversableAgent) -> str:
    result = await user.a_initiate_chat(assistant, message="And of Italy?", clear_history=False, max_turns=1)
    return str(result.summary)


def main() -> None:
    with ScriptedModel("Paris.", "Rome.") as model:
        assistant = ConversableAgent("geographer", "You know capitals.", llm_config=model.llm_config)
        user = UserProxyAgent(
            "user",
            human_input_mode="NEVER",
            code_execution_config=False,
            is_termination_msg=TextMention("Paris") | MaxMessages(6),
        )
        result = user.initiate_chat(
            assistant,
            message="What is the capital of France?",
            summary_method="last_msg",
        )
        print_history(result)
        summary: str = asyncio.run(chat_async(user, assistant))
        cost: float = result.cost["usage_including_cached_inference"]["total_cost"]
        print(summary, cost, result.stop_reason)


if __name__ == "__main__":
    main()
