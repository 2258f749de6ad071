"""Checks of arguments where a program passes them, so that a mistake is reported at its own line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real

from ..._mistakes import suggest, warn_caller, warn_of_misspellings

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

# Parameters of `initiate_chat`, and keys that a queue adds to its specs.
CHAT_PARAMETERS = frozenset(
    {
        *("recipient", "clear_history", "silent", "cache", "max_turns", "summary_method", "summary_args", "message"),
        *("max_cost", "max_tokens_total", "on_budget", "control", "checkpoint", "on_unfinished", "carryover"),
    }
)
QUEUE_KEYS = frozenset(
    {
        *("sender", "chat_id", "prerequisites", "finished_chat_indexes_to_exclude_from_carryover", "verbose", "use_async"),
    }
)
TASK_PARAMETERS = CHAT_PARAMETERS | {"approve", "tools", "output_type", "reflect", "executor_kwargs", "user_input", "msg_to"}
NESTED_OPTIONS = frozenset({"config", "reset_config", "ignore_async_in_sync_chat"})
NESTED_PARAMETERS = frozenset({"chat_queue", "trigger", "reply_func_from_nested_chats", "position", "use_async"})
CODE_KEYS = frozenset({"executor", "last_n_messages", "timeout", "use_docker", "work_dir"})
_AS_CONTEXT = "It is passed on as context for a message that is a function."


def check_name(name: object) -> None:
    """Check the name of an agent.

    Raises:
        TypeError, ValueError: if it is not text, or empty.
    """
    if not isinstance(name, str):
        raise TypeError(f"The name of an agent must be a string, got {name!r}.")
    if not name.strip():
        raise ValueError(f"The name of an agent must not be empty, got {name!r}.")


def check_system_message(system_message: object) -> None:
    """Check a system message: text, a list of content parts, or None.

    Raises:
        TypeError: if it is anything else.
    """
    if isinstance(system_message, Mapping):
        raise TypeError(
            f"system_message must be a string, got the dict {system_message!r}. Pass its 'content'; the role is set."
        )
    if system_message is not None and not isinstance(system_message, (str, list, tuple)):
        raise TypeError(f"system_message must be a string, a list of content parts or None, got {system_message!r}.")


def check_termination_test(test: object) -> None:
    """Check an `is_termination_msg`.

    Raises:
        TypeError: if it can't be called with a message.
    """
    if test is None or callable(test):
        return
    example = f": lambda message: {test!r} in message['content'], or TextMention({test!r})" if isinstance(test, str) else ""
    raise TypeError(f"is_termination_msg must be a function of a message, or a condition, got {test!r}{example}.")


def check_agent_arguments(
    name: object, system_message: object, test: object, max_replies: object, function_map: object
) -> None:
    """Check the arguments of an agent.

    Raises:
        TypeError, ValueError: if an argument has an invalid value; the message names it.
    """
    check_name(name)
    check_system_message(system_message)
    check_termination_test(test)
    if max_replies is not None and not isinstance(max_replies, Real):
        raise TypeError(f"max_consecutive_auto_reply must be a number or None, got {max_replies!r}.")
    if function_map is not None and not isinstance(function_map, Mapping):
        raise TypeError(f"function_map must be a dict of functions by name, got {function_map!r}.")


def check_code_config(config: Mapping[str, object], is_open: bool) -> None:
    """Warn about unknown keys of a `code_execution_config`.

    Args:
        config: The config.
        is_open: True if further keys may have a meaning, for an override of `run_code`.
    """
    executor = config.get("executor")
    known = {*CODE_KEYS, *([executor] if isinstance(executor, str) else ())}
    for key in config:
        hint = suggest(str(key), known)
        if key not in known and (hint or not (is_open or executor)):
            keys = f" Its keys are: {', '.join(sorted(CODE_KEYS))}."
            warn_caller(f"code_execution_config has no {key!r}.{hint or keys}")


def check_recipient(recipient: object) -> None:
    """Check the recipient of a chat.

    Raises:
        TypeError: if it is not an agent.
    """
    if hasattr(recipient, "receive"):
        return
    hint = " Pass its GroupChatManager." if hasattr(recipient, "speaker_selection_method") else ""
    raise TypeError(f"The recipient must be an agent, got {recipient!r}.{hint}")


def warn_of_misspelt_context(*contexts: Iterable[object]) -> None:
    """Warn about names close to a parameter of `initiate_chat`: in its context, or in the specs of a queue."""
    for context in contexts:
        warn_of_misspellings(context, CHAT_PARAMETERS | QUEUE_KEYS, "initiate_chat", _AS_CONTEXT)


def check_task_options(options: Iterable[str], message: object) -> None:
    """Check the keywords of `run`. Context is for a message that is a function.

    Raises:
        TypeError: if a keyword has no meaning.
    """
    if callable(message):
        return
    for name in options:
        if name not in TASK_PARAMETERS:
            raise TypeError(f"run() got an unexpected keyword argument {name!r}.{suggest(name, TASK_PARAMETERS)}")


def check_nested_options(options: Iterable[str]) -> None:
    """Warn about keywords of `register_nested_chats` that have no meaning. 0.2 ignored them silently."""
    for name in options:
        if name not in NESTED_OPTIONS:
            warn_caller(f"register_nested_chats ignores {name!r}.{suggest(name, NESTED_PARAMETERS | NESTED_OPTIONS)}")
