"""Forms that the agents of AgentEval fill in, and the request that makes a model do so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from ...._steps import Steps
from ...._untrusted import mark_untrusted
from ....oai._responses.tokens import hold_tokens
from ..._replies.model_reply import run_request
from ...conversable_agent import ConversableAgent
from .criterion import Criterion
from .task import Task

Form = TypeVar("Form", bound=BaseModel)


class _PlainCriterion(BaseModel):
    """A criterion without finer ones: many endpoints take no schema that contains itself."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: str = Field(min_length=1)
    description: str
    accepted_values: list[str] = Field(min_length=2, description="Distinct values, the best first.")


class _DividedCriterion(_PlainCriterion):
    sub_criteria: list[_PlainCriterion]

    @model_validator(mode="before")
    @classmethod
    def _list_sub_criteria(cls, value: Any) -> Any:
        finer = value.get("sub_criteria") if isinstance(value, Mapping) else None
        if isinstance(finer, Mapping):
            items = [{"name": name, **item} if isinstance(item, Mapping) else item for name, item in finer.items()]
            return {**value, "sub_criteria": items}
        return value


class _CriteriaForm(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _wrap_list(cls, value: Any) -> Any:
        # The system messages ask for a list, and a schema must be an object.
        return {"criteria": value} if isinstance(value, list) else value


class CriteriaForm(_CriteriaForm):
    """Criteria for a task."""

    criteria: list[_PlainCriterion] = Field(min_length=1)


class DividedForm(_CriteriaForm):
    """Criteria with finer ones."""

    criteria: list[_DividedCriterion] = Field(min_length=1)


class WorseAnswer(BaseModel):
    """A solution that was made worse on purpose."""

    answer: str


def fill_in(agent: ConversableAgent, text: str, form: type[Form]) -> Steps[Form]:
    """Ask an agent's model to fill in a form.

    Args:
        agent: Agent whose system message and model are used.
        text: Question.
        form: Class of the form. An answer that does not fit goes back to the model with the reason.

    Raises:
        ValueError: if the agent has no model.
        autogen.oai.errors.InvalidResponse: if the model fails to fill it in.
    """
    if agent.client is None:
        raise ValueError(f"AgentEval needs an llm_config: the agent {agent.name!r} asks a model.")
    messages = [{"role": "system", "content": agent.system_message}, {"role": "user", "content": text}]
    # Nobody reads the answer as it arrives.
    with hold_tokens():
        answer = yield from run_request(agent, agent.client, messages, agent.client_cache, output_type=form)
    content = answer.get("content") if isinstance(answer, Mapping) else answer
    return form.model_validate_json(content if isinstance(content, str) else "")


def describe_solution(task: Task, solution: str) -> str:
    """Return a task and a solution as text for a model. The solution can't end the block that it stands in."""
    return f"{task.get_sys_message()}\n{mark_untrusted(solution, 'the solution')}"


def make_score_form(criteria: Sequence[Criterion]) -> type[BaseModel]:
    """Make the form for judging by criteria: a field for each, which takes its accepted values only.

    Raises:
        ValueError: if there are no criteria, two have the same name, or one has no accepted values.
    """
    if not criteria:
        raise ValueError("criteria must not be empty: there is nothing to judge by.")
    names = [criterion.name for criterion in criteria]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"The names of criteria must be unique, {', '.join(map(repr, twice))} occurs twice.")
    fields: dict[str, Any] = {}
    for index, criterion in enumerate(criteria):
        if criterion.sub_criteria:
            kind: Any = make_score_form(criterion.sub_criteria)
        elif criterion.accepted_values:
            kind = Literal[tuple(dict.fromkeys(criterion.accepted_values))]
        else:
            raise ValueError(f"The criterion {criterion.name!r} needs accepted_values: the judge chooses one of them.")
        # Names of criteria may be any text, names of fields may not.
        fields[f"criterion_{index}"] = (kind, Field(alias=criterion.name, description=criterion.description))
    return create_model("Scores", __base__=_ScoreForm, **fields)


class _ScoreForm(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _write_numbers_as_text(cls, value: Any) -> Any:
        # A model answers 5 where the accepted value is "5".
        if not isinstance(value, Mapping):
            return value
        return {
            key: str(item) if isinstance(item, (int, float)) and not isinstance(item, bool) else item
            for key, item in value.items()
        }


def describe_case(task: Task, criteria: Sequence[Criterion], test_case: str) -> str:
    """Return the question about a solution. The solution can't end the block that it stands in."""
    return (
        f"{task.get_sys_message()}\n"
        f"Evaluation dictionary: {Criterion.write_json(list(criteria))}\n"
        f"actual test case to evaluate:\n{mark_untrusted(test_case, 'the solution to judge')}"
    )
