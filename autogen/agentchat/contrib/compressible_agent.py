"""`CompressibleAgent` of early versions of 0.2: an assistant with a limit of its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..._mistakes import suggest, warn_caller
from .._contexts.counting import get_agent_counter, get_window
from ..agent import Agent, Message
from ..assistant_agent import AssistantAgent
from ..conversable_agent import ConversableAgent
from .capabilities.transform_messages import TransformMessages
from .capabilities.transforms import SummaryTransform

MODES = ("TERMINATE", "COMPRESS", "CUSTOMIZED")
_KEYS = ("mode", "compress_function", "trigger_count", "async", "broadcast", "verbose", "leave_last_n")
# For a model whose context length is unknown.
_DEFAULT_WINDOW = 8192

CompressFunction = Callable[[list[Message]], tuple[bool, list[Message] | None]]


class CompressibleAgent(AssistantAgent):
    """Deprecated assistant whose history is limited; see `autogen.agentchat.model_context` for its successors.

    Args:
        name: Name.
        system_message: System message.
        is_termination_msg: See `ConversableAgent`, also for the arguments after it.
        max_consecutive_auto_reply: Limit of replies in a row.
        human_input_mode: Mode of human input.
        function_map: Functions that the agent executes.
        code_execution_config: How code is run; False for an agent that runs none.
        llm_config: Config of the model.
        default_auto_reply: Reply if there is no other.
        compress_config: False for no limit, True for the defaults, or a dict: `mode` (`TERMINATE` ends the chat when it no
            longer fits the model, `COMPRESS` shows old messages as a summary, `CUSTOMIZED` calls `compress_function`),
            `compress_function` (messages in; success and messages out), `trigger_count` (tokens above which it happens, or a
            part of the context length as a float; 0.7), `leave_last_n` (messages that no summary is of; 2) and `verbose`.
            `async` and `broadcast` have no effect: no history is rewritten.
        description: Description.
        **kwargs: Further arguments of `ConversableAgent`.

    Raises:
        ValueError: if a key or a value of `compress_config` is invalid.
    """

    def __init__(
        self,
        name: str,
        system_message: str | None = AssistantAgent.DEFAULT_SYSTEM_MESSAGE,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: Any = "NEVER",
        function_map: Mapping[str, Callable[..., object]] | None = None,
        code_execution_config: Any = False,
        llm_config: Any = None,
        default_auto_reply: str | Message | None = "",
        compress_config: bool | Mapping[str, Any] = False,
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        warn_caller(
            "CompressibleAgent is deprecated: give an AssistantAgent a model_context, such as SummaryTransform.",
            DeprecationWarning,
        )
        config = _check_config(compress_config)
        super().__init__(
            name,
            system_message,
            llm_config,
            is_termination_msg,
            max_consecutive_auto_reply,
            human_input_mode,
            description=description,
            function_map=function_map,
            code_execution_config=code_execution_config,
            default_auto_reply=default_auto_reply,
            **kwargs,
        )
        self.compress_config = config
        if config is False:
            return
        if config["mode"] == "TERMINATE":
            self.register_reply([Agent, None], CompressibleAgent._end_long_chat)
            return
        trigger = _get_trigger(self, config["trigger_count"])
        if config["mode"] == "COMPRESS":
            transform: Any = SummaryTransform(trigger_tokens=trigger, keep_last=config["leave_last_n"])
        else:
            transform = _Customized(config["compress_function"], trigger, self)
        TransformMessages(transforms=[transform], verbose=bool(config["verbose"])).add_to_agent(self)

    def _end_long_chat(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> tuple[bool, None]:
        """End the chat if its messages no longer fit the model."""
        window = get_window(self)
        if window is None or not messages:
            return False, None
        system = {"role": "system", "content": self.system_message}
        return get_agent_counter(self).count_all([system, *messages]) > window, None


class _Customized:
    """Transform by a function of the program.

    Args:
        function: Returns whether it succeeded, and the messages.
        trigger: Number of tokens above which it is called.
        agent: Agent whose model counts.
    """

    def __init__(self, function: CompressFunction, trigger: int, agent: ConversableAgent) -> None:
        self._function = function
        self._trigger = trigger
        self._agent = agent

    def apply_transform(self, messages: list[Message]) -> list[Message]:
        """Return what the function makes of a long history."""
        if get_agent_counter(self._agent).count_all(messages) <= self._trigger:
            return messages
        is_success, compressed = self._function(messages)
        return compressed if is_success and compressed else messages


def _check_config(config: bool | Mapping[str, Any]) -> dict[str, Any] | Literal[False]:
    """Return a complete config, or False.

    Raises:
        ValueError: if a key or a value is invalid.
    """
    if config is False:
        return False
    if config is not True and not isinstance(config, Mapping):
        raise ValueError(f"compress_config must be True, False or a dict, got {config!r}.")
    settings = {} if config is True else dict(config)
    for key in settings:
        if key not in _KEYS:
            raise ValueError(f"compress_config has no key {key!r}.{suggest(key, _KEYS)}")
    settings = {"mode": "TERMINATE", "trigger_count": 0.7, "leave_last_n": 2, "verbose": False, **settings}
    if settings["mode"] not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {settings['mode']!r}.")
    if settings["mode"] == "CUSTOMIZED" and not callable(settings.get("compress_function")):
        raise ValueError("The mode CUSTOMIZED needs a compress_function.")
    if isinstance(settings["trigger_count"], bool) or not settings["trigger_count"] > 0:
        raise ValueError(f"trigger_count must be above 0, got {settings['trigger_count']!r}.")
    if settings["leave_last_n"] < 0:
        raise ValueError(f"leave_last_n must be at least 0, got {settings['leave_last_n']!r}.")
    if settings.get("broadcast"):
        warn_caller("broadcast has no effect: the histories of other agents are not rewritten.")
    return settings


def _get_trigger(agent: ConversableAgent, count: float) -> int:
    """Return the trigger in tokens: a float up to 1 is a part of the context length."""
    if isinstance(count, float) and count <= 1:
        return max(int((get_window(agent) or _DEFAULT_WINDOW) * count), 1)
    return int(count)
