"""`LLaVAAgent`: an agent for LLaVA and other open models that see, behind OpenAI's protocol or those of 2023."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from ..._extras import httpx, require
from ..._images.sources import get_url
from ..._mistakes import trim_stop
from ..._secrets import redact
from ..._steps import wrap_in_thread
from ..._threads import run_with_timeout
from ...oai.client import OpenAIWrapper
from ...types import LLMConfigDict, Message
from .._agent import agent_llm_config
from .._core.internals import get_conversation
from ..agent import Agent
from ..conversable_agent import ConversableAgent, Reply
from . import img_utils
from .multimodal_conversable_agent import MultimodalConversableAgent

__all__ = ["DEFAULT_LLAVA_SYS_MSG", "SEP", "LLaVAAgent", "llava_call", "llava_call_binary"]

logger = logging.getLogger(__name__)

DEFAULT_LLAVA_SYS_MSG = "You are an AI assistant that sees the pictures of the conversation."
SEP = "###"
"""The text between the turns of a prompt, in LLaVA's own protocol."""

_PICTURE = "<image>"
_ATTEMPTS = 10
_LOCAL = ("0.0.0.0", "localhost")
_TIMEOUT = 600.0  # seconds
_PROBE_TIMEOUT = 2.0  # seconds
_GENERATION = ("max_new_tokens", "temperature", "seed")


def __getattr__(name: str) -> Any:
    # Imported on first use. Programs and tests replace functions of these modules.
    if name == "replicate":
        return require("replicate", feature="LLaVA at Replicate")
    if name == "requests":
        return require("requests", feature="LLaVA's own protocol")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class LLaVAAgent(MultimodalConversableAgent):
    """An agent for open models that see.

    Servers of such models (Ollama, llama.cpp, vLLM, LM Studio) have OpenAI's protocol: an entry with an `api_type`, or with
    a `base_url` that ends in `/v1`, is asked like any other model, with tools, caches and budgets. Other entries are asked
    by the protocols of 2023: LLaVA's worker at a `base_url` on this machine, unless it answers to OpenAI's protocol, too;
    or a model of Replicate that `base_url` names.

    >>> config = {"config_list": [{"model": "llava", "api_type": "ollama"}]}
    >>> llava = LLaVAAgent("llava", llm_config=config)
    """

    def __init__(
        self,
        name: str,
        system_message: str | Sequence[Mapping[str, object]] | None = DEFAULT_LLAVA_SYS_MSG,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            system_message: System message of the model.
            *args: Further arguments of `MultimodalConversableAgent`, in its order.
            **kwargs: Further arguments.

        Raises:
            AssertionError: if `llm_config` has no `config_list`, or an entry has neither a `base_url` nor an `api_type`.
        """
        super().__init__(name, system_message, *args, **kwargs)
        entries = self.llm_config.get("config_list") if isinstance(self.llm_config, dict) else None
        assert entries, "LLaVAAgent needs an llm_config with a config_list."
        for entry in entries:
            is_complete = entry.get("base_url") or entry.get("api_type")
            assert is_complete, "Each entry of LLaVAAgent's config_list needs a base_url or an api_type."
        # The old protocols have no client.
        if not all(map(_has_openai_protocol, entries)):
            self.replace_reply_func(ConversableAgent.generate_oai_reply, LLaVAAgent._image_reply)
            self.replace_reply_func(ConversableAgent.a_generate_oai_reply, LLaVAAgent._a_image_reply)

    def _validate_llm_config(self, llm_config: object) -> None:
        entries = llm_config.get("config_list") if isinstance(llm_config, Mapping) else None
        if entries and not all(map(_has_openai_protocol, entries)):
            # The name of a model at Replicate is not an address, which a client would refuse.
            self.llm_config = agent_llm_config.validate_llm_config(llm_config, False)
            self.client = None
            return
        super()._validate_llm_config(llm_config)

    def _image_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Ask the model by one of the old protocols.

        Raises:
            AssertionError: if the answer is empty, however often it is asked.
        """
        prompt, images = _split_content(self.system_message)
        for message in get_conversation(self, messages, sender):
            speaker = "Human" if message.get("role") == "user" else "Assistant"
            text, pictures = _split_content(message.get("content"))
            images += pictures
            prompt += f"\n{SEP}{speaker}: {text}"
        prompt += f"\n{SEP}Assistant: "
        for _ in range(_ATTEMPTS):
            if answer := _llava_call_binary_with_config(prompt, images, self.llm_config):
                return True, answer
        raise AssertionError(f"The model of {self.name!r} gave an empty answer {_ATTEMPTS} times.")

    async def _a_image_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        return await wrap_in_thread(self._image_reply)(messages, sender, config)


def llava_call(prompt: str, llm_config: LLMConfigDict | Mapping[str, Any]) -> str:
    """Ask a model about a text with `<img ...>` tags.

    Args:
        prompt: The text.
        llm_config: Config with a `config_list`, and maybe `max_new_tokens`, `temperature` and `seed`.

    Raises:
        RuntimeError: if a picture is empty, or no entry answers.
    """
    prompt, images = img_utils.llava_formatter(prompt, order_image_tokens=False)
    if not all(images):
        raise RuntimeError("A picture of the prompt is empty.")
    return _llava_call_binary_with_config(prompt, images, llm_config)


def _llava_call_binary_with_config(prompt: str, images: list[str], config: Any) -> str:
    options = {name: config[name] for name in _GENERATION if config.get(name) is not None}
    return llava_call_binary(prompt, images, config["config_list"], **options)


def llava_call_binary(
    prompt: str,
    images: Sequence[str],
    config_list: Sequence[Mapping[str, Any]],
    max_new_tokens: int = 1000,
    temperature: float = 0.5,
    seed: int = 1,
) -> str:
    """Ask the first model of a list that answers.

    Args:
        prompt: The text, with `<image>` for each picture.
        images: The pictures as base64.
        config_list: The entries.
        max_new_tokens: Maximum number of tokens of the answer.
        temperature: Temperature.
        seed: Seed of the choice of tokens.

    Raises:
        RuntimeError: if no entry answers; the text has the reasons of each.
    """
    failures = []
    for entry in config_list:
        ask: Callable[..., str] = _ask_replicate
        if _has_openai_protocol(entry):
            ask = _ask_wrapper
        elif any(host in entry["base_url"] for host in _LOCAL):
            ask = _ask_wrapper if _answers_to_openai(entry["base_url"]) else _ask_worker
        try:
            return ask(entry, prompt, images, max_new_tokens, temperature, seed)
        # Whatever fails, the next entry is asked.
        except Exception as error:  # noqa: BLE001
            reason = redact(f"{type(error).__name__}: {trim_stop(error)}")
            failures.append(f"{entry.get('model')} at {entry.get('base_url')}: {reason}")
            logger.warning("LLaVA did not answer: %s.", failures[-1])
    raise RuntimeError(f"No model answered: {'; '.join(failures)}.")


def _has_openai_protocol(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("api_type")) or str(entry.get("base_url", "")).rstrip("/").endswith("/v1")


@cache
def _answers_to_openai(base_url: str) -> bool:
    """Return True if a server on this machine lists its models in OpenAI's form."""
    try:
        response = httpx.get(f"{base_url.rstrip('/')}/v1/models", timeout=_PROBE_TIMEOUT)
        return response.status_code == 200 and isinstance(response.json().get("data"), list)
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


def _ask_wrapper(
    entry: Mapping[str, Any], prompt: str, images: Sequence[str], max_new_tokens: int, temperature: float, seed: int
) -> str:
    """Ask by OpenAI's protocol."""
    base_url = str(entry.get("base_url") or "").rstrip("/")
    if base_url and not entry.get("api_type") and urlsplit(base_url).path in ("", "/"):
        entry = {"api_key": "not needed", **entry, "base_url": f"{base_url}/v1"}
    content: list[Message] = []
    for index, piece in enumerate(prompt.split(_PICTURE)):
        if 0 < index <= len(images):
            url = img_utils.convert_base64_to_data_uri(images[index - 1])
            content.append({"type": "image_url", "image_url": {"url": url}})
        content.append({"type": "text", "text": piece})
    client = OpenAIWrapper(config_list=[{"cache_seed": None, **entry}])
    response = client.create(
        messages=[{"role": "user", "content": content}], max_tokens=max_new_tokens, temperature=temperature, seed=seed
    )
    answer = client.extract_text_or_completion_object(response)[0]
    return str(getattr(answer, "content", answer) or "")


def _ask_worker(
    entry: Mapping[str, Any], prompt: str, images: Sequence[str], max_new_tokens: int, temperature: float, seed: int
) -> str:
    """Ask LLaVA's worker, which sends JSON objects that are separated by null bytes; the last has the whole text."""
    body = {
        "model": entry.get("model"),
        "prompt": prompt,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "stop": SEP,
        "images": images,
    }
    url = f"{entry['base_url'].rstrip('/')}/worker_generate_stream"
    post = require("requests", feature="LLaVA's own protocol").post
    response = run_with_timeout(_TIMEOUT, post, url, headers={"User-Agent": "LLaVA Client"}, json=body, stream=False)
    text = ""
    for piece in response.iter_lines(chunk_size=8192, decode_unicode=False, delimiter=b"\0"):
        if piece:
            text = str(json.loads(piece.decode("utf-8"))["text"])
    # It begins with the prompt, whose last line names the speaker.
    return text.removeprefix(prompt).rpartition(SEP)[2].strip().removeprefix("Assistant:").strip()


def _ask_replicate(
    entry: Mapping[str, Any], prompt: str, images: Sequence[str], max_new_tokens: int, temperature: float, seed: int
) -> str:
    """Ask a model of Replicate, which sees one picture."""
    if len(images) > 1:
        logger.warning("LLaVA at Replicate sees the first of %d pictures only.", len(images))
    sent: dict[str, Any] = {"prompt": prompt.replace(_PICTURE, " "), "seed": seed}
    if images:
        sent["image"] = img_utils.convert_base64_to_data_uri(images[0])
    replicate = require("replicate", feature="LLaVA at Replicate")
    return "".join(map(str, replicate.run(entry["base_url"], input=sent)))


def _split_content(content: Any) -> tuple[str, list[str]]:
    """Return the text of a message with `<image>` for each picture, and the pictures as base64."""
    if not isinstance(content, list):
        return str(content or ""), []
    text, images = "", []
    for part in content:
        if part.get("type") == "text":
            text += part["text"]
        elif part.get("type") == "image_url":
            try:
                source = get_url(part)
                source = img_utils.check_source(source) if isinstance(source, str) else source
                images.append(str(img_utils.get_image_data(source)))
            except (img_utils.ImageError, OSError) as error:
                logger.warning("A picture of a message is left out: %s", error)
                continue
            text += _PICTURE
    return text, images
