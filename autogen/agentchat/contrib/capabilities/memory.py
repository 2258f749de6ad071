"""`Memory`: a capability with which an agent remembers what it was taught in earlier conversations."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from .... import events
from ...._steps import Steps, run_async, run_sync, to_thread
from ....io.base import IOStream
from ....memory import MemoStore, RecalledMemo
from ....memory._records import get_now
from ....oai.client import OpenAIWrapper
from ....operations import Operation, perform
from ..._guardrails.hook_points import AgentHook
from ..._memory import view
from ..._memory.analysis import AGENT_SETTINGS, AnalysisMethod, TextAnalysis
from ...agent import Message
from ...conversable_agent import ConversableAgent
from ..text_analyzer_agent import TextAnalyzerAgent
from .agent_capability import AgentCapability

__all__ = ["Memory", "MemoryStore"]

# Blocks of earlier messages, which the model sees again with each request.
_MAX_BLOCKS = 500

Learning = Literal["always", "when_asked", "never"]
LEARNING: tuple[Learning, ...] = ("always", "when_asked", "never")


@runtime_checkable
class MemoryStore(Protocol):
    """A store of memos, such as one over a vector database: the methods of `MemoStore` that a memory needs."""

    def add_input_output_pair(self, input_text: str, output_text: str) -> Any:
        """Store a memo."""
        ...

    def get_related_memos(self, query_text: str, n_results: int, threshold: float) -> list[tuple[str, str, float]]:
        """Return input, output and distance of the memos for a text, nearest first.

        Args:
            query_text: Text.
            n_results: Maximum number of memos.
            threshold: Distance that a memo must be below.
        """
        ...


class Memory(AgentCapability):
    """Memory of an agent across chats and processes.

    Before each reply, memories for the last message that the agent received are added to what the model sees; the history
    stays as it is. What is said is analysed by one request of the model, and learned.

    Args:
        store: Folder of the memories, or a store; None for memories in memory.
        learn: `always`; `when_asked` to learn by `learn` and `agent.remember` alone; `never` to learn by
            `agent.remember` alone.
        learn_from: Roles or names whose messages are learned from. Results of tools have the role `tool`.
        recall_threshold: Distance that a recalled memory must be below: 0 for an exact match, up to 4 for the opposite.
        max_num_retrievals: Maximum number of memories for a text.
        llm_config: Config of the model that analyses; None for that of the agent, with its usage and budget.
        namespace: User or tenant whose memories these are. None for that of the store.
        embedding_function: Anything that `autogen.embeddings.get_embedder` takes; see `MemoStore`.
        verbosity: 1 to print what is recalled and learned, 2 the analyses too, 3 all memories as well.

    Attributes:
        memo_store: The store.
        analyzer: The agent that analyses; None before an agent has the memory.
        teachable_agent: The agent that was given the memory last.

    Raises:
        ValueError: if `learn` has another value.
        TypeError: if the store lacks a method.

    >>> agent.add_capability(Memory("memories"))  # doctest: +SKIP
    """

    def __init__(
        self,
        store: MemoryStore | str | os.PathLike[str] | None = None,
        *,
        learn: Learning = "always",
        learn_from: Sequence[str] = ("user",),
        recall_threshold: float = 1.5,
        max_num_retrievals: int = 10,
        llm_config: Mapping[str, Any] | Literal[False] | None = None,
        namespace: str | None = None,
        embedding_function: object = None,
        verbosity: int = 0,
    ) -> None:
        super().__init__()
        if learn not in LEARNING:
            raise ValueError(f"learn must be 'always', 'when_asked' or 'never', got {learn!r}.")
        if store is None or isinstance(store, (str, os.PathLike)):
            store = MemoStore(
                verbosity, path_to_db_dir=store, embedding_function=embedding_function, namespace=namespace or ""
            )
        elif not isinstance(store, MemoryStore):
            raise TypeError(f"store must be a folder or have the methods of a MemoStore, got {type(store).__name__}.")
        self.memo_store: Any = store
        self.learns = learn
        self.learn_from = [learn_from] if isinstance(learn_from, str) else list(learn_from)
        self.recall_threshold = recall_threshold
        self.max_num_retrievals = max_num_retrievals
        self.llm_config = llm_config
        # Otherwise the model of each agent analyses the messages that it receives.
        self._has_own_config = llm_config is not None
        self.namespace = namespace
        self.verbosity = verbosity
        self.analyzer: TextAnalyzerAgent | None = None
        self.teachable_agent: ConversableAgent | None = None
        self._methods: WeakKeyDictionary[Any, tuple[Any, AnalysisMethod]] = WeakKeyDictionary()
        self._blocks: WeakKeyDictionary[Any, OrderedDict[str, str]] = WeakKeyDictionary()
        # The contents that an override of `process_last_received_message` returned, by message.
        self._contents: WeakKeyDictionary[Any, OrderedDict[str, Any]] = WeakKeyDictionary()
        self._hook = AgentHook(self._process_messages, self._run_overridable)

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the memory to an agent, or to the members of a group chat through its manager."""
        self.teachable_agent = agent
        if self.llm_config is None:
            self.llm_config = agent.llm_config
        if isinstance(self.memo_store, MemoStore):
            self.memo_store.use_config(self.llm_config or None)
        self.analyzer = self._make_analyzer(agent)
        self._register_paired(agent, "process_all_messages_before_reply", self._hook)
        self.append_system_text(agent, view.SYSTEM_TEXT)
        agent.memory = self

    def remove_from_agent(self, agent: ConversableAgent) -> None:
        """Undo `add_to_agent`."""
        super().remove_from_agent(agent)
        if agent.memory is self:
            agent.memory = None

    # What agents call.

    def remember_step(self, text: str, about: str = "", said_by: str = "") -> Steps[int]:
        """Return a step that stores a text, and returns the number of its memo; see `ConversableAgent.remember`.

        Args:
            text: What to remember.
            about: Question that it answers, or kind of task that it helps with; by default the text itself.
            said_by: Name of whoever said it.
        """
        return (yield from self._add(about or text, text, said_by))

    def recall_step(self, text: str, n: int | None = None) -> Steps[list[RecalledMemo]]:
        """Return a step that returns the memories for a text, best first."""
        limit = self.max_num_retrievals if n is None else n
        if isinstance(self.memo_store, MemoStore):
            return (
                yield from self.memo_store.search_step(
                    text, limit, threshold=self.recall_threshold, namespace=self.namespace
                )
            )
        rows = yield from to_thread(self.memo_store.get_related_memos, text, limit, self.recall_threshold)
        now = get_now()
        return [
            RecalledMemo(id=0, input=memo[0], output=memo[1], created=now, updated=now, distance=float(memo[2]))
            for memo in rows
        ]

    def forget(self, *memo_ids: int, said_by: str | None = None, older_than: timedelta | None = None) -> int:
        """Delete memories, and return how many.

        Args:
            *memo_ids: Their numbers; without any, all to which the conditions apply.
            said_by: Name of whoever said them.
            older_than: Time since they were mentioned last.

        Raises:
            ValueError: if nothing says which memories are meant.
            TypeError: if the store can't forget.
        """
        if not isinstance(self.memo_store, MemoStore):
            raise TypeError(f"{type(self.memo_store).__name__} can't forget: delete its memories by its own methods.")
        return self.memo_store.forget(*memo_ids, said_by=said_by, older_than=older_than, namespace=self.namespace)

    def learn(self, text: str, *, said_by: str = "user") -> list[tuple[str, str]]:
        """Learn from a text, and return the pairs of task or question, and advice or information."""
        return run_sync(self.learn_step(text, said_by))

    async def a_learn(self, text: str, *, said_by: str = "user") -> list[tuple[str, str]]:
        """Async version of `learn`."""
        return await run_async(self.learn_step(text, said_by))

    def process_last_received_message(self, text: Any) -> Any:
        """Return the content of a message with its memories, and learn from it, as if the agent had received it.

        A subclass may override it: then it is called for each message.
        """
        return self._process_messages([{"role": "user", "content": text}])[-1]["content"]

    async def a_process_last_received_message(self, text: Any) -> Any:
        """Async version of `process_last_received_message`."""
        message = {"role": "user", "content": text}
        return (await run_async(self._run(self.teachable_agent, [message])))[-1]["content"]

    # The hook.

    def _process_messages(self, messages: list[Message]) -> list[Message]:
        return run_sync(self._run(self.teachable_agent, messages))

    def _run_overridable(self, agent: Any, messages: list[Message]) -> Steps[list[Message]]:
        """Return the messages as the model sees them, by the method of a subclass if it has one."""
        if type(self).process_last_received_message is Memory.process_last_received_message:
            return (yield from self._run(agent, messages))
        contents = self._contents.setdefault(agent, OrderedDict())
        if messages and view.is_read(messages[-1]):
            last = messages[-1]
            contents[_get_key(last)] = yield from to_thread(self.process_last_received_message, last["content"])
            if len(contents) > _MAX_BLOCKS:
                contents.popitem(last=False)
        return [
            {**message, "content": contents[key]} if (key := _get_key(message)) in contents else message
            for message in messages
        ]

    def _run(self, agent: Any, messages: list[Message]) -> Steps[list[Message]]:
        """Return the messages with blocks of memories after them."""
        if not messages:
            return messages
        blocks = self._blocks.setdefault(agent, OrderedDict())
        last = messages[-1]
        text = view.get_text(last.get("content"))
        if view.is_read(last) and not view.is_small_talk(text):
            block, memos = yield from self._process(agent, last, text)
            blocks[_get_key(last)] = block
            if len(blocks) > _MAX_BLOCKS:
                blocks.popitem(last=False)
            agent.memories_used = memos
        shown = []
        for message in messages:
            block = blocks.get(_get_key(message), "") if blocks and view.is_read(message) else ""
            shown.append({**message, "content": view.append_block(message["content"], block)} if block else message)
        return shown

    def _process(self, agent: Any, message: Message, text: str) -> Steps[tuple[str, list[RecalledMemo]]]:
        """Recall memories for a message, and learn from it. A resumed chat gets the recorded block."""
        recalled: list[RecalledMemo] = []

        def run() -> Steps[str]:
            recalled.extend((yield from self._recall_and_learn(agent, message, text)))
            return view.format_block(recalled)

        block = yield from perform(Operation(kind="memory", key=lambda: text, run=run))
        if recalled and events.has_listeners:
            memories = [memo.text for memo in recalled]
            events.emit(
                events.MemoriesRecalled(agent=agent.name, memories=memories, memo_ids=[memo.id for memo in recalled])
            )
        return block, recalled

    def _recall_and_learn(self, agent: Any, message: Message, text: str) -> Steps[list[RecalledMemo]]:
        memos = yield from self.recall_step(text)
        learns = self.learns == "always" and view.is_learned_from(message, self.learn_from)
        if learns:
            analysis = yield from self._analyze(agent, text)
            task = analysis.general_task.strip()
            if analysis.is_task and task and task != text:
                ids = {(memo.id, memo.input, memo.output) for memo in memos}
                memos += [
                    memo for memo in (yield from self.recall_step(task)) if (memo.id, memo.input, memo.output) not in ids
                ]
            # Learned last, so that the message does not recall itself.
            yield from self._store(analysis, view.get_speaker(message))
        elif self.learns == "when_asked" and view.is_learned_from(message, self.learn_from):
            self.keep_for_later(agent, text)
        for memo in memos:
            self._report(1, f"\nRECALLED: {memo.text} (distance {memo.distance:.3f})")
        return memos

    def keep_for_later(self, agent: Any, text: str) -> None:
        """Note a text that may be learned later: nothing here, for subclasses."""

    # Learning.

    def learn_step(self, text: str, said_by: str = "user") -> Steps[list[tuple[str, str]]]:
        """Return the step behind `learn`."""
        analysis = yield from self._analyze(self.teachable_agent, text)
        yield from self._store(analysis, said_by)
        return analysis.pairs

    def _analyze(self, agent: Any, text: str) -> Steps[TextAnalysis]:
        if agent is None or self.analyzer is None:
            raise ValueError("The memory must be added to an agent before it learns: agent.add_capability(memory).")
        method = self._get_method(agent)
        cache = getattr(agent, "client_cache", None)
        analysis: TextAnalysis = yield from method.run(text, learns=True, cache=cache, agent=agent)
        self._report(2, f"\nANALYSIS: {analysis!r}")
        return analysis

    def _store(self, analysis: TextAnalysis, said_by: str) -> Steps[None]:
        for question, answer in analysis.pairs:
            yield from self._add(question, answer, said_by)

    def _add(self, question: str, answer: str, said_by: str) -> Steps[int]:
        store = self.memo_store
        self._report(1, f"\nREMEMBERED: {question} -> {answer}")
        if isinstance(store, MemoStore):
            return (yield from store.add_step(question, answer, said_by=said_by, namespace=self.namespace))
        yield from to_thread(store.add_input_output_pair, question, answer)
        return 0

    def _make_analyzer(self, agent: ConversableAgent) -> TextAnalyzerAgent:
        """Make the agent that analyses. Without a config of its own it gets the client of the agent, without its tools."""
        analyzer = TextAnalyzerAgent(llm_config=False, silent=True)
        if self._has_own_config and self.llm_config:
            analyzer.client = OpenAIWrapper(**self.llm_config)
            return analyzer
        client = agent.client
        if isinstance(client, OpenAIWrapper) and agent.llm_config:
            settings = {key: value for key, value in agent.llm_config.items() if key not in AGENT_SETTINGS}
            client = client.rebuild(**settings)
        analyzer.client = client
        return analyzer

    def _get_method(self, agent: Any) -> AnalysisMethod:
        assert self.analyzer is not None
        known = self._methods.get(agent)
        # A client may have been replaced, or a model client registered, since the memory was added.
        if known is None or known[0] is not agent.client:
            is_first = known is None and agent is self.teachable_agent
            analyzer = self.analyzer if self._has_own_config or is_first else self._make_analyzer(agent)
            known = (agent.client, AnalysisMethod(analyzer))
            self._methods[agent] = known
        return known[1]

    def _report(self, level: int, text: str) -> None:
        if self.verbosity >= level:
            IOStream.get_default().print(text, flush=True)


def _get_key(message: Message) -> str:
    text = f"{message.get('role')}\0{message.get('name')}\0{view.get_text(message.get('content'))}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
