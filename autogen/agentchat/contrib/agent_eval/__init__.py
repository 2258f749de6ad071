"""AgentEval: criteria for a task, made by a model, and how well a solution meets them."""

from typing import TYPE_CHECKING

from ...._lazy_imports import attach as _lazy

# Read by editors and type checkers.
if TYPE_CHECKING:
    from .agent_eval import CaseScores as CaseScores
    from .agent_eval import Verification as Verification
    from .agent_eval import generate_criteria as generate_criteria
    from .agent_eval import quantify_criteria as quantify_criteria
    from .agent_eval import quantify_many as quantify_many
    from .agent_eval import verify_criteria as verify_criteria
    from .criterion import Criterion as Criterion
    from .critic_agent import CriticAgent as CriticAgent
    from .quantifier_agent import QuantifierAgent as QuantifierAgent
    from .subcritic_agent import SubCriticAgent as SubCriticAgent
    from .task import Task as Task

# Read by the interpreter on first use of a name.
_HOME = {
    "CaseScores": "agent_eval",
    "CriticAgent": "critic_agent",
    "Criterion": "criterion",
    "QuantifierAgent": "quantifier_agent",
    "SubCriticAgent": "subcritic_agent",
    "Task": "task",
    "Verification": "agent_eval",
    "generate_criteria": "agent_eval",
    "quantify_criteria": "agent_eval",
    "quantify_many": "agent_eval",
    "verify_criteria": "agent_eval",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
