"""Libraries of experts: their files, and the experts for the skills that a task needs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ...._steps import Steps
from ....oai._responses.structured import validate_json_in
from . import prompts
from .configs import read_json
from .planning import ExpertConfig, Prompts, TeamPlanner, get_first_sentence
from .questions import Questions, find_name, make_unique, normalize_name
from .search import TextSearch

logger = logging.getLogger("autogen.agentchat.contrib.agent_builder")

_ANSWER: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_COMPLAINT = (
    "Answer with a JSON object alone: an entry for each skill, whose value is the name of an expert of the pool, or None."
)
# A team's model and tags are those of the builder.
_OF_ENDPOINTS = ("model", "tags")


class Match(BaseModel):
    """The expert for a skill."""

    skill_number: int
    expert: str = Field(description="Name of an expert of the pool, or None.")


class MatchForm(BaseModel):
    """The experts for all skills."""

    matches: list[Match]


def read_library(source: object) -> list[ExpertConfig]:
    """Return the experts of a library.

    Args:
        source: Path of a JSON file, JSON text, or a list of experts.

    Raises:
        ValueError: if it is not JSON, or an expert has no name or no system message.
    """
    content = source if isinstance(source, (list, tuple)) else read_json(source, "library_path_or_json")
    if not isinstance(content, (list, tuple)):
        raise ValueError(f"A library must be a JSON list of experts, got {type(content).__name__}.")
    experts = []
    for number, expert in enumerate(content, start=1):
        for key in ("name", "system_message"):
            if not isinstance(expert, Mapping) or not isinstance(expert.get(key), str) or not expert[key].strip():
                raise ValueError(f"Expert {number} of the library must be an object with a {key!r}, got {expert!r:.200}.")
        description = expert.get("description") or get_first_sentence(expert["system_message"])
        kept = {key: value for key, value in expert.items() if key not in _OF_ENDPOINTS}
        experts.append({**kept, "description": description})
    # Endpoints refuse names with blanks, and groups those that occur twice.
    names = make_unique(normalize_name(expert["name"]) for expert in experts)
    return [{**expert, "name": name} for expert, name in zip(experts, names, strict=True)]


class LibrarySearch:
    """The choice of experts from a library.

    Args:
        questions: Questions to the model.
        planner: Planner, which knows the prompts that the program overrides.
        own_prompts: The prompts of the builder.
    """

    def __init__(self, questions: Questions, planner: TeamPlanner, own_prompts: Prompts) -> None:
        self._questions = questions
        self._planner = planner
        self._prompts = own_prompts

    def choose(
        self,
        task: str,
        library: Sequence[ExpertConfig],
        max_agents: int,
        top_k: int,
        embedding_model: object,
        reserved: Collection[str],
    ) -> Steps[list[ExpertConfig]]:
        """Choose the experts for a task. For each skill that none of them has, an expert is planned.

        Args:
            task: Task, with a skill in each line.
            library: Experts.
            max_agents: Maximum number of experts.
            top_k: Number of experts whose descriptions are nearest to each skill; the model chooses from these.
            embedding_model: As for `TextSearch`.
            reserved: Names that no planned expert gets.

        Raises:
            ValueError: if the task is empty.
        """
        skills = [line.strip() for line in task.splitlines() if line.strip()]
        if not skills:
            raise ValueError("building_task must name the skills that are needed, one in a line, got an empty text.")
        if self._planner.is_overridden("AGENT_SEARCHING_PROMPT"):
            experts, missing = yield from self._search_all(task, library)
        else:
            experts, missing = yield from self._search(skills, library, top_k, embedding_model)
        if len(experts) + len(missing) > max_agents:
            logger.warning("The task needs %d experts, max_agents is %d.", len(experts) + len(missing), max_agents)
        for skill in missing[: max(0, max_agents - len(experts))]:
            names = {*reserved, *(expert["name"] for expert in experts)}
            planned, _ = yield from self._planner.plan(skill, 1, coding=False, reserved=names)
            experts += planned
        return experts[:max_agents]

    def _search(
        self, skills: Sequence[str], library: Sequence[ExpertConfig], top_k: int, embedding_model: object
    ) -> Steps[tuple[list[ExpertConfig], list[str]]]:
        """Return the experts for the skills, each once, and the skills that no expert has."""
        search = TextSearch([f"{expert['name']}: {expert['description']}" for expert in library], embedding_model)
        nearest = yield from search.find(skills, top_k)
        # In the order of the library, so that the same pool gives the same request.
        pool = [library[index] for index in sorted({index for row in nearest for index in row})]
        if not pool:
            return [], list(skills)
        # The best guess without the model.
        fallback: list[str | None] = [library[row[0]]["name"] for row in nearest]
        names = yield from self._match(skills, pool, fallback)
        by_name = {expert["name"]: expert for expert in pool}
        chosen = [by_name[name] for name in dict.fromkeys(names) if name is not None]
        return chosen, [skill for skill, name in zip(skills, names, strict=True) if name is None]

    def _search_all(self, task: str, library: Sequence[ExpertConfig]) -> Steps[tuple[list[ExpertConfig], list[str]]]:
        """Choose from the whole library by the prompt of the program. If nobody fits, the task is left."""
        by_name = {expert["name"]: expert for expert in library}
        agents = "\n".join(f"- {expert['name']}: {expert['description']}" for expert in library)
        prompt = prompts.fill_in(self._prompts.AGENT_SEARCHING_PROMPT, task=task, agent_list=agents)

        def parse(answer: str) -> list[str] | None:
            parts = answer.replace("\n", ",").split(",")
            return [name for part in parts if (name := find_name(part, by_name))] or None

        complaint = "Answer with names of the list alone, separated by commas."
        nobody: list[str] = []
        names = yield from self._questions.ask_for(prompt, parse, complaint, nobody)
        return [by_name[name] for name in dict.fromkeys(names)], [] if names else [task]

    def _match(
        self, skills: Sequence[str], pool: Sequence[ExpertConfig], fallback: Sequence[str | None]
    ) -> Steps[Sequence[str | None]]:
        """Return the name of the expert for each skill; None for none."""
        names = [expert["name"] for expert in pool]
        experts = "\n".join(f"- {expert['name']}: {expert['description']}" for expert in pool)
        if not self._planner.is_overridden("AGENT_SELECTION_PROMPT"):
            numbered = "\n".join(f"{number}. {skill}" for number, skill in enumerate(skills, start=1))
            prompt = prompts.fill_in(prompts.MATCHES, skills=numbered, expert_pool=experts)
            form = yield from self._questions.fill_in(prompt, MatchForm)
            if form is not None:
                chosen = {match.skill_number: find_name(match.expert, names) for match in form.matches}
                return [chosen.get(number) for number in range(1, len(skills) + 1)]
        listed = "\n".join(f"- {skill}" for skill in skills)
        prompt = prompts.fill_in(
            self._prompts.AGENT_SELECTION_PROMPT, skills=listed, expert_pool=experts, task="\n".join(skills)
        )

        def parse(answer: str) -> Sequence[str | None] | None:
            return _parse_matches(answer, skills, names)

        return (yield from self._questions.ask_for(prompt, parse, _COMPLAINT, fallback))


def _parse_matches(answer: str, skills: Sequence[str], names: Sequence[str]) -> list[str | None] | None:
    """Return the names in a JSON object, fenced or in a text; None if there is no such object."""
    try:
        _, found = validate_json_in(answer, _ANSWER.validate_json)
    except ValidationError:
        return None
    by_skill = {_simplify(skill): value for skill, value in found.items()}
    values = [by_skill.get(_simplify(skill)) for skill in skills]
    # Models rephrase the skills.
    if not any(_simplify(skill) in by_skill for skill in skills):
        if len(found) != len(skills):
            return None
        values = list(found.values())
    return [find_name(value, names) if isinstance(value, str) else None for value in values]


def _simplify(skill: str) -> str:
    return "".join(character for character in skill.lower() if character.isalnum())
