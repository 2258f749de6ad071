"""What programs add: a reply function, tools, a model client and a capability of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from autogen import Agent, AssistantAgent, ConversableAgent, UserProxyAgent, register_function
from autogen.oai import ModelClient
from autogen.testing import ScriptedModel, tool_call


def reply_politely(
    recipient: ConversableAgent,
    messages: list[dict[str, Any]] | None = None,
    sender: Agent | None = None,
    config: Any | None = None,
) -> tuple[bool, str | dict[str, Any] | None]:
    if messages and "please" in str(messages[-1]["content"]):
        return True, f"Of course, says {recipient.name}."
    return False, None


def add(a: Annotated[int, "First number"], b: Annotated[int, "Second number"]) -> int:
    return a + b


async def look_up(word: Annotated[str, "Word"]) -> list[str]:
    return [word]


@dataclass
class EchoMessage:
    content: str | None
    function_call: None = None
    tool_calls: None = None


@dataclass
class EchoChoice:
    message: EchoMessage


@dataclass
class EchoResponse:
    choices: list[EchoChoice]
    model: str


class EchoClient:
    """A model client that repeats the last message."""

    def __init__(self, config: Mapping[str, Any], **kwargs: Any) -> None:
        self.model = str(config["model"])

    def create(self, params: dict[str, Any]) -> EchoResponse:
        return EchoResponse([EchoChoice(EchoMessage(str(params["messages"][-1]["content"])))], self.model)

    def message_retrieval(self, response: EchoResponse) -> list[str | None]:
        return [choice.message.content for choice in response.choices]

    def cost(self, response: EchoResponse) -> float:
        return 0.0

    @staticmethod
    def get_usage(response: EchoResponse) -> dict[str, Any]:
        return {}


class Shortener:
    """A capability: the model sees the last messages only."""

    def add_to_agent(self, agent: ConversableAgent) -> None:
        agent.register_hook("process_all_messages_before_reply", self.shorten)

    def shorten(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return messages[-10:]


def make_echo() -> AssistantAgent:
    echo = AssistantAgent("echo", llm_config={"config_list": [{"model": "echo", "model_client_cls": "EchoClient"}]})
    echo.register_model_client(EchoClient)
    echo.register_reply([Agent, None], reply_politely)
    Shortener().add_to_agent(echo)
    return echo


def check_client(client: type[ModelClient]) -> str:
    return client.__name__


def main() -> None:
    print(make_echo().generate_reply(messages=[{"role": "user", "content": "Say it, please."}]))
    with ScriptedModel(tool_call("add", a=2, b=3), "It is 5. TERMINATE") as model:
        assistant = AssistantAgent("assistant", llm_config=model.llm_config, silent=True)
        user = UserProxyAgent(
            "user",
            human_input_mode="NEVER",
            code_execution_config=False,
            is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
        )
        register_function(add, caller=assistant, executor=user, description="Add two numbers.")
        assistant.register_for_llm(description="Look a word up.")(user.register_for_execution()(look_up))
        print(user.initiate_chat(assistant, message="2 + 3?", silent=True).summary)


if __name__ == "__main__":
    main()
