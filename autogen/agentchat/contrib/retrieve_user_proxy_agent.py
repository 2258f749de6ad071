"""`RetrieveUserProxyAgent`: an agent that searches documents, and shows them to the agent that answers."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ... import events
from ..._mistakes import warn_caller
from ..._steps import Steps, run_async, run_sync, to_thread
from ..._threads import run_in_thread
from ...code_utils import content_str, extract_code
from ...formatting_utils import colored
from ...io.base import IOStream
from ...operations import Operation, perform, register_kind, replay_safe
from .._chats.sources import record_intermediate_answer, record_sources
from .._core.display import is_silent
from .._core.internals import ASYNC_OPENINGS, get_conversation, get_managed_group
from .._core.result import ChatSource
from .._replies import registry
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent, HumanInputMode, Reply
from ..user_proxy_agent import UserProxyAgent
from ._rag.context import QuestionState, copy_results, render_context, render_recent, select_texts
from ._rag.document_index import DocumentIndex
from ._rag.indexing import IndexProgress, IndexReport
from ._rag.kernel import run_in_kernel
from ._rag.legacy import LegacySettings
from ._rag.prompts import (
    PROMPT_CODE,
    PROMPT_DEFAULT,
    PROMPT_QA,
    PROMPTS,
    UPDATE_CONTEXT,
    UPDATE_CONTEXT_IN_PROMPT,
    fill_prompt,
)
from ._rag.search import Result, flatten_results
from ._rag.settings import get_window, parse_settings
from .vectordb.base import HASH_LENGTH

__all__ = [
    "HASH_LENGTH",
    "PROMPT_CODE",
    "PROMPT_DEFAULT",
    "PROMPT_QA",
    "UPDATE_CONTEXT_IN_PROMPT",
    "IndexProgress",
    "IndexReport",
    "RetrieveUserProxyAgent",
]

logger = logging.getLogger(__name__)

NO_CONTEXT = "TERMINATE"
NO_PACKAGES = "You must not install packages: all the packages needed are already installed."
SHELLS = ("bash", "shell", "sh", "ps1", "pwsh", "powershell", "console", "cmd", "bat")
# The retrievals of a new context ask for 3, 5, 7 and 9 times as many results.
MAX_RETRIES = 4

register_kind("retrieval", "Documents were searched.")


class RetrieveUserProxyAgent(LegacySettings, UserProxyAgent):
    """An agent that searches documents for a question, and shows them to the agent that answers.

    The answering agent may ask for other documents by the words "UPDATE CONTEXT". A second run reads only the files that
    have changed. Retrieved text is marked as text from outside, which is never an instruction. `ChatResult.sources` has the
    documents that were shown, and those that the answer cites.

    Attributes:
        problem: The question, after the first.
        n_results: Maximum number of texts in a context, after the first question.
        customized_prompt: Prompt with `{input_question}` and `{input_context}`; None for that of the task.
        customized_answer_prefix: In upper case; an answer without it asks for other documents.
        update_context: True if answers may ask for other documents.
        custom_token_count_function: Counts the tokens of a text for a model.
        custom_text_split_function: Splits the text of a file; None to split it by its structure.

    >>> assistant = AssistantAgent("assistant", llm_config=llm_config)  # doctest: +SKIP
    >>> ragproxy = RetrieveUserProxyAgent(
    ...     human_input_mode="NEVER",
    ...     retrieve_config={"task": "qa", "docs_path": "docs", "get_or_create": True},
    ...     code_execution_config=False,
    ... )  # doctest: +SKIP
    >>> question = {"message": ragproxy.message_generator, "problem": "How do I install it?"}  # doctest: +SKIP
    >>> ragproxy.initiate_chat(assistant, **question).sources  # doctest: +SKIP
    """

    def __init__(
        self,
        name: str = "RetrieveChatAgent",
        human_input_mode: HumanInputMode = "ALWAYS",
        is_termination_msg: Callable[[Message], object] | None = None,
        retrieve_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            human_input_mode: When the human is asked: `ALWAYS`, `TERMINATE` or `NEVER`.
            is_termination_msg: Function of a received message that returns True if it ends the chat. By default, a message
                ends it that has no Python code and does not ask for other documents.
            retrieve_config: All keys are optional.

                - `task`: the prompt: "qa", "code" or "default".
                - `docs_path`: file, folder or address, or a list of them; None for a collection that exists.
                - `vector_db`, `db_config`: name and arguments of a store, or the store itself; by default a local one.
                - `collection_name`; `get_or_create` uses a collection that exists, `overwrite` makes it again.
                - `search` ("hybrid", "vector" or "keyword"), `keyword_weight`, `distance_threshold`: how it is searched.
                - `embedding_function`, `embedding_model`: see `autogen.embeddings.get_embedder`.
                - `embed_in_background`: True to answer from the words alone while vectors are still being made.
                - `model`, `chunk_token_size`, `context_max_tokens`, `custom_token_count_function`: sizes, in tokens.
                - `chunk_mode`, `must_break_at_empty_line`, `custom_text_split_function`: how texts are divided.
                - `join_neighbours`: False to show results without the passages around them; by default, these fill up the
                  context if a section was too long for a passage.
                - `custom_text_types`, `recursive`, `policy`: which files and addresses are read.
                - `customized_prompt`, `customized_answer_prefix`, `update_context`: how the partner is asked.
            **kwargs: Further arguments of `UserProxyAgent`.

        Raises:
            ValueError: if a value is of no use.
        """
        super().__init__(
            name=name,
            is_termination_msg=is_termination_msg or self._is_answer,
            human_input_mode=human_input_mode,
            **kwargs,
        )
        settings = parse_settings(retrieve_config)
        if settings.client is not None:
            warn_caller("client in retrieve_config is deprecated, pass vector_db.", DeprecationWarning)
        self.customized_prompt = settings.customized_prompt
        self.customized_answer_prefix = settings.customized_answer_prefix
        self.update_context = settings.update_context
        self.custom_token_count_function = settings.custom_token_count_function
        self.custom_text_split_function = settings.custom_text_split_function
        self._index = DocumentIndex(settings)
        self._question = QuestionState(None)
        self._current_docs_in_context: list[str] = []
        self._results: Any = []
        self._retrieve_config = dict(retrieve_config or {})
        self._register_pair()
        self.register_hook("process_message_before_send", _replace_request)
        self.register_hook("a_process_message_before_send", _a_replace_request)

    def _register_pair(self) -> None:
        # The async variant stands behind the sync one, in whose position it is called.
        sync, asynchronous = (
            RetrieveUserProxyAgent._generate_retrieve_user_reply,
            RetrieveUserProxyAgent._a_generate_retrieve_user_reply,
        )
        self.register_reply(Agent, asynchronous, position=2, ignore_async_in_sync_chat=True)
        self.register_reply(Agent, sync, position=2)

    @staticmethod
    def get_max_tokens(model: str = "gpt-3.5-turbo") -> int:
        """Return the number of tokens of a model's window that the default sizes are parts of, at most 32,000."""
        return get_window(model)

    # Documents.

    def index(self, progress: Callable[[IndexProgress], object] | bool | None = None) -> IndexReport:
        """Bring the collection up to date with the documents. Otherwise the first question does so.

        An interrupted run is continued by the next.

        Args:
            progress: Called with an `IndexProgress` after each file; True to print a line, False for nothing. None to print
                it in a terminal, unless the agent is silent.

        Returns:
            The files that are new, changed, removed and unreadable; as text, a line of their numbers.

        Raises:
            ValueError: if the collection exists and neither `get_or_create` nor `overwrite` is set, or it does not exist and
                there is no `docs_path`.
        """
        return self._update(progress, in_background=False)

    def _update(self, progress: Callable[[IndexProgress], object] | bool | None, in_background: bool | None) -> IndexReport:
        is_shown = progress is True or (progress is None and not is_silent(self) and sys.stdout.isatty())
        show = progress if callable(progress) else _print_progress if is_shown else None
        if self._index.settings.roots:
            self._show("Trying to create collection.", "green")
        report = self._index.update(show, self.custom_text_split_function, in_background=in_background)
        if is_shown:
            IOStream.get_default().print(flush=True)
        if self._index.settings.roots:
            self._announce(report)
        return report

    def wait_for_vectors(self, timeout: float | None = None) -> bool:
        """Wait for the vectors that are made in a thread. Return True if all are there.

        Args:
            timeout: Maximum time in seconds; None for no limit.
        """
        return self._index.wait_for_vectors(timeout)

    async def a_index(self, progress: Callable[[IndexProgress], object] | bool | None = None) -> IndexReport:
        """Async version of `index`: it works in a thread."""
        return await run_in_thread(self.index, progress)

    def _init_db(self) -> None:
        """Bring the collection up to date, once."""
        if self._index.report is None:
            self._update(None, in_background=None)

    def retrieve_docs(self, problem: str, n_results: int = 20, search_string: str = "") -> None:
        """Search the documents. The results are used by the next message; a subclass may get them elsewhere.

        Args:
            problem: The question.
            n_results: Maximum number of results.
            search_string: Text that is exactly in the results; empty for any.
        """
        self._init_db()
        self._results = self._index.search(problem, n_results, search_string)
        self._show(f"VectorDB returns doc_ids:  {[[document['id'] for document, _ in row] for row in self._results]}")

    def as_tool(self, name: str = "retrieve_content", n_results: int = 3) -> Callable[[str], str]:
        """Return a function that searches the documents, to be registered as a tool of any agent.

        Args:
            name: Name of the tool.
            n_results: Maximum number of texts that it returns.

        >>> search = ragproxy.as_tool()  # doctest: +SKIP
        >>> register_function(search, caller=coder, executor=user, description=search.__doc__)  # doctest: +SKIP
        """

        def retrieve_content(question: str) -> str:
            """Search the documents for passages that answer a question or help with a task, which stands by itself."""
            self._init_db()
            state = QuestionState(question, n_results)
            results = self._index.search(question, n_results)
            limit = self._index.settings.context_max_tokens
            sources = select_texts(results, state, limit, self._count_tokens)
            self._record(question, results, sources)
            return render_context(sources, state.contents) or "No document has anything about it."

        retrieve_content.__name__ = retrieve_content.__qualname__ = name
        return retrieve_content

    # Questions.

    @property
    def problem(self) -> str:
        """The question; there is no such attribute before the first."""
        if self._question.problem is None:
            raise AttributeError(f"{self.name!r} was asked no question yet.")
        return self._question.problem

    @problem.setter
    def problem(self, value: str) -> None:
        self._question.problem = value

    @property
    def n_results(self) -> int:
        """Maximum number of texts in a context."""
        return self._question.n_results

    @n_results.setter
    def n_results(self, value: int) -> None:
        self._question.n_results = value

    @property
    def _doc_ids(self) -> list[str]:
        return [source.id for source in self._question.used]

    @staticmethod
    @replay_safe
    def message_generator(sender: RetrieveUserProxyAgent, recipient: Agent | None, context: Mapping[str, Any]) -> str:
        """Make the first message of a chat: the prompt with the question, and with the texts that were retrieved for it.

        Args:
            sender: The agent that searches.
            recipient: Agent that gets the message; not used.
            context: `problem`, the question; `n_results` (20) and `search_string`, see `retrieve_docs`.
        """
        return run_sync(sender.open_question(context))

    @staticmethod
    async def a_message_generator(
        sender: RetrieveUserProxyAgent, recipient: Agent | None, context: Mapping[str, Any]
    ) -> str:
        """Async version of `message_generator`, which async chats call in its stead."""
        return await run_async(sender.open_question(context))

    def generate_init_message(self, message: Message | str | None = None, **kwargs: Any) -> str | Message:
        """Make the first message of a chat: `message`; without one the prompt for `problem`, or a human's input.

        Early releases of 0.2 began a chat by `initiate_chat(assistant, problem="...")`.
        """
        if message is None and "problem" in kwargs:
            return self.message_generator(self, None, kwargs)
        return super().generate_init_message(message, **kwargs)

    async def a_generate_init_message(self, message: Message | str | None = None, **kwargs: Any) -> str | Message:
        """Async version of `generate_init_message`."""
        if message is None and "problem" in kwargs:
            if type(self).message_generator is not RetrieveUserProxyAgent.message_generator:
                return await run_in_thread(self.message_generator, self, None, kwargs)
            return await self.a_message_generator(self, None, kwargs)
        return await super().a_generate_init_message(message, **kwargs)

    def open_question(self, context: Mapping[str, Any]) -> Steps[str]:
        """Search the documents for a question, and make the prompt (a step); see `message_generator`."""
        self._reset()
        n_results, search_string = context.get("n_results", 20), context.get("search_string", "")
        self._question = QuestionState(None, n_results, search_string)
        problem = content_str(context.get("problem", ""))
        yield from self._retrieve(problem, n_results)
        self.problem = problem
        return self._generate_message(self._get_context(self._results), self._index.settings.task)

    def _reset(self, intermediate: bool = False) -> None:
        """Forget the results; unless `intermediate`, also the question and the texts that were shown for it."""
        self._results = []
        if intermediate:
            self._question.position = 0
        else:
            self._question = QuestionState(None)

    def _retrieve(self, question: str, n_results: int) -> Steps[None]:
        """Search the documents. A resumed chat has the results that it had before."""

        def search() -> Steps[list[list[Result]]]:
            # Programs override this method.
            yield from to_thread(self.retrieve_docs, question, n_results, self._question.search_string)
            return copy_results(self._results)

        operation = Operation(
            kind="retrieval", key=lambda: question, run=search, decode=lambda rows: [[tuple(row) for row in rows[0]]]
        )
        self._results = yield from perform(operation)

    def _get_context(self, results: object) -> str:
        """Return the next texts of the results, marked and with their sources; empty if there are none."""
        start = len(self._question.used)
        sources = self._select(results, self._question)
        self._current_docs_in_context = [source.source for source in sources]
        self._record(self._question.problem or "", results, sources)
        return render_context(sources, self._question.contents[start:])

    def _select(self, results: object, state: QuestionState) -> list[ChatSource]:
        limit = self._index.settings.context_max_tokens
        return select_texts(results, state, limit, self._count_tokens, lambda text: self._show(text, "green"))

    def _count_tokens(self, text: str) -> int:
        return int(self.custom_token_count_function(text, self._index.settings.model))

    def _record(self, question: str, results: object, sources: Sequence[ChatSource]) -> None:
        """Record the sources that are shown, in the results of the chats and as an event."""
        record_sources(sources)
        if events.has_listeners:
            found = flatten_results(results)
            ids, distances = [document.get("id") for document, _ in found], [distance for _, distance in found]
            chosen = [source.id for source in sources]
            events.emit(
                events.DocumentsRetrieved(agent=self.name, question=question, ids=ids, distances=distances, chosen=chosen)
            )

    def _generate_message(self, doc_contents: str, task: str = "default") -> str:
        """Return the prompt with the question and a context; `TERMINATE` without one.

        Raises:
            NotImplementedError: if the task is unknown.
        """
        if not doc_contents:
            self._show("No more context, will terminate.", "green")
            return NO_CONTEXT
        template = self.customized_prompt
        if not template:
            if task.lower() not in PROMPTS:
                raise NotImplementedError(f"task must be one of {', '.join(PROMPTS)}, got {task!r}.")
            template = PROMPTS[task.lower()]
        values = {
            "input_question": self.problem,
            "input_context": doc_contents,
            "input_sources": ", ".join(dict.fromkeys(self._current_docs_in_context)),
        }
        return fill_prompt(template, values)

    # Answers.

    def _generate_retrieve_user_reply(
        self, messages: list[Message] | Message | str | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Reply with other documents to an answer that asks for them (a reply function)."""
        return run_sync(self._reply_to_request(messages, sender))

    async def _a_generate_retrieve_user_reply(
        self, messages: list[Message] | Message | str | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        return await run_async(self._reply_to_request(messages, sender))

    def _reply_to_request(self, messages: list[Message] | Message | str | None, sender: Agent | None) -> Steps[Reply]:
        # Programs call the reply function with a single message, or a text.
        if messages is None or isinstance(messages, list):
            conversation = get_conversation(self, messages, sender)
            message: Any = conversation[-1] if conversation else ""
        else:
            message = messages
        reply = yield from self.renew_context(message, sender)
        return reply is not None, reply

    def renew_context(self, message: Message | str, partner: Agent | None) -> Steps[str | None]:
        """Return a prompt with other documents for a message that asks for them (a step); None if it doesn't.

        Args:
            message: The message.
            partner: Agent of the chat; in a chat of two, its history with this agent begins again.
        """
        by_words, by_prefix = self._check_update_context(message)
        if not (by_words or by_prefix) or not self.update_context or self._question.problem is None:
            return None
        self._show("Updating context and resetting conversation.", "green")
        answer = _find_first_sentence(content_str(message if isinstance(message, str) else message.get("content")))
        if answer.upper().strip("`*. ") != UPDATE_CONTEXT:
            self._question.intermediate_answers.append(answer)
            record_intermediate_answer(answer)
        context = yield from self._find_other_texts(answer if by_prefix and not by_words else None)
        if partner is not None and get_managed_group(partner) is None:
            # The prompt is the beginning of a new conversation. The history of a group belongs to its members.
            self.clear_history(partner)
            if isinstance(partner, ConversableAgent):
                partner.clear_history(self)
        return self._generate_message(context, self._index.settings.task)

    def _find_other_texts(self, answer: str | None) -> Steps[str]:
        """Return a context that has something new; empty if the store has nothing else.

        Args:
            answer: An intermediate answer that is searched for instead of the question: then the context also has the texts
                that were shown before. None for the next results of the question.
        """
        question = self._question
        context = self._get_context(self._results) if answer is None else ""
        for attempt in range(1 if answer is None else 0, MAX_RETRIES + 1):
            if context:
                break
            size = question.n_results * (2 * attempt + 1)
            self._reset(intermediate=True)
            yield from self._retrieve(self.problem if answer is None else answer, size)
            context = self._get_context(self._results)
            if len(flatten_results(self._results)) < size:
                # The store has no more.
                break
        if answer is None or not context:
            return context
        return render_recent(question, self._index.settings.context_max_tokens, self._count_tokens)

    def _check_update_context(self, message: Message | str) -> tuple[bool, bool]:
        """Return two flags: the message asks for other documents by its words; it lacks the prefix of an answer."""
        text = content_str(message if isinstance(message, str) else message.get("content")).upper()
        by_words = UPDATE_CONTEXT in text and UPDATE_CONTEXT_IN_PROMPT.upper() not in text
        return by_words, bool(self.customized_answer_prefix) and self.customized_answer_prefix not in text

    def _is_answer(self, message: Message) -> bool:
        """Return True if a message ends the chat: it has no Python code, and asks for no other documents."""
        content = message.get("content")
        if not content or message.get("tool_calls") or message.get("function_call"):
            return False
        has_code = any(language == "python" for language, _ in extract_code(content_str(content)))
        return not has_code and not any(self._check_update_context(message))

    def run_code(self, code: str, **kwargs: Any) -> tuple[int, str, str | None]:
        """Run code, except for the installation of packages, and all code of a shell. In IPython, its kernel runs Python."""
        lang = kwargs.get("lang")
        if code.startswith(("!", "pip")) or lang in SHELLS:
            return 0, NO_PACKAGES, None
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is None or lang not in ("python", "Python", None):
            return super().run_code(code, **kwargs)
        return run_in_kernel(shell, code)

    # State.

    def save_state(self, *, picture_folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Return the state of the agent, with its question and how far the results were used; see `ConversableAgent`."""
        state = super().save_state(picture_folder=picture_folder)
        return {**state, "question": self._question.encode(), "results": copy_results(self._results)}

    def load_state(
        self,
        state: Mapping[str, Any],
        peers: Iterable[Agent] = (),
        *,
        picture_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Restore a state; see `ConversableAgent`."""
        super().load_state(state, peers, picture_folder=picture_folder)
        if "question" in state:
            self._question = QuestionState.decode(state["question"])
            self._results = [[(dict(document), distance) for document, distance in row] for row in state["results"]]

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._question = QuestionState(None)
        self._results = []

    def _show(self, text: str, color: str = "") -> None:
        if not is_silent(self):
            IOStream.get_default().print(colored(text, color) if color else text, flush=True)

    def _announce(self, report: IndexReport) -> None:
        settings = self._index.settings
        self._show(f"{settings.collection_name}: {report}")
        for source, reason in report.failed.items():
            logger.warning("A document is left out: %s", reason if source in reason else f"{source}: {reason}")
        if events.has_listeners:
            events.emit(
                events.DocumentsIndexed(
                    agent=self.name,
                    collection=settings.collection_name,
                    new=len(report.new),
                    changed=len(report.changed),
                    removed=len(report.removed),
                    unchanged=report.unchanged,
                    failed=dict(report.failed),
                    seconds=report.seconds,
                )
            )


registry.ASYNC_VARIANTS.add(
    RetrieveUserProxyAgent._generate_retrieve_user_reply, RetrieveUserProxyAgent._a_generate_retrieve_user_reply
)
ASYNC_OPENINGS[RetrieveUserProxyAgent.message_generator] = RetrieveUserProxyAgent.a_message_generator


def _replace_request(
    sender: RetrieveUserProxyAgent, message: Message | str, recipient: Agent, silent: bool
) -> Message | str:
    """Replace the words "UPDATE CONTEXT", which a human typed, by the next prompt (a hook)."""
    return run_sync(_find_replacement(sender, message, recipient))


async def _a_replace_request(
    sender: RetrieveUserProxyAgent, message: Message | str, recipient: Agent, silent: bool
) -> Message | str:
    return await run_async(_find_replacement(sender, message, recipient))


def _find_replacement(sender: RetrieveUserProxyAgent, message: Message | str, recipient: Agent) -> Steps[Message | str]:
    text = message if isinstance(message, str) else message.get("content")
    if not isinstance(text, str) or text.strip().upper() != UPDATE_CONTEXT:
        return message
    reply = yield from sender.renew_context(text, recipient)
    if reply is None:
        return message
    return reply if isinstance(message, str) else {**message, "content": reply}


def _find_first_sentence(text: str) -> str:
    """Return the first sentence of the first line of a text."""
    return text.strip().partition("\n")[0].partition(". ")[0].strip()


def _print_progress(progress: IndexProgress) -> None:
    # One line, written over and over; blanks hide the rest of a longer line before it.
    IOStream.get_default().print(f"{progress}   ", end="\r", flush=True)
