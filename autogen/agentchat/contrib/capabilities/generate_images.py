"""Agents that make pictures: generators, the capability that answers with a picture, and a tool for models."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel, Field

from ...._extras import require
from ...._images.data_uris import decode_base64
from ...._images.pictures import ImageError, encode_picture, make_picture_uri, read_picture
from ...._images.sources import allow_folder
from ...._images.storage import PictureFolder
from ...._mistakes import trim_stop
from ...._steps import wrap_in_thread
from ....cache.abstract_cache_base import AbstractCache
from ....code_utils import content_str
from ....fetching import FetchPolicy, fetch
from ....oai._once import log_once
from ....oai.client import OpenAIWrapper
from ....tools.tool import Tool
from ....types import LLMConfigDict, Message
from ..._core.internals import get_conversation
from ..._replies import registry
from ...agent import Agent
from ...conversable_agent import ConversableAgent
from .agent_capability import AgentCapability

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "DESCRIPTION_MESSAGE",
    "PROMPT_INSTRUCTIONS",
    "SYSTEM_MESSAGE",
    "DalleImageGenerator",
    "ImageGeneration",
    "ImageGenerationTool",
    "ImageGenerator",
    "PillowImageGenerator",
]

logger = logging.getLogger(__name__)

SYSTEM_MESSAGE = "\nYou can make pictures: when somebody asks for a picture, one is made and sent in your name."
DESCRIPTION_MESSAGE = "\nThis agent can make pictures."
PROMPT_INSTRUCTIONS = (
    "Write the prompt for the picture that the message asks for: everything that it says about what the picture shows and "
    "how it looks, and nothing else. No introduction."
)

CURRENT_MODEL = "gpt-image-2"
"""The model that replaces those that were retired."""

_DECISION = (
    "You read a message to an assistant. Decide whether it asks explicitly for a picture to be made: drawn, painted, "
    "generated. A question about a picture, or about making pictures, does not ask for one. If it does, also write the "
    "prompt:\n"
)
_RETIRED = ("dall-e-",)
_SIZE = re.compile(r"\d+x\d+")
_AUTO = "auto"
# A name that people can read out.
_NAME_CHARS = 16
# Names of the retired models' settings, by those of the current ones.
_QUALITIES = {"standard": "medium", "hd": "high"}
_SIZES = {
    **dict.fromkeys(("256x256", "512x512"), "1024x1024"),
    "1792x1024": "1536x1024",
    "1024x1792": "1024x1536",
}


# The agent whose model decides: the capability may be given to several.
_replying: ContextVar[ConversableAgent | None] = ContextVar("agent that replies", default=None)


class PictureRequest(BaseModel):
    """The decision of a model about a message.

    Attributes:
        wants_picture: True if the message asks for a picture.
        prompt: Prompt for the picture; empty if there is none.
    """

    wants_picture: bool
    prompt: str = Field(default="", description="The prompt for the picture; empty if none is asked for.")


@runtime_checkable
class ImageGenerator(Protocol):
    """A generator of pictures. A program can write its own."""

    def generate_image(self, prompt: str) -> Image:
        """Make a picture.

        Args:
            prompt: Description of the picture.

        Raises:
            ValueError: if it fails.
        """
        ...

    def cache_key(self, prompt: str) -> str:
        """Return a text that differs for prompts and settings that give different pictures."""
        ...


class DalleImageGenerator:
    """Makes pictures by a model behind OpenAI's `images/generations`, which other vendors and servers have, too.

    Requests have the retries, budgets, addresses and keys of the config. A model that OpenAI has retired (`dall-e-2`,
    `dall-e-3`) is replaced by a current one, with a warning.

    Args:
        llm_config: Config of the model.
        resolution: Width and height in pixels, as in "1024x1024"; "auto" for the choice of the model.
        quality: Quality as the model names it: `low`, `medium`, `high` or `auto`; `standard` and `hd` are older names.
        num_images: Number of pictures for each prompt.
        policy: Rules for the addresses of pictures, with which some endpoints answer; None for those of the process.

    Raises:
        ValueError: if an argument has an invalid value.

    >>> generator = DalleImageGenerator({"model": "gpt-image-2", "price_per_image": 0.04})  # doctest: +SKIP
    >>> generator.generate_image("A lighthouse in the fog.").save("lighthouse.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        llm_config: LLMConfigDict | Mapping[str, Any],
        resolution: str = "1024x1024",
        quality: str = "standard",
        num_images: int = 1,
        *,
        policy: FetchPolicy | None = None,
    ) -> None:
        if not isinstance(resolution, str) or not (_SIZE.fullmatch(resolution) or resolution == _AUTO):
            raise ValueError(f"resolution must be the width and the height, as in '1024x1024', got {resolution!r}.")
        if isinstance(num_images, bool) or not isinstance(num_images, int) or num_images < 1:
            raise ValueError(f"num_images must be a positive whole number, got {num_images!r}.")
        self._policy = policy
        entries: Sequence[Any] = llm_config.get("config_list") or [llm_config]
        model = str(entries[0].get("model") or "")
        if not model:
            raise ValueError("llm_config must name a model that makes pictures.")
        self._model, self._resolution, self._quality, self._num_images = model, resolution, quality, num_images
        shared = llm_config if llm_config.get("config_list") else {}
        config: dict[str, Any] = {key: value for key, value in shared.items() if key != "config_list"}
        self._client = OpenAIWrapper(**{**config, "config_list": [_replace_model(entry) for entry in entries]})

    @property
    def client(self) -> OpenAIWrapper:
        """The client of the model, as `gather_usage_summary` takes it."""
        return self._client

    def generate_image(self, prompt: str) -> Image:
        """Make a picture; the first of them with several.

        Raises:
            ValueError: if the endpoint sends no picture.
            openai.APIError: if it refuses, or can't be reached.
        """
        return self.generate_images(prompt)[0]

    def generate_images(self, prompt: str) -> list[Image]:
        """Make all pictures of a prompt."""
        response: Any = self._client.create_image(prompt=prompt, n=self._num_images, **self._get_options())
        try:
            return [self._read_image(image) for image in response.images]
        except (ImageError, OSError) as error:
            raise ValueError(f"The picture that was made can't be read: {trim_stop(error)}.") from error

    def _read_image(self, image: Mapping[str, str]) -> Image:
        if data := image.get("b64_json"):
            return read_picture(decode_base64(data))
        return read_picture(fetch(image.get("url", ""), policy=self._policy).raise_for_status().content)

    def _get_options(self) -> dict[str, str]:
        """Return size and quality under the names of the model."""
        is_retired, is_current = self._model.startswith(_RETIRED), "gpt-image" in self._model
        size = _SIZES.get(self._resolution, self._resolution) if is_retired else self._resolution
        options = {} if size == _AUTO else {"size": size}
        if is_retired or is_current:
            return {**options, "quality": _QUALITIES.get(self._quality, self._quality)}
        # Other models have no such setting, or other names.
        return options if self._quality == "standard" else {**options, "quality": self._quality}

    def cache_key(self, prompt: str) -> str:
        """Return the prompt and all settings, joined by commas."""
        return ",".join((prompt, self._model, self._resolution, self._quality, str(self._num_images)))


def _replace_model(entry: Mapping[str, Any]) -> dict[str, Any]:
    model = str(entry.get("model") or "")
    # At Azure it is the name of a deployment.
    if not model.startswith(_RETIRED) or str(entry.get("api_type")).startswith("azure"):
        return dict(entry)
    log_once(f"The model {model} was retired: {CURRENT_MODEL} makes the pictures instead.")
    return {**entry, "model": CURRENT_MODEL}


class PillowImageGenerator:
    """Makes pictures without a model, for tests and trials: the prompt as text on a coloured ground.

    Args:
        size: Width and height in pixels.
    """

    def __init__(self, size: tuple[int, int] = (256, 256)) -> None:
        self._size = size

    def generate_image(self, prompt: str) -> Image:
        """Draw a prompt. The same prompt gives the same picture."""
        pillow, draw = (
            require(f"PIL.{name}", extra="images", feature="Drawing pictures") for name in ("Image", "ImageDraw")
        )
        hue = sum(prompt.encode("utf-8", "replace")) % 360
        picture: Image = pillow.new("RGB", self._size, f"hsl({hue}, 60%, 85%)")
        lines = "\n".join(textwrap.wrap(prompt, max(8, self._size[0] // 8)))
        # The built-in font has few letters.
        draw.Draw(picture).multiline_text((8, 8), lines.encode("latin-1", "replace").decode("latin-1"), fill="black")
        return picture

    def cache_key(self, prompt: str) -> str:
        """Return the prompt and the size."""
        return f"{prompt},pillow,{self._size[0]}x{self._size[1]}"


class ImageGeneration(AgentCapability):
    """Answers messages that ask for a picture with a picture.

    Whether a message asks for one, and the prompt, come from one structured request to a model. Each prompt is drawn once,
    if there is a cache; agents with the same cache share the pictures.

    Args:
        image_generator: Generator of the pictures.
        cache: Cache of pictures, as data URIs; None for none.
        text_analyzer_llm_config: Config of the model that decides; None for that of the agent.
        text_analyzer_instructions: How the prompt is written.
        verbosity: 1 logs the decisions, 2 the prompts, too.
        register_reply_position: Index in the list of reply functions.
    """

    def __init__(
        self,
        image_generator: ImageGenerator,
        cache: AbstractCache | None = None,
        text_analyzer_llm_config: LLMConfigDict | Mapping[str, Any] | None = None,
        text_analyzer_instructions: str = PROMPT_INSTRUCTIONS,
        verbosity: int = 0,
        register_reply_position: int = 2,
    ) -> None:
        super().__init__()
        self._image_generator = image_generator
        self._cache = cache
        self._text_analyzer_llm_config = text_analyzer_llm_config
        self._text_analyzer_instructions = text_analyzer_instructions
        self._verbosity = verbosity
        self._register_reply_position = register_reply_position
        self._client: OpenAIWrapper | None = None
        self._reply_functions = self._make_reply_functions()
        # The last text, and the decision about it.
        self._decided: tuple[str, PictureRequest] | None = None

    @property
    def client(self) -> OpenAIWrapper | None:
        """The client of the model that decides, as `gather_usage_summary` takes it; None before it was asked."""
        return self._client

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the capability to an agent."""
        reply, a_reply = self._reply_functions
        position = self._register_reply_position
        self.register_reply(agent, [Agent, None], reply, position)
        self.register_reply(agent, [Agent, None], a_reply, position, ignore_async_in_sync_chat=True)
        self.append_system_text(agent, SYSTEM_MESSAGE)
        agent.description = f"{agent.description or ''}{DESCRIPTION_MESSAGE}"

    def remove_from_agent(self, agent: ConversableAgent) -> None:
        """Undo `add_to_agent`."""
        super().remove_from_agent(agent)
        agent.description = (agent.description or "").removesuffix(DESCRIPTION_MESSAGE)

    def _make_reply_functions(self) -> tuple[Any, Any]:
        """Make the two variants of the reply function: in async chats, the work is done in a thread."""

        def reply_with_picture(
            recipient: ConversableAgent,
            messages: list[Message] | None = None,
            sender: Agent | None = None,
            config: object = None,
        ) -> tuple[bool, Message | None]:
            return self._reply(recipient, get_conversation(recipient, messages, sender))

        async def a_reply_with_picture(
            recipient: ConversableAgent,
            messages: list[Message] | None = None,
            sender: Agent | None = None,
            config: object = None,
        ) -> tuple[bool, Message | None]:
            return await wrap_in_thread(self._reply)(recipient, get_conversation(recipient, messages, sender))

        registry.ASYNC_VARIANTS.add(reply_with_picture, a_reply_with_picture)
        return reply_with_picture, a_reply_with_picture

    def _reply(self, recipient: ConversableAgent, messages: Sequence[Message]) -> tuple[bool, Message | None]:
        text = content_str(messages[-1].get("content")) if messages else ""
        if not text:
            return False, None
        token = _replying.set(recipient)
        try:
            if not self._should_generate_image(text):
                return False, None
            prompt = self._extract_prompt(text)
        finally:
            _replying.reset(token)
        uris = self._get_pictures(prompt)
        content: list[Message] = [{"type": "text", "text": f"I made this picture with the prompt: {prompt}"}]
        content += [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
        return True, {"content": content}

    def _get_pictures(self, prompt: str) -> list[str]:
        """Return the pictures of a prompt as data URIs, from the cache if it has them."""
        key = self._image_generator.cache_key(prompt)
        known = self._cache.get(key) if self._cache is not None else None
        if known:
            return [known] if isinstance(known, str) else list(known)
        generate_all = getattr(self._image_generator, "generate_images", None)
        pictures = generate_all(prompt) if generate_all else [self._image_generator.generate_image(prompt)]
        uris = [make_picture_uri(picture) for picture in pictures]
        if self._cache is not None:
            self._cache.set(key, uris[0] if len(uris) == 1 else uris)
        return uris

    def _should_generate_image(self, message: str) -> bool:
        """Return True if a message asks for a picture. Programs and tests replace this method."""
        return self._decide(message).wants_picture

    def _extract_prompt(self, last_message: str) -> str:
        """Return the prompt for the picture that a message asks for. Programs and tests replace this method."""
        return self._decide(last_message).prompt or last_message

    def _decide(self, text: str) -> PictureRequest:
        """Ask the model, once for each text; without a usable answer there is no picture."""
        if self._decided is not None and self._decided[0] == text:
            return self._decided[1]
        from ....oai.errors import InvalidResponse

        messages = [
            {"role": "system", "content": _DECISION + self._text_analyzer_instructions},
            {"role": "user", "content": text},
        ]
        client, options = self._get_client()
        try:
            response: Any = client.create(messages=messages, response_format=PictureRequest, **options)
            decision = response.choices[0].message.parsed
        except InvalidResponse as error:
            logger.warning("The model did not say whether a picture is asked for; none is made: %s", error)
            decision = None
        if not isinstance(decision, PictureRequest):
            decision = PictureRequest(wants_picture=False)
        if self._verbosity:
            shown = f", prompt: {decision.prompt}" if self._verbosity > 1 and decision.prompt else ""
            logger.info("A picture is %s%s.", "asked for" if decision.wants_picture else "not asked for", shown)
        self._decided = (text, decision)
        return decision

    def _get_client(self) -> tuple[OpenAIWrapper, dict[str, Any]]:
        """Return the client of the model that decides, and options of its requests: those of the agent that it serves."""
        agent = _replying.get()
        options = {} if agent is None else {"agent": agent, "cache": agent.client_cache}
        if self._text_analyzer_llm_config:
            config: Any = self._text_analyzer_llm_config
            self._client = self._client or OpenAIWrapper(**config)
            return self._client, options
        client: OpenAIWrapper | None = agent.client if agent is not None else None
        if client is None:
            raise ValueError("ImageGeneration needs a text_analyzer_llm_config, or an agent with an llm_config.")
        return client, options


class ImageGenerationTool(Tool):
    """A tool by which a model makes pictures when it finds that one is wanted.

    The result names the file of the picture. Agents that see may look at it: the folder is allowed in the chat.

    Args:
        image_generator: Generator of the pictures.
        folder: Folder for the files. It is made with the first picture.

    >>> tool = ImageGenerationTool(PillowImageGenerator(), folder="pictures")
    >>> assistant.register_for_llm()(tool)  # doctest: +SKIP
    """

    def __init__(self, image_generator: ImageGenerator, folder: str | os.PathLike[str] = "pictures") -> None:
        def generate_image(prompt: str) -> str:
            encoding = encode_picture(image_generator.generate_image(prompt))
            files = PictureFolder(folder)
            digest = hashlib.sha256(encoding.content).hexdigest()[:_NAME_CHARS]
            files.store(digest, encoding.media_type, encoding.content)
            allow_folder(folder)
            return f"The picture was made: <img {files.find(digest)}>"

        super().__init__(
            name="generate_image",
            description="Make a picture from a description of what it shows and how it looks.",
            func_or_tool=generate_image,
        )
