"""`WebSurferAgent`: an agent that searches the web and reads pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal
from weakref import WeakKeyDictionary

from ..._mistakes import suggest, warn_caller
from ..._steps import Steps, invoke, run_async, run_sync
from ..._untrusted import RULE
from ...browser_utils import AbstractMarkdownBrowser, AbstractMarkdownSearch, RequestsMarkdownBrowser, SimpleTextBrowser
from ...code_utils import content_str
from ...coding.base import CodeExecutionConfig
from ...fetching import FetchPolicy
from ...types import LLMConfigDict
from .._core import runtime_log
from .._core.internals import get_conversation
from .._core.messages import get_result_text
from .._replies import registry
from ..agent import Agent, Message
from ..assistant_agent import AssistantAgent
from ..conversable_agent import ConversableAgent, HumanInputMode, Reply
from ..user_proxy_agent import UserProxyAgent
from ._web_tools import TOOL_NAMES, WebTools

__all__ = ["WebSurferAgent"]

BLANK = "about:blank"
BROWSER_CONFIG = ("start_page", "viewport_size", "downloads_folder", "bing_api_key", "request_kwargs")
ONE_CALL_NOTE = "Only the first of your calls is made: a browser shows one page at a time."
INSIST = "You called no tool. Call the tool that does the next step of the request now; answer in words only if none can."


class Surf:
    """The browser of a chat, with the two agents that use it.

    Args:
        surfer: The agent that replies.
        browser: The browser.
        read: Asks the model that reads pages; None if there is none.

    Attributes:
        tools: The tools of the browser.
        assistant: The agent whose model calls the tools.
        user_proxy: The agent that executes them.
    """

    def __init__(self, surfer: WebSurferAgent, browser: AbstractMarkdownBrowser, read: Callable[[str], str] | None) -> None:
        self.tools = WebTools(browser, read)
        self.assistant = AssistantAgent(
            f"{surfer.name}_inner_assistant",
            system_message=f"{surfer.system_message}\n\n{RULE}",
            llm_config=surfer.llm_config,
            is_termination_msg=lambda message: False,
            silent=True,
        )
        self.user_proxy = UserProxyAgent(
            f"{surfer.name}_inner_user_proxy",
            human_input_mode="NEVER",
            code_execution_config=False,
            default_auto_reply="",
            is_termination_msg=lambda message: not (message.get("tool_calls") or message.get("function_call")),
            # In async chats the tools run in threads.
            concurrent_tool_calls=True,
            human_input_source=surfer.human_input_source,
            silent=True,
        )
        self.assistant.register_hook("process_message_before_send", _keep_first_call)
        for tool, description in self.tools.list_tools():
            self.assistant.register_for_llm(description=description, returns="untrusted")(tool)
            self.user_proxy.register_for_execution(approve=surfer.approve.get(tool.__name__))(tool)


class WebSurferAgent(ConversableAgent):
    r"""An agent that searches the web, opens pages and reads them.

    For each reply, its model sees the last message and the address of the page, and calls tools of the browser. Pages are
    marked as text from outside, which is never an instruction. Addresses that lead to this machine or its network are
    refused, unless `policy` allows them. Each agent that it chats with has a browser of its own, unless the program passes
    a browser.

    Attributes:
        browser: The browser of the first chat.
        DEFAULT_PROMPT: The system message, unless another is given.
        DEFAULT_DESCRIPTION: The description, unless another is given.

    >>> surfer = WebSurferAgent("surfer", llm_config=llm_config, max_steps=10)  # doctest: +SKIP
    >>> user.initiate_chat(surfer, message="When was the bridge opened?", max_turns=1).summary  # doctest: +SKIP
    'It was opened in 1894.\n\nSources:\n1. [Bridges](https://bridges.example/)'
    """

    DEFAULT_PROMPT = (
        "You help others to find things on the web. You have a browser: search, open pages, scroll, find words on a page, "
        "and read pages. Take the step that brings the request forward. Facts come from pages, not from memory."
    )
    DEFAULT_DESCRIPTION = (
        "Searches the web, opens pages by their address, scrolls and finds words in them, downloads files, and answers "
        "questions about pages or summarises them."
    )

    def __init__(
        self,
        name: str,
        system_message: str | None = DEFAULT_PROMPT,
        description: str | None = DEFAULT_DESCRIPTION,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "TERMINATE",
        function_map: Mapping[str, Callable[..., object] | None] | None = None,
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = False,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        summarizer_llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        default_auto_reply: str | Message | None = "",
        browser_config: Mapping[str, Any] | None = None,
        browser: AbstractMarkdownBrowser | None = None,
        *,
        max_steps: int = 1,
        cite: bool = True,
        policy: FetchPolicy | None = None,
        search_engine: AbstractMarkdownSearch | None = None,
        approve: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            system_message: System message of its model.
            description: Purpose of the agent.
            is_termination_msg: As for `ConversableAgent`, like the following arguments.
            max_consecutive_auto_reply: Maximum number of replies in a row.
            human_input_mode: When the human is asked.
            function_map: Functions that the agent executes for others.
            code_execution_config: How code is run.
            llm_config: Config of the model that uses the browser. It has to be able to call tools.
            summarizer_llm_config: Config of the model that reads whole pages; None for `llm_config`, False for none.
            default_auto_reply: Reply if there is no model.
            browser_config: Older form of `browser`: arguments of `SimpleTextBrowser`.
            browser: The browser, shared by all chats; None for a `RequestsMarkdownBrowser` for each chat.
            max_steps: Maximum number of requests to the model for a reply. With 1, the reply is the page that the model has
                opened, as in 0.2; with more, the model goes on until it answers.
            cite: True if the answers of several steps end with a list of the pages that were shown.
            policy: The rules for addresses; None for those of the process. A `browser` has its own.
            search_engine: The back end of searches; None for that of `AUTOGEN_SEARCH`. A `browser` has its own.
            approve: For each tool of the browser that needs it, who must approve its calls, as for `register_for_execution`:
                `{"download_file": "human"}`. A page that is not text is a download of `visit_page`, too.
            **kwargs: `silent`...

        Raises:
            ValueError: if both `browser` and `browser_config` are given, or a value is of no use.
        """
        arguments = runtime_log.capture_arguments(locals())
        if browser is not None and browser_config is not None:
            raise ValueError("browser and browser_config can't both be given: pass the browser alone.")
        if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
            raise ValueError(f"max_steps must be a positive whole number, got {max_steps!r}.")
        _check_browser_config(browser_config)
        super().__init__(
            name=name,
            system_message=system_message,
            description=description,
            is_termination_msg=is_termination_msg,
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            function_map=function_map,
            code_execution_config=code_execution_config,
            llm_config=llm_config,
            default_auto_reply=default_auto_reply,
            **kwargs,
        )
        self.max_steps = max_steps
        self.cite = cite
        self.approve = _check_approve(approve)
        self._policy = policy
        self._search_engine = search_engine
        self._browser_config = browser_config
        self._is_shared = browser is not None
        self.browser = browser or self._make_browser()
        self._surfs: WeakKeyDictionary[Agent, Surf] = WeakKeyDictionary()
        self._summarizer = self._make_summarizer(summarizer_llm_config)
        self._model_clients: list[tuple[type, dict[str, Any]]] = []
        self._first_surf = self._make_surf(self.browser) if self.llm_config else None
        # The browser replies in place of the model.
        self.replace_reply_func(ConversableAgent.generate_oai_reply, WebSurferAgent.generate_surfer_reply)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, WebSurferAgent.a_generate_surfer_reply)
        runtime_log.log_new_agent(self, arguments)

    def generate_surfer_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Use the browser for the last message, and make a reply from its page.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            config: Not used.

        Returns:
            True and the reply; `(False, None)` without a model or messages.
        """
        return run_sync(self._surf(messages, sender))

    async def a_generate_surfer_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_surfer_reply`."""
        return await run_async(self._surf(messages, sender))

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Register a custom client class for the agent's model, and for its inner agents."""
        super().register_model_client(model_client_cls, **kwargs)
        self._model_clients.append((model_client_cls, kwargs))
        for agent in self._list_inner_agents():
            if _has_custom_client(agent, model_client_cls):
                agent.register_model_client(model_client_cls, **kwargs)

    def _surf(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        messages = get_conversation(self, messages, sender)
        surf = self._find_surf(sender)
        if surf is None or not messages:
            return False, None
        surf.tools.sources.clear()
        task = content_str(messages[-1].get("content"))
        text = yield from self._take_steps(surf, f"{task}\n\n{_describe_position(surf)}")
        if self.max_steps > 1 and self.cite and surf.tools.sources:
            links = [
                f"{number}. [{title or url}]({url})" for number, (url, title) in enumerate(surf.tools.sources.items(), 1)
            ]
            text = "\n".join([f"{text}\n\nSources:", *links])
        return True, text

    def _take_steps(self, surf: Surf, task: str) -> Steps[str]:
        """Let the model call tools, and return its answer or the text of the last tool."""
        last = yield from self._ask(surf, task, self.max_steps)
        if not _has_calls(last) and self.max_steps == 1 and surf.tools.browser.address == BLANK:
            # Weaker models announce a search and make none, and the other agent would ask for ever.
            second = yield from self._ask(surf, INSIST, 1)
            last = second if _has_calls(second) else last
        if not _has_calls(last):
            return content_str(last.get("content"))
        proxy = surf.user_proxy
        result = yield from invoke(proxy.generate_reply, proxy.a_generate_reply, sender=surf.assistant)
        if result is None:
            return ""
        # So that the history is complete, whoever looks at it.
        yield from invoke(proxy.send, proxy.a_send, result, surf.assistant, request_reply=False, silent=True)
        return get_result_text(result.get("content", "") if isinstance(result, dict) else result)

    def _ask(self, surf: Surf, message: str, max_turns: int) -> Steps[Message]:
        """Run a chat of the inner agents, and return its last message."""
        result = yield from invoke(
            surf.user_proxy.initiate_chat,
            surf.user_proxy.a_initiate_chat,
            surf.assistant,
            message=message,
            clear_history=message is not INSIST,
            max_turns=max_turns,
            silent=True,
            cache=self.client_cache,
            summary_method=None,
        )
        return dict(result.chat_history[-1])

    def _find_surf(self, sender: Agent | None) -> Surf | None:
        """Return the browser of a chat, with its agents; None without a model."""
        if self._first_surf is None or self._is_shared or sender is None:
            return self._first_surf
        if sender not in self._surfs:
            self._surfs[sender] = self._make_surf(self._make_browser()) if self._surfs else self._first_surf
        return self._surfs[sender]

    def _make_surf(self, browser: AbstractMarkdownBrowser) -> Surf:
        surf = Surf(self, browser, self._read if self._summarizer is not None else None)
        for model_client_cls, kwargs in self._model_clients:
            if _has_custom_client(surf.assistant, model_client_cls):
                surf.assistant.register_model_client(model_client_cls, **kwargs)
        return surf

    def _make_browser(self) -> AbstractMarkdownBrowser:
        if self._browser_config is None:
            return RequestsMarkdownBrowser(search_engine=self._search_engine, policy=self._policy)
        return SimpleTextBrowser(**self._browser_config, search_engine=self._search_engine, policy=self._policy)

    def _make_summarizer(self, config: object) -> ConversableAgent | None:
        """Make the agent whose model reads whole pages; None for none."""
        config = self.llm_config if config is None else config
        if not config:
            return None
        return ConversableAgent(
            f"{self.name}_summarizer",
            system_message=f"You read web pages for others. {RULE}",
            llm_config=config,  # type: ignore[arg-type]
            human_input_mode="NEVER",
            silent=True,
        )

    def _read(self, prompt: str) -> str:
        """Ask the model that reads pages."""
        assert self._summarizer is not None
        _, reply = self._summarizer.generate_oai_reply([{"role": "user", "content": prompt}])
        return content_str(reply.get("content") if isinstance(reply, dict) else reply)

    @property
    def _assistant(self) -> AssistantAgent | None:
        """The inner agent whose model calls the tools, in the first chat: 0.2's name."""
        return self._first_surf.assistant if self._first_surf else None

    @property
    def _user_proxy(self) -> UserProxyAgent | None:
        """The inner agent that executes the tools, in the first chat: 0.2's name."""
        return self._first_surf.user_proxy if self._first_surf else None

    def _list_inner_agents(self) -> list[ConversableAgent]:
        surfs = dict.fromkeys([*filter(None, [self._first_surf]), *self._surfs.values()])
        agents: list[ConversableAgent] = [agent for surf in surfs for agent in (surf.assistant, surf.user_proxy)]
        return [*agents, *filter(None, [self._summarizer])]

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._surfs = WeakKeyDictionary()
        self._model_clients = list(self._model_clients)
        if not self._is_shared:
            self.browser = self._make_browser()
        self._first_surf = self._make_surf(self.browser) if self.llm_config else None

    def _participants(self) -> list[Any]:
        # The usage of the inner agents counts as usage of the agent.
        return [self, *self._list_inner_agents()]


registry.ASYNC_VARIANTS.add(WebSurferAgent.generate_surfer_reply, WebSurferAgent.a_generate_surfer_reply)


def _keep_first_call(sender: Agent, message: Message | str, recipient: Agent, silent: bool) -> Message | str:
    """Return a message with the first of its calls alone (a hook)."""
    if isinstance(message, str) or len(message.get("tool_calls") or ()) < 2:
        return message
    content = "\n".join(filter(None, (message.get("content"), ONE_CALL_NOTE)))
    return {**message, "content": content, "tool_calls": message["tool_calls"][:1]}


def _has_calls(message: Message) -> bool:
    """Return True if a message suggests calls."""
    return bool(message.get("tool_calls") or message.get("function_call"))


def _has_custom_client(agent: ConversableAgent, kind: type) -> bool:
    """Return True if the config of an agent's model names a custom client class."""
    config = agent.llm_config if isinstance(agent.llm_config, dict) else {}
    entries = [config, *(config.get("config_list") or ())]
    return any(entry.get("model_client_cls") == kind.__name__ for entry in entries)


def _describe_position(surf: Surf) -> str:
    """Return a sentence about the page that is open."""
    if surf.tools.browser.address == BLANK:
        return "(No page is open in your browser.)"
    title = surf.tools.get_title().strip()
    return f"(Your browser is at {surf.tools.browser.address}{', ' + title if title else ''}.)"


def _check_approve(approve: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the approvals of tools.

    Raises:
        ValueError: if there is no such tool.
    """
    for name in approve or ():
        if name not in TOOL_NAMES:
            raise ValueError(f"approve has no tool of the browser {name!r}.{suggest(name, TOOL_NAMES)}")
    return dict(approve or {})


def _check_browser_config(config: Mapping[str, Any] | None) -> None:
    """Warn about the older argument, and refuse settings that mean nothing.

    Raises:
        ValueError: if there is such a setting.
    """
    if config is None:
        return
    for name in config:
        if name not in BROWSER_CONFIG:
            raise ValueError(f"browser_config has no {name!r}.{suggest(name, BROWSER_CONFIG)}")
    warn_caller("browser_config is deprecated, pass browser=SimpleTextBrowser(...).", DeprecationWarning)
