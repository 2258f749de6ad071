"""`GPTAssistantAgent`: an assistant with instructions, tools and files, whose definition is a record on this machine."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..._mistakes import warn_caller
from ..._steps import Steps, run_async, run_sync
from ...formatting_utils import colored
from ...io.base import IOStream
from ...llm_config import get_active_config
from ...oai._legacy.assistant_store import ENDED, AssistantNotFoundError, AssistantStore
from ...types import LLMConfigDict
from .._agent.agent_llm_config import find_llm_config
from .._agent.snapshot import State
from .._core import runtime_log
from .._core.internals import get_conversation
from .._core.messages import as_dict
from .._replies import registry
from .._replies.model_reply import generate_model_reply
from .._replies.tool_execution import execute_tool_calls
from ..agent import Agent, Message
from ..assistant_agent import AssistantAgent
from ..conversable_agent import ConversableAgent, Reply
from ._assistants.files import attach_files, delete_files
from ._assistants.replies import render_reply
from ._assistants.service import ServiceRun, delete_thread, open_assistants
from ._assistants.settings import plan_model, split_configs
from ._assistants.threads import AssistantThread
from ._assistants.tools import (
    INTERPRETER,
    SEARCH,
    FileSearch,
    Interpreter,
    build_functions,
    build_hosted_tools,
    list_functions,
    list_kinds,
)

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

__all__ = ["AssistantNotFoundError", "AssistantStore", "GPTAssistantAgent"]


class GPTAssistantAgent(ConversableAgent):
    """An agent with the interface of OpenAI's assistants: instructions, tools, files, and a thread for each partner.

    OpenAI has ended the service, so the definition of an assistant is a record on this machine, and its threads belong to
    the agent; the model only computes. It is reached by the Responses API if it is OpenAI's own, or by chat completions. A
    server that still offers assistants is used with the back end `assistants`.

    Functions are those of the agent (`function_map`, `register_function`), or of its partner. The tool `code_interpreter`
    is the endpoint's, or the agent's `code_execution_config`; `file_search` is the endpoint's, or a local index of
    `assistant_config["files"]`.

    Attributes:
        DEFAULT_MODEL_NAME: Model of configs without one.

    >>> assistant = GPTAssistantAgent("poet", instructions="Write poems.", llm_config=llm_config)  # doctest: +SKIP
    >>> user.initiate_chat(assistant, message="About rain.", max_turns=1).summary  # doctest: +SKIP
    'Grey drums on the roof...'
    """

    DEFAULT_MODEL_NAME = "gpt-4-0125-preview"

    def __init__(
        self,
        name: str = "GPT Assistant",
        instructions: str | None = None,
        llm_config: LLMConfigDict | Mapping[str, Any] | Literal[False] | None = None,
        assistant_config: Mapping[str, Any] | None = None,
        overwrite_instructions: bool = False,
        overwrite_tools: bool = False,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name of the agent, and of its assistant.
            instructions: System message of the assistant. None for those of the stored assistant; a new one gets the
                system message of `AssistantAgent`.
            llm_config: Config of the model; None for the active one, or that of the environment.
            assistant_config: `assistant_id`: id of a stored assistant; without it the first is taken whose name,
                instructions and tools are the same, or a new one is made.
                `tools`: its tools; `tool_resources`: `{"file_search": {"vector_store_ids": [...]}}` and
                `{"code_interpreter": {"file_ids": [...]}}`; `file_ids` is an older form.
                `files`: paths of files to search in, which are indexed here, or uploaded to an endpoint that searches.
                `executor`: executor of the tool `code_interpreter`, which then runs here.
                `backend`: `auto`, `responses`, `chat` or `assistants`.
                `conversation_state`: `server` for conversations that an endpoint with the Responses API keeps, so that only
                new messages are sent; `replay`, the default, sends the whole thread.
                `store`: an `AssistantStore`, or the path of one.
                `download_folder`: folder for files that the endpoint's tools make.
                `max_tool_rounds`: maximum number of answers with calls for a reply, 20 by default.
                `show_steps`: True to store calls and results in the chat's history, too.
                `check_every_ms`: milliseconds between two looks at a run, for the back end `assistants`.
            overwrite_instructions: True to change the stored assistant if its instructions differ.
            overwrite_tools: True to change it if its tools differ.
            **kwargs: Further arguments of `ConversableAgent`; `verbose` prints each call and its result.

        Raises:
            ValueError: if `llm_config` is False, a setting is of no use, or an old id has no instructions.
            AssistantNotFoundError: if the store was named, and has no assistant with this id.
        """
        arguments = runtime_log.capture_arguments(locals())
        if llm_config is False:
            raise ValueError("llm_config=False is not possible: an assistant needs a model.")
        if "system_message" in kwargs:
            raise ValueError(f"The system message of {name!r} is its instructions: pass instructions=.")
        if llm_config is None:
            llm_config = get_active_config() or find_llm_config(name, False)
        config, self._settings = split_configs(llm_config or {}, assistant_config)
        self._verbose = bool(kwargs.pop("verbose", False))
        self._plan = plan_model(config, self._settings, self.DEFAULT_MODEL_NAME)
        kwargs.setdefault("human_input_mode", "NEVER")
        if self._settings.executor is not None:
            kwargs.setdefault("code_execution_config", {"executor": self._settings.executor})
        super().__init__(name=name, system_message=instructions, llm_config=self._plan.llm_config, **kwargs)
        self._openai_threads: dict[Agent | None, AssistantThread] = {}
        self._unread_index: defaultdict[Agent | None, int] = defaultdict(int)
        self._assistants = open_assistants(
            self._settings.registry, self.openai_client, is_service=self._plan.backend == "assistants"
        )
        self._openai_assistant = self._find_assistant(instructions, overwrite_instructions, overwrite_tools)
        if instructions is None:
            self.update_system_message(self._openai_assistant.instructions or AssistantAgent.DEFAULT_SYSTEM_MESSAGE)
        self._local_tools = self._prepare_tools()
        for tool in build_functions(self._openai_assistant.tools or (), self._local_tools):
            self.update_tool_signature(tool, is_remove=False, silent_override=True)
        if kwargs.get("description") is None:
            self.description = self.system_message
        # After the check for termination: everything else is a matter of the run.
        self.register_reply([Agent, None], GPTAssistantAgent._invoke_assistant, position=2)
        self.register_reply([Agent, None], GPTAssistantAgent._a_invoke_assistant, position=2, ignore_async_in_sync_chat=True)
        runtime_log.log_new_agent(self, arguments)

    # The assistant.

    @property
    def assistant_id(self) -> str:
        """Id of the assistant."""
        return str(self._openai_assistant.id)

    @property
    def openai_assistant(self) -> Any:
        """The assistant: its `id`, `name`, `instructions`, `tools`, `tool_resources`, `model` and `metadata`."""
        return self._openai_assistant

    @property
    def openai_client(self) -> Any:
        """The client of OpenAI's SDK for the first model; None if it is reached in another way."""
        clients = getattr(self.client, "_clients", None)
        return getattr(clients[0], "_oai_client", None) if clients else None

    def get_assistant_instructions(self) -> str:
        """Return the instructions of the stored assistant."""
        return str(self._openai_assistant.instructions)

    def delete_assistant(self, delete_files: bool = False) -> None:
        """Remove the stored assistant.

        Args:
            delete_files: True to delete the files and the vector stores that were made for it, too.

        Raises:
            openai.NotFoundError: if it was removed already.
        """
        self._assistants.delete(self.assistant_id)
        if delete_files:
            self._delete_files()

    def _delete_files(self) -> None:
        delete_files(self.openai_client, self._openai_assistant)

    def find_matching_assistant(
        self, candidate_assistants: Iterable[Any], instructions: str | None, tools: Sequence[Mapping[str, Any]] | None
    ) -> Any:
        """Return the first assistant with these instructions, these types of tools and these functions; None for none.

        Args:
            candidate_assistants: Records, or objects of the SDK.
            instructions: None for any.
            tools: None for none.
        """
        for assistant in candidate_assistants:
            if instructions and assistant.instructions != instructions:
                continue
            found = assistant.tools or ()
            if list_kinds(found) == list_kinds(tools or ()) and list_functions(found) == list_functions(tools or ()):
                return assistant
        return None

    def _find_assistant(self, instructions: str | None, overwrite_instructions: bool, overwrite_tools: bool) -> Any:
        settings, tools = self._settings, self._settings.list_tools()
        if settings.assistant_id is None:
            assistant = self.find_matching_assistant(self._assistants.find(self.name), instructions, tools)
            return assistant or self._create_assistant(instructions, None)
        try:
            assistant = self._assistants.retrieve(settings.assistant_id)
        except AssistantNotFoundError:
            if instructions is None:
                raise self._make_missing_error(settings.assistant_id) from None
            warn_caller(f"{ENDED}; {self.name!r} uses the instructions and tools given here for {settings.assistant_id!r}.")
            return self._create_assistant(instructions, settings.assistant_id)
        changes: dict[str, Any] = {}
        if instructions is not None and instructions != assistant.instructions:
            if overwrite_instructions:
                changes["instructions"] = instructions
            else:
                warn_caller(
                    f"The stored instructions of {self.name!r} differ from those given here, which are used without being "
                    "stored: overwrite_instructions=True stores them."
                )
        differs = self.find_matching_assistant([assistant], None, tools) is None
        if (settings.tools is not None or settings.files) and (differs or settings.tool_resources):
            if overwrite_tools:
                changes |= {"tools": tools, "tool_resources": settings.tool_resources}
            elif differs:
                warn_caller(
                    f"The stored tools of {self.name!r} differ from those given here, and are used: overwrite_tools=True "
                    "stores the others."
                )
        return self._assistants.update(assistant.id, **changes) if changes else assistant

    def _make_missing_error(self, assistant_id: str) -> Exception:
        if self._settings.store is not None:
            return AssistantNotFoundError(f"No assistant found with id {assistant_id!r} in {self._settings.registry!r}.")
        return ValueError(
            f"{ENDED}, and there is no record of {assistant_id!r} here: pass instructions= (and tools), or load a list of "
            "assistants that was saved before: autogen assistants import FILE."
        )

    def _create_assistant(self, instructions: str | None, assistant_id: str | None) -> Any:
        settings = self._settings
        fields: dict[str, Any] = {"id": assistant_id} if assistant_id else {}
        return self._assistants.create(
            **fields,
            name=self.name,
            instructions=instructions or AssistantAgent.DEFAULT_SYSTEM_MESSAGE,
            tools=settings.list_tools(),
            tool_resources=settings.tool_resources,
            file_ids=settings.file_ids,
            model=self._plan.model,
        )

    def _prepare_tools(self) -> list[str]:
        """Make the local forms of tools that the endpoint does not run; return their names."""
        settings, kinds = self._settings, list_kinds(self._openai_assistant.tools or ())
        if self._plan.backend == "assistants":
            return []
        if self._plan.is_hosted and (settings.files or settings.file_ids):
            self._openai_assistant = attach_files(
                self.openai_client, self._assistants, self._openai_assistant, settings.files, settings.file_ids or ()
            )
        names = []
        if SEARCH in kinds and not self._plan.is_hosted:
            if not settings.files:
                raise ValueError(
                    f"The endpoint of {self.name!r} has no file search: pass assistant_config={{'files': [...]}}."
                )
            self.register_function({SEARCH: FileSearch([os.fspath(file) for file in settings.files]).file_search})
            names.append(SEARCH)
        if INTERPRETER in kinds and (settings.executor is not None or not self._plan.is_hosted):
            if self.use_docker is None and self.code_executor is None:
                raise ValueError(
                    f"The endpoint of {self.name!r} has no code interpreter: pass code_execution_config=, or "
                    "assistant_config={'executor': ...}, to say where its code runs."
                )
            self.register_function({INTERPRETER: Interpreter(self).code_interpreter})
            names.append(INTERPRETER)
        return names

    # Replies.

    def can_execute_function(self, name: list[str] | str) -> bool:
        """Return False: the agent executes the calls of its own model alone, in its own runs."""
        return False

    def _invoke_assistant(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Run the assistant on the thread of a partner, and return its reply.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: The partner.
            config: Not used.
        """
        return run_sync(self._run_assistant(messages, sender))

    async def _a_invoke_assistant(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        return await run_async(self._run_assistant(messages, sender))

    def _run_assistant(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        messages = get_conversation(self, messages, sender)
        thread = self._open_thread(sender)
        thread.add_unread(messages, self._get_history(sender))
        self._unread_index[sender] = thread.count_copied(self._get_history(sender))
        if self._plan.backend == "assistants":
            run = ServiceRun(
                self.openai_client,
                self.assistant_id,
                self.system_message,
                self._settings.check_every_ms / 1000,
                lambda message: self._execute_calls([message], sender),
            )
            text = yield from run.reply(thread)
        else:
            text = yield from self._run_rounds(thread, sender)
        thread.add_reply(text)
        return True, {"role": "assistant", "content": text}

    def _run_rounds(self, thread: AssistantThread, sender: Agent | None) -> Steps[str]:
        """Request answers, and execute their calls, until one has none; return their texts."""
        folder = None if self._settings.download_folder is None else Path(self._settings.download_folder)
        texts: list[str] = []
        for _ in range(self._settings.max_tool_rounds):
            _, reply = yield from generate_model_reply(self, thread.messages, sender, None, self._build_tools())
            if reply is None:
                break
            message: Message = {**as_dict(reply), "role": "assistant"}
            thread.messages.append(message)
            text = yield from render_reply(message, self.openai_client if folder else None, folder)
            if text.strip():
                texts.append(text)
            if not message.get("tool_calls"):
                return "\n\n".join(texts)
            thread.messages.append((yield from self._execute_calls(thread.messages, sender)))
            if self._settings.show_steps:
                self._show_steps(thread, sender)
        else:
            rounds = self._settings.max_tool_rounds
            warn_caller(f"The run of {self.name!r} was ended after {rounds} rounds of calls: max_tool_rounds is the limit.")
        return "\n\n".join(texts)

    def _execute_calls(self, messages: list[Message], sender: Agent | None) -> Steps[Message]:
        _, results = yield from execute_tool_calls(self, messages, sender, caller=self)
        assert results is not None
        if self._verbose:
            IOStream.get_default().print(colored(str(results["content"]), "green"), flush=True)
        return results

    def _build_tools(self) -> list[dict[str, Any]]:
        """Return the tools of a request that are not in the config of the model: those that the endpoint runs."""
        return build_hosted_tools(self._openai_assistant, self._local_tools) if self._plan.is_hosted else []

    def _show_steps(self, thread: AssistantThread, sender: Agent | None) -> None:
        if sender is None:
            return
        steps = [dict(message) for message in thread.messages[-2:]]
        self.chat_messages.setdefault(sender, []).extend(steps)
        thread.mark_copied(steps)

    # Threads.

    @property
    def oai_threads(self) -> dict[Agent | None, AssistantThread]:
        """The threads, by partner."""
        return self._openai_threads

    def pretty_print_thread(self, thread: AssistantThread | None) -> None:
        """Print the messages of a thread."""
        stream = IOStream.get_default()
        if thread is None:
            stream.print("There is no thread to print.")
            return
        stream.print(colored(f"~~~ The thread {thread.id} with {thread.partner or 'a program'} ~~~", "cyan"), flush=True)
        for message in thread.messages:
            name = self.name if message["role"] == "assistant" else message.get("name") or message["role"]
            stream.print(colored(f"{name} ({message['role']}):", "green"), flush=True)
            for call in message.get("tool_calls") or ():
                stream.print(f"{call['function']['name']}({call['function']['arguments']})", flush=True)
            stream.print(message.get("content") or "", flush=True)
            stream.print("-" * 60, flush=True)

    def reset(self) -> None:
        """Delete all conversations, threads, counters and usage."""
        super().reset()
        self._delete_threads(list(self._openai_threads))

    def clear_history(self, agent: Agent | None = None, nr_messages_to_preserve: int | None = None) -> None:
        """Delete messages, and the threads that have them; what is left of a history is read into a new thread.

        Args:
            agent: Partner of the conversation to clear; None clears all.
            nr_messages_to_preserve: Number of last messages to keep.
        """
        super().clear_history(agent, nr_messages_to_preserve)
        self._delete_threads([agent] if agent is not None else list(self._openai_threads))

    def _delete_threads(self, partners: Iterable[Agent | None]) -> None:
        for partner in partners:
            thread = self._openai_threads.pop(partner, None)
            self._unread_index.pop(partner, None)
            if thread is not None:
                delete_thread(self.openai_client, thread)

    def _open_thread(self, sender: Agent | None) -> AssistantThread:
        """Return the thread of a partner, which is made when it is first needed."""
        if sender not in self._openai_threads:
            self._openai_threads[sender] = AssistantThread(sender.name if sender else "")
        return self._openai_threads[sender]

    def _get_history(self, sender: Agent | None) -> list[Message]:
        return self.chat_messages.get(sender, [])  # type: ignore[arg-type]

    def save_state(self, *, picture_folder: str | os.PathLike[str] | None = None) -> State:
        """Return the conversations and the threads as a JSON-serialisable document; see `ConversableAgent.save_state`."""
        state = super().save_state(picture_folder=picture_folder)
        threads = {thread.partner: thread.dump(self._get_history(peer)) for peer, thread in self._openai_threads.items()}
        return {**state, "threads": threads}

    def load_state(
        self,
        state: Mapping[str, Any],
        peers: Iterable[Agent] = (),
        *,
        picture_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Restore conversations and threads; see `ConversableAgent.load_state`."""
        peers = list(peers)
        super().load_state(state, peers, picture_folder=picture_folder)
        named: dict[str, Agent | None] = {"": None, **{peer.name: peer for peer in peers}}
        self._openai_threads = {
            named[partner]: AssistantThread.load(partner, saved, self._get_history(named[partner]))
            for partner, saved in (state.get("threads") or {}).items()
        }

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._openai_threads = {}
        self._unread_index = defaultdict(int)


registry.ASYNC_VARIANTS.add(GPTAssistantAgent._invoke_assistant, GPTAssistantAgent._a_invoke_assistant)
