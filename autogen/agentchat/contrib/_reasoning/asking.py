"""The models of a `ReasoningAgent`: a thinker, a grader, an executor, and a rewriter of questions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ...._steps import Steps, invoke
from ....oai._responses.tokens import hold_tokens
from ....oai.abilities import get_abilities
from ...agent import Message
from ...assistant_agent import AssistantAgent
from ...conversable_agent import ConversableAgent
from . import prompts
from .node import ThinkNode
from .parsing import Grade, Ratings, Thoughts, parse_rating, parse_ratings, parse_thoughts
from .settings import ReasonSettings, SearchLimits

MIDDLE = 0.5

PYTHON_BLOCK = re.compile(r"^```[ \t]*(?:python|py)[ \t]*$", re.MULTILINE | re.IGNORECASE)


class Models:
    """The agents that a `ReasoningAgent` asks. They keep no histories.

    Args:
        settings: Settings of the agent.
        llm_config: Config of the agent's model.
        grader_llm_config: Config of the grader's model.
        code_execution_config: How code in thoughts is run; False to run none.
        scope: Field of the questions and readers of the answers, in words; None for any.

    Attributes:
        settings: As above.
        shares_config: True if the grader has the config of the agent.
        runs_code: True if code in thoughts is run.
        thinker: Agent that proposes steps.
        grader: Agent that rates them.
        executor: Agent that carries them out.
        rewriter: Agent that restates the question of a conversation.
    """

    def __init__(
        self,
        settings: ReasonSettings,
        llm_config: Any,
        grader_llm_config: Any,
        code_execution_config: Any,
        scope: str | None,
    ) -> None:
        self.settings = settings
        self.shares_config = grader_llm_config is llm_config
        self._suffix = prompts.SCOPE.replace("{scope}", scope) if scope else ""
        self.runs_code = settings.interim_execution and code_execution_config is not False
        code = prompts.THINKER_CODE if self.runs_code else ""
        thinker_config = _add_schema(llm_config, Thoughts)
        self._grades_by_schema = _has_schema(grader_llm_config)
        instructions = prompts.THINKER.replace("{code}", code) + (
            prompts.THINKER_JSON if thinker_config is not llm_config else ""
        )
        self.thinker = _make_agent("tot_thinker", instructions + self._suffix, thinker_config)
        self.grader = _make_agent("tot_grader", prompts.GRADER_ROLE + self._suffix, _add_schema(grader_llm_config, Ratings))
        self.executor = ConversableAgent(
            "tot_executor",
            prompts.EXECUTOR + self._suffix,
            llm_config=llm_config,
            code_execution_config=code_execution_config if self.runs_code else False,
            human_input_mode="NEVER",
            # What looks like the end of a chat is a thought.
            is_termination_msg=_never,
        )
        self.rewriter = _make_agent("tot_rewriter", prompts.REWRITER + self._suffix, llm_config)

    @property
    def agents(self) -> list[ConversableAgent]:
        """All of them."""
        return [self.thinker, self.grader, self.executor, self.rewriter]

    def think(self, node: ThinkNode, context: str, limits: SearchLimits) -> Steps[Thoughts]:
        """Ask the thinker for the steps that may follow a thought."""
        limits.begin_call()
        answer = yield from _ask(self.thinker, context + node.trajectory + prompts.NEXT)
        return parse_thoughts(answer)

    def rate(
        self, node: ThinkNode, truth: str | None, is_outcome: bool, context: str, limits: SearchLimits
    ) -> Steps[Grade | None]:
        """Ask the grader about a thought, or about an answer. It is given a second chance if it gives no rating."""
        if is_outcome:
            instructions, question = prompts.GRADER_OUTCOME, prompts.RATE_OUTCOME
        else:
            instructions, question = prompts.GRADER, prompts.RATE
        content = self._instruct(instructions, truth) + context + node.trajectory + question
        messages: list[Message] = [{"role": "user", "content": content}]
        again = prompts.RATING_AGAIN.replace("{scale}", f"{self.settings.rating_scale:g}")
        for _ in range(2):
            limits.begin_call()
            answer = yield from _ask(self.grader, messages)
            grade = parse_rating(answer, self.settings.rating_scale)
            if grade is not None:
                return grade
            messages = [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": again}]
        return None

    def rate_batch(
        self, nodes: list[ThinkNode], truth: str | None, context: str, limits: SearchLimits
    ) -> Steps[list[Grade | None]]:
        """Ask the grader about several thoughts that may follow the same one."""
        # All of them have the same parent.
        parent = nodes[0].parent
        options = "\n".join(f"Option {number}: {_describe(node)}" for number, node in enumerate(nodes, 1))
        path = context + (parent.trajectory if parent else "")
        question = self._instruct(prompts.GRADER_BATCH, truth) + path + prompts.RATE_BATCH.replace("{options}", options)
        limits.begin_call()
        answer = yield from _ask(self.grader, question)
        return parse_ratings(answer, len(nodes), self.settings.rating_scale)

    def execute(self, node: ThinkNode, context: str, limits: SearchLimits) -> Steps[str]:
        """Execute a thought: run its code, or ask the executor for its result."""
        agent = self.executor
        if self.runs_code and PYTHON_BLOCK.search(node.content):
            messages: list[Message] = [{"role": "user", "content": node.content}]
            reply = yield from invoke(agent.generate_reply, agent.a_generate_reply, messages)
            return get_reply_text(reply)
        limits.begin_call()
        messages = [{"role": "user", "content": context + node.trajectory + prompts.EXECUTE}]
        # Not by `generate_reply`, which would run the code of earlier steps.
        return (yield from ask_model(agent, messages))

    def restate(self, messages: list[Message]) -> Steps[str]:
        """Ask for the question of a conversation, such that it can be understood alone."""
        lines = [f"{message.get('name') or message.get('role')}: {get_reply_text(message)}" for message in messages]
        return (yield from _ask(self.rewriter, "\n\n".join(lines)))

    def _instruct(self, instructions: str, truth: str | None) -> str:
        known = prompts.TRUTH.replace("{truth}", truth) if truth else ""
        text = instructions.replace("{scale}", f"{self.settings.rating_scale:g}").replace("{truth}", known)
        return text + (prompts.GRADER_JSON if self._grades_by_schema else "") + "\n"


def ask_model(agent: ConversableAgent, messages: list[Message]) -> Steps[str]:
    """Ask an agent's model, by the method that programs override."""
    _, reply = yield from invoke(agent.generate_oai_reply, agent.a_generate_oai_reply, messages, None, None)
    return get_reply_text(reply)


def get_reply_text(reply: object) -> str:
    """Return the text of a reply, or of a message."""
    content = reply.get("content") if isinstance(reply, Mapping) else reply
    # The parts of a message with pictures.
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, Mapping) else part for part in content)
        return "\n".join(str(part) for part in parts if part)
    return "" if content is None else str(content)


def _ask(agent: ConversableAgent, question: str | list[Message]) -> Steps[str]:
    messages: list[Message] = [{"role": "user", "content": question}] if isinstance(question, str) else question
    # Nobody reads the answer as it arrives.
    with hold_tokens():
        return (yield from ask_model(agent, messages))


def _make_agent(name: str, system_message: str, llm_config: Any) -> AssistantAgent:
    return AssistantAgent(name, system_message, llm_config=llm_config, human_input_mode="NEVER", silent=True)


def _never(message: Message) -> bool:
    return False


def _describe(node: ThinkNode) -> str:
    return node.content if node.output is None else f"{node.content}\nOutput: {node.output}"


def _has_schema(llm_config: Any) -> bool:
    """Return True if all endpoints of a config are known to follow a JSON schema."""
    if not isinstance(llm_config, Mapping) or llm_config.get("response_format") is not None:
        return False
    entries = llm_config.get("config_list") or [llm_config]
    # A custom client has a protocol of its own.
    return all("model_client_cls" not in entry and get_abilities(entry).schema == "native" for entry in entries)


def _add_schema(llm_config: Any, answer_type: type[BaseModel]) -> Any:
    """Return a config with the type of its answers, if its endpoints follow a schema; else the config itself."""
    return {**llm_config, "response_format": answer_type} if _has_schema(llm_config) else llm_config
