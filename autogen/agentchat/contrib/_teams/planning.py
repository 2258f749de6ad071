"""The plan of a team: experts for a task, and whether code must be run for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, Protocol, cast

from pydantic import BaseModel, Field, create_model, field_validator

from ...._steps import Steps, gather, run_async, run_sync
from . import prompts
from .questions import Questions, find_name, make_unique, normalize_name, parse_names, parse_yes_or_no

FALLBACK_NAMES = ["General_Expert"]
"""The team of a model that names no experts."""

ExpertConfig = dict[str, Any]
"""Config of an agent: `name`, `system_message`, `description` and others."""


class Prompts(Protocol):
    """The prompts of a builder, which programs override."""

    DEFAULT_DESCRIPTION: str
    CODING_PROMPT: str
    AGENT_NAME_PROMPT: str
    AGENT_SYS_MSG_PROMPT: str
    AGENT_DESCRIPTION_PROMPT: str
    AGENT_SEARCHING_PROMPT: str
    AGENT_SELECTION_PROMPT: str
    AGENT_FUNCTION_MAP_PROMPT: str


DEFAULTS: Mapping[str, str] = {
    "DEFAULT_DESCRIPTION": prompts.DEFAULT_DESCRIPTION,
    "CODING_PROMPT": prompts.CODING,
    "AGENT_NAME_PROMPT": prompts.NAMES,
    "AGENT_SYS_MSG_PROMPT": prompts.PROFILE,
    "AGENT_DESCRIPTION_PROMPT": prompts.DESCRIPTION,
    "AGENT_SEARCHING_PROMPT": prompts.SEARCHING,
    "AGENT_SELECTION_PROMPT": prompts.SELECTION,
    "AGENT_FUNCTION_MAP_PROMPT": prompts.FUNCTION_MAP,
}
_OF_EXPERTS = ("DEFAULT_DESCRIPTION", "AGENT_NAME_PROMPT", "AGENT_SYS_MSG_PROMPT", "AGENT_DESCRIPTION_PROMPT")


class ExpertForm(BaseModel):
    """An expert of a team."""

    name: str = Field(description="Skill and the word Expert, joined by underscores, as in Statistics_Expert.")
    role: str = Field(description="Who the expert is, in one sentence.")
    instructions: str = Field(description="How the expert works and checks results.")
    description: str = Field(description="When the expert should speak, in one sentence for the others.")


class TeamForm(BaseModel):
    """A team for a task."""

    experts: list[ExpertForm]
    needs_programming: bool = Field(description="True if code must be run to solve the task.")

    @field_validator("experts")
    @classmethod
    def _check_experts(cls, experts: list[ExpertForm]) -> list[ExpertForm]:
        # An expert without a name or instructions can not work.
        experts = [expert for expert in experts if normalize_name(expert.name) and expert.instructions.strip()]
        if not experts:
            raise ValueError("there must be an expert with a name and instructions")
        return experts


class TeamPlanner:
    """The planner of a team: one form for all of it, or a question after the other.

    Prompts that a program overrides are asked as they are, each in a question of its own.

    Args:
        questions: Questions to the model.
        own_prompts: The prompts of the builder.
    """

    def __init__(self, questions: Questions, own_prompts: Prompts) -> None:
        self._questions = questions
        self._prompts = own_prompts

    def is_overridden(self, *names: str) -> bool:
        """Return True if the program has changed one of these prompts."""
        return any(getattr(self._prompts, name) != DEFAULTS[name] for name in names)

    def plan(
        self, task: str, max_agents: int, *, coding: bool | None = None, reserved: Collection[str] = ()
    ) -> Steps[tuple[list[ExpertConfig], bool]]:
        """Plan a team.

        Args:
            task: Task.
            max_agents: Maximum number of experts.
            coding: Whether code is run; None to ask.
            reserved: Names that no expert gets.

        Returns:
            The experts, and True if code is run.
        """
        form: TeamForm | None = None
        if not self.is_overridden(*_OF_EXPERTS):
            prompt = prompts.fill_in(prompts.TEAM, task=task, max_agents=max_agents)
            form = yield from self._questions.fill_in(prompt, TeamForm)
        if form is None:
            experts = yield from self._plan_by_steps(task, max_agents)
        else:
            experts = [_make_config(expert) for expert in form.experts[:max_agents]]
        if coding is None and form is not None and not self.is_overridden("CODING_PROMPT"):
            coding = form.needs_programming
        elif coding is None:
            coding = yield from self.decide_coding(task)
        names = make_unique((expert["name"] for expert in experts), reserved)
        return [{**expert, "name": name} for expert, name in zip(experts, names, strict=True)], coding

    def decide_coding(self, task: str) -> Steps[bool]:
        """Ask whether code must be run for a task. Without an answer, none is."""
        prompt = prompts.fill_in(self._prompts.CODING_PROMPT, task=task)
        return (yield from self._questions.ask_for(prompt, parse_yes_or_no, "Answer with one word: YES or NO.", False))

    def _plan_by_steps(self, task: str, max_agents: int) -> Steps[list[ExpertConfig]]:
        prompt = prompts.fill_in(self._prompts.AGENT_NAME_PROMPT, task=task, max_agents=max_agents)
        complaint = "Answer with the names alone, separated by commas, such as Python_Expert, Statistics_Expert."
        # A team of a model that can't name it is better than none.
        names = yield from self._questions.ask_for(prompt, parse_names, complaint, FALLBACK_NAMES)

        # The experts are independent of each other, so they are described at once.
        def describe(name: str) -> ExpertConfig:
            return run_sync(self._describe_expert(name, task))

        async def a_describe(name: str) -> ExpertConfig:
            return await run_async(self._describe_expert(name, task))

        return (yield from gather(describe, a_describe, names[:max_agents], in_threads=True))

    def _describe_expert(self, name: str, task: str) -> Steps[ExpertConfig]:
        own = self._prompts
        template = prompts.fill_in(
            own.AGENT_SYS_MSG_PROMPT, task=task, position=name, default_sys_msg=own.DEFAULT_DESCRIPTION
        )
        profile = (yield from self._questions.ask(template)) or f"You are the {name} of the team."
        template = prompts.fill_in(own.AGENT_DESCRIPTION_PROMPT, position=name, sys_msg=profile)
        description = (yield from self._questions.ask(template)) or get_first_sentence(profile)
        return {"name": name, "system_message": profile, "description": description}

    def choose_agent(self, agents: Mapping[str, str], name: str, description: str) -> Steps[str]:
        """Choose the agent that should be able to call a function.

        Args:
            agents: Descriptions of the agents by their names.
            name: Name of the function.
            description: Description of the function.

        Returns:
            The name of the agent; the first if the model names none.
        """
        names = list(agents)
        # There is nothing to ask.
        if len(names) == 1:
            return names[0]
        details = "\n".join(f"- {agent}: {text}" for agent, text in agents.items())
        prompt = prompts.fill_in(
            self._prompts.AGENT_FUNCTION_MAP_PROMPT,
            function_name=name,
            function_description=description,
            format_agent_details=details,
        )
        if not self.is_overridden("AGENT_FUNCTION_MAP_PROMPT"):
            choice = cast("Any", Literal)[tuple(names)]
            form = yield from self._questions.fill_in(prompt, create_model("Choice", agent=(choice, ...)))
            if form is not None:
                return str(getattr(form, "agent", names[0]))
        complaint = f"Answer with one of these names alone: {', '.join(names)}."
        return (yield from self._questions.ask_for(prompt, lambda text: find_name(text, names), complaint, names[0]))


def _make_config(expert: ExpertForm) -> ExpertConfig:
    profile = "\n\n".join(filter(None, (expert.role.strip(), expert.instructions.strip())))
    description = expert.description.strip() or expert.role.strip() or get_first_sentence(profile)
    return {"name": normalize_name(expert.name), "system_message": profile, "description": description}


def get_first_sentence(text: str) -> str:
    """Return the first sentence of a text, without headings."""
    lines = (line.strip() for line in text.splitlines())
    line = next((line for line in lines if line and not line.startswith("#")), "")
    return re.split(r"(?<=[.!?])\s", line, maxsplit=1)[0]
