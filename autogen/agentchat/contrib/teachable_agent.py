"""`TeachableAgent` of early versions of 0.2: an agent that learns at the end of a chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._mistakes import suggest, warn_caller
from ..._steps import Steps, run_async, run_sync
from .._memory import view
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent, HumanInputMode
from .capabilities.teachability import Teachability

__all__ = ["TeachableAgent"]

_KEYS = ("verbosity", "reset_db", "path_to_db_dir", "prepopulate", "recall_threshold", "max_num_retrievals")
_OTHER_KEYS = ("embedding_function", "namespace")


class TeachableAgent(ConversableAgent):
    """Deprecated agent that remembers what users taught it, once `learn_from_user_feedback` was called; see `Memory`.

    Args:
        name: Name.
        system_message: System message.
        human_input_mode: Mode of human input.
        llm_config: Config of the model.
        analyzer_llm_config: Config of the model that analyses; None for `llm_config`.
        teach_config: A dict with any of `verbosity`, `reset_db`, `path_to_db_dir`, `prepopulate` (True to begin an empty
            memory with ten memos), `recall_threshold`, `max_num_retrievals`, `embedding_function` and `namespace`.
        **kwargs: Further arguments of `ConversableAgent`.

    Attributes:
        user_comments: Texts of users that are not learned yet.
        teachability: The capability.

    Raises:
        ValueError: if `teach_config` has an unknown key; at the first reply, if there is no model.
    """

    def __init__(
        self,
        name: str = "teachableagent",
        system_message: str | None = "You are a helpful assistant who remembers what users taught you.",
        human_input_mode: HumanInputMode = "NEVER",
        llm_config: Any = None,
        analyzer_llm_config: Any = None,
        teach_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        text = "TeachableAgent is deprecated: give any agent a memory, agent.add_capability(Teachability())."
        warn_caller(text, DeprecationWarning)
        config = dict(teach_config or {})
        for key in config:
            if key not in (*_KEYS, *_OTHER_KEYS):
                raise ValueError(f"teach_config has no {key!r}; its keys are {', '.join(_KEYS)}.{suggest(str(key), _KEYS)}")
        super().__init__(
            name=name, system_message=system_message, human_input_mode=human_input_mode, llm_config=llm_config, **kwargs
        )
        self.user_comments: list[str] = []
        prepopulate = config.pop("prepopulate", True)
        self.teachability = _Gathering(**config, llm_config=analyzer_llm_config, learn="when_asked")
        self.register_reply([Agent, None], TeachableAgent._require_model, position=0)
        if self.llm_config or analyzer_llm_config:
            self.teachability.add_to_agent(self)
        if prepopulate and not self.teachability.memo_store.uid_text_dict:
            self.prepopulate_db()

    def learn_from_user_feedback(self) -> None:
        """Learn from what users have said since the last call. Nothing was learned before."""
        run_sync(self._learn())

    async def a_learn_from_user_feedback(self) -> None:
        """Async version of `learn_from_user_feedback`."""
        await run_async(self._learn())

    def prepopulate_db(self) -> None:
        """Add ten arbitrary memos."""
        self.teachability.prepopulate_db()

    def close_db(self) -> None:
        """Close the memory. The next use opens it again."""
        self.teachability.memo_store.close()

    def _learn(self) -> Steps[None]:
        while self.user_comments:
            yield from self.teachability.learn_step(self.user_comments[0])
            # Only what was learned is removed, so that nothing is lost if the model fails.
            del self.user_comments[0]

    def _require_model(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> tuple[bool, None]:
        """Pass each reply on, if there is a model."""
        if self.client is None:
            raise ValueError("TeachableAgent must have an llm_config, got none.")
        return False, None


class _Gathering(Teachability):
    """Memory that keeps what users say for `learn_from_user_feedback`."""

    def keep_for_later(self, agent: Any, text: str) -> None:
        """Note a text."""
        if isinstance(agent, TeachableAgent) and not view.is_small_talk(text):
            agent.user_comments.append(text)
