"""`MultimodalConversableAgent`: an agent for whose model `<img ...>` tags in messages are pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...code_utils import content_str
from ...fetching import FetchPolicy
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from . import img_utils

__all__ = ["DEFAULT_LMM_SYS_MSG", "DEFAULT_MODEL", "MultimodalConversableAgent"]

DEFAULT_LMM_SYS_MSG = "You are a helpful AI assistant that sees the pictures of the conversation."
DEFAULT_MODEL = "gpt-5-mini"
"""A model that sees."""

_WEB = ("http://", "https://")


class MultimodalConversableAgent(ConversableAgent):
    """An agent that sees pictures.

    In the texts that it receives and sends, `<img ...>` tags become pictures: an address, a data URI, the path of a file or
    base64. What it sends to others has pictures, too, so that other agents that see get them. Addresses stay addresses:
    they are fetched only for a model that does not fetch them itself.

    A path is opened if the program or the human named it in this chat; or if it leads into an allowed folder: the work
    directory of an executor that ran code in this chat, or one of `image_folders`. A model may write any path.

    Attributes:
        DEFAULT_CONFIG: `llm_config` of agents constructed without one.
        image_folders: Folders whose pictures any message may name.
        fetch_policy: Rules for the addresses of pictures; None for those of the process.

    >>> critic = MultimodalConversableAgent("critic", llm_config=llm_config)  # doctest: +SKIP
    >>> user.initiate_chat(critic, message="What is on <img holiday.jpg>?", max_turns=1).summary  # doctest: +SKIP
    'A beach with two palms.'
    """

    DEFAULT_CONFIG = {"model": DEFAULT_MODEL}

    def __init__(
        self,
        name: str,
        system_message: str | Sequence[Mapping[str, object]] | None = DEFAULT_LMM_SYS_MSG,
        is_termination_msg: Callable[[Message], object] | None = None,
        *args: Any,
        image_folders: Iterable[str | os.PathLike[str]] = (),
        policy: FetchPolicy | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            system_message: System message of the model, which may have `<img ...>` tags, or a list of parts.
            is_termination_msg: As for `ConversableAgent`.
            *args: Further arguments of `ConversableAgent`, in its order.
            image_folders: Folders whose pictures any message may name.
            policy: Rules for the addresses of pictures; None for those of the process.
            **kwargs: Further arguments of `ConversableAgent`.

        Raises:
            TypeError: if `image_folders` is a text.
        """
        if isinstance(image_folders, (str, bytes)):
            raise TypeError(f"image_folders must be a list of folders, got {image_folders!r}.")
        self.image_folders = tuple(image_folders)
        self.fetch_policy = policy
        super().__init__(name, system_message, is_termination_msg, *args, **kwargs)
        description: Any = self.description
        if isinstance(description, (list, tuple)):
            # Group chats select by it.
            self.description = content_str(list(description))
        self.update_system_message(system_message)

    def update_system_message(self, system_message: str | Sequence[Mapping[str, object]] | None) -> None:
        """Replace the system message. It is a list of content parts then, with its pictures as those of Pillow."""
        content: Any = [] if system_message is None else self._to_parts(system_message)
        super().update_system_message(content)

    def _message_to_dict(self, message: object) -> Message:
        """Return a message as a dict whose content is a list of parts: `<img ...>` tags in its text are pictures.

        Raises:
            ValueError: if `message` is neither text nor a list of parts nor a dict.
            AssertionError: if a dict has no `content`.
        """
        if isinstance(message, (str, list)):
            return {"content": self._to_parts(message)}
        if isinstance(message, Mapping):
            assert "content" in message, f"The message must have a 'content', got {sorted(map(str, message))}."
            content = message["content"]
            # The results of tools are data, and may come from anywhere.
            if not isinstance(content, str) or message.get("role") in ("tool", "function"):
                return dict(message)
            return {**message, "content": self._to_parts(content)}
        raise ValueError(f"A message must be a string, a list of parts or a dict, got {message!r}.")

    def _to_parts(self, content: object) -> list[Any]:
        if not isinstance(content, str):
            return list(content)  # type: ignore[call-overload, no-any-return]
        return img_utils.split_by_pictures(content, self._load_picture)

    def _load_picture(self, source: str) -> object:
        if source.lower().startswith(_WEB):
            return source
        return img_utils.get_pil_image(img_utils.check_source(source, self.image_folders))

    def _process_message_before_send(self, message: Message | str, recipient: Agent, silent: bool) -> Message | str:
        return self._show_pictures(super()._process_message_before_send(message, recipient, silent))

    async def _a_process_message_before_send(self, message: Message | str, recipient: Agent, silent: bool) -> Message | str:
        return self._show_pictures(await super()._a_process_message_before_send(message, recipient, silent))

    def _show_pictures(self, message: Message | str) -> Message | str:
        """Return a message with its pictures as parts; the message itself if it has none."""
        content = message.get("content") if isinstance(message, Mapping) else message
        if not isinstance(content, str) or (isinstance(message, Mapping) and message.get("role") in ("tool", "function")):
            return message
        parts = self._to_parts(content)
        if len(parts) == 1:
            return message
        return {**(message if isinstance(message, dict) else {}), "content": parts}
