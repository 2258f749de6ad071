"""`Teachability`: the memory of an agent, under its names of 0.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ....memory import MemoStore
from ....memory.store import DEFAULT_FOLDER
from ...conversable_agent import ConversableAgent
from .memory import Learning, Memory, MemoryStore

__all__ = ["MemoStore", "Teachability"]


class Teachability(Memory):
    """Capability of an agent to learn from what users say, and to remember it in later chats; see `Memory`.

    Args:
        verbosity: 1 to print memory operations, 2 the analyses too, 3 lists of memos as well.
        reset_db: True to empty the memory first.
        path_to_db_dir: Folder of the memory.
        recall_threshold: Distance that a recalled memo must be below, `2 - 2 * cosine`: 0 is an exact match.
        max_num_retrievals: Maximum number of memos for a text.
        llm_config: Config of the analyzer; None for that of the agent.
        memo_store: A store in place of the folder.
        embedding_function: Anything that `autogen.embeddings.get_embedder` takes; see `MemoStore`.
        namespace: User or tenant whose memos these are.
        learn: `always`, `when_asked` or `never`; see `Memory`.
        learn_from: Roles or names whose messages are learned from.

    >>> teachability = Teachability(path_to_db_dir="memories")  # doctest: +SKIP
    >>> teachability.add_to_agent(agent)  # doctest: +SKIP
    """

    def __init__(
        self,
        verbosity: int | None = 0,
        reset_db: bool | None = False,
        path_to_db_dir: str | None = DEFAULT_FOLDER,
        recall_threshold: float | None = 1.5,
        max_num_retrievals: int | None = 10,
        llm_config: Mapping[str, Any] | Literal[False] | None = None,
        *,
        memo_store: MemoryStore | None = None,
        embedding_function: object = None,
        namespace: str | None = None,
        learn: Learning = "always",
        learn_from: Sequence[str] = ("user",),
    ) -> None:
        self.path_to_db_dir = path_to_db_dir
        store: Any = memo_store
        if store is None:
            store = MemoStore(
                verbosity, False, path_to_db_dir, embedding_function=embedding_function, namespace=namespace or ""
            )
        if reset_db:
            store.reset_db()
        super().__init__(
            store,
            learn=learn,
            learn_from=learn_from,
            recall_threshold=1.5 if recall_threshold is None else recall_threshold,
            max_num_retrievals=10 if max_num_retrievals is None else max_num_retrievals,
            llm_config=llm_config,
            namespace=namespace,
            verbosity=verbosity or 0,
        )

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Make an agent teachable.

        Raises:
            AssertionError: if neither it nor the capability has an `llm_config`.
        """
        assert self.llm_config or agent.llm_config, "Teachability needs an llm_config, of its own or of the agent."
        super().add_to_agent(agent)

    def prepopulate_db(self) -> None:
        """Add ten arbitrary memos, for tests."""
        self.memo_store.prepopulate()
