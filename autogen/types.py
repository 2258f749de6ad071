"""Types of messages, tool calls and usage.

They describe plain dicts: nothing is converted or validated at run time. `Message` is the open form that every function
accepts; `ChatMessage` and the other `TypedDict`s list the keys for editors and type checkers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import NotRequired, Required

__all__ = [
    "JSON",
    "AudioContentPart",
    "ChatCost",
    "ChatMessage",
    "ChatQueue",
    "ChatSpec",
    "ConfigEntry",
    "ContentPart",
    "FileContentPart",
    "FunctionCall",
    "LLMConfigDict",
    "Message",
    "MessageContentType",
    "Participant",
    "ToolCall",
    "ToolResponse",
    "ToolSchema",
    "Usage",
    "UsageSummary",
    "UserMessageImageContentPart",
    "UserMessageTextContentPart",
    "VideoContentPart",
]

JSON: TypeAlias = Union[bool, int, float, str, "list[JSON]", "dict[str, JSON]", None]
"""A JSON value."""

Message: TypeAlias = dict[str, Any]
"""A chat message in the OpenAI form. A stored message always has `content` and `role`."""

MessageContentType = Union[str, list[Union[dict[str, Any], str]], None]
"""The content of a message: text, a list of parts, or None."""


class UserMessageTextContentPart(TypedDict):
    """A text part of a message."""

    type: Literal["text"]
    text: str


class UserMessageImageContentPart(TypedDict):
    """An image part of a message: `image_url` holds a web or data URL under the key `url`."""

    type: Literal["image_url"]
    image_url: dict[str, str]


class AudioContentPart(TypedDict):
    """An audio part of a message: `input_audio` holds base64 `data` and the `format`."""

    type: Literal["input_audio"]
    input_audio: dict[str, str]


class FileContentPart(TypedDict):
    """A file part of a message: `file` holds a `file_id`, or base64 `file_data` and a `filename`."""

    type: Literal["file"]
    file: dict[str, str]


class VideoContentPart(TypedDict):
    """A video part of a message, as vLLM and others take it: `video_url` holds a web or data URL under the key `url`."""

    type: Literal["video_url"]
    video_url: dict[str, str]


ContentPart: TypeAlias = Union[
    UserMessageTextContentPart, UserMessageImageContentPart, AudioContentPart, FileContentPart, VideoContentPart
]
"""A part of a message with several parts."""


class FunctionCall(TypedDict):
    """A function call suggested by a model. `arguments` is the model's JSON text, which may be invalid."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """A tool call suggested by a model."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class ToolResponse(TypedDict):
    """The result of a tool call."""

    role: Literal["tool"]
    tool_call_id: NotRequired[str]
    content: str
    is_error: NotRequired[bool]


class ChatMessage(TypedDict, total=False):
    """A message in the history or the result of a chat."""

    role: Required[str]
    content: Required[str | list[ContentPart] | None]
    name: str
    tool_calls: list[ToolCall]
    function_call: FunctionCall
    tool_call_id: str
    tool_responses: list[ToolResponse]
    context: dict[str, Any]
    receivers: list[str]


class FunctionSchema(TypedDict):
    """The schema of a function for a model: `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolSchema(TypedDict):
    """The schema of a tool for a model."""

    type: Literal["function"]
    function: FunctionSchema


class Usage(TypedDict, total=False):
    """The token counts and the cost (USD) of a response."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float
    model: str


Limit: TypeAlias = "float | Mapping[str, object] | list[Mapping[str, object]]"
"""A limit on cost (USD) or tokens: a number, a window such as `{"usd": 5, "per": "day"}`, or a list of windows."""


class ConfigEntry(TypedDict, total=False):
    """An entry of a config list: a model, the connection to its endpoint, and parameters of its requests.

    Other keys are passed on with the request, so the parameters of a vendor can be set as well.
    """

    # The model and how it is chosen.
    model: str
    api_type: str
    tags: list[str]
    model_client_cls: object
    embedding_model: str
    price: float | Sequence[float]
    price_per_image: float
    unknown_price: Literal["free", "refuse"]
    on_budget: Literal["stop", "next"]
    on_refusal: Literal["show", "next"]

    # The connection, as the `openai` SDK takes it.
    api_key: str | None
    base_url: str | None
    api_version: str | None
    organization: str
    project: str
    timeout: object
    max_retries: int
    max_response_bytes: int
    api_rate_limit: float
    default_headers: Mapping[str, str]
    default_query: Mapping[str, object]
    http_client: object

    # Azure.
    azure_endpoint: str
    azure_deployment: str
    azure_ad_token: str
    azure_ad_token_provider: Callable[[], str] | Literal["DEFAULT"]
    azure_ad_token_provider_scope: str

    # Amazon.
    aws_access_key: str
    aws_secret_key: str
    aws_session_token: str
    aws_profile_name: str
    aws_region: str
    aws_endpoint: Literal["mantle", "runtime"]

    # Google.
    project_id: str
    location: str
    credentials: object
    google_application_credentials: str
    token_provider: Callable[[], str]

    # Cohere, Ollama.
    client_name: str
    client_host: str

    # The form of requests.
    adapt_request: bool
    hide_tools: Literal["never", "if_any_run", "if_all_run"]
    native_tool_calls: bool
    max_consecutive_calls: int
    supports_system_prompts: bool
    vision: bool
    abilities: Mapping[str, object]
    system_instruction: str
    protocol: Literal["native", "chat"]
    prompt_cache: bool | str
    cache_diagnosis: bool
    state: Literal["stateless", "stored", "conversation"]
    background: bool
    poll_interval: float
    anthropic_version: str

    # Parameters of a request.
    frequency_penalty: float
    logit_bias: Mapping[str, float]
    logprobs: bool
    max_completion_tokens: int
    max_tokens: int
    n: int
    parallel_tool_calls: bool
    presence_penalty: float
    reasoning_effort: str
    response_format: object
    seed: int
    stop: str | list[str] | None
    stream: bool
    temperature: float
    tool_choice: object
    tools: list[ToolSchema]
    top_k: int
    top_p: float
    user: str
    verbosity: str
    voice: str
    extra_body: Mapping[str, object]
    extra_headers: Mapping[str, str]


class LLMConfigDict(ConfigEntry, total=False):
    """An `llm_config`: a config list with settings for all of its entries, or a single entry with such settings."""

    config_list: list[ConfigEntry]
    allow_format_str_template: bool
    cache: object
    cache_seed: int | None
    check_every_ms: int
    filter_func: Callable[..., bool]
    functions: list[FunctionSchema]
    image_captioner: Callable[..., object]
    budget_key: str
    max_cost: Limit
    max_new_tokens: int
    max_tokens_total: Limit
    retry_policy: object
    routing_method: str


class Participant(Protocol):
    """An agent, as far as the types of this module know it."""

    @property
    def name(self) -> str:
        """Name that others see."""
        ...


class ChatSpec(TypedDict, total=False):
    """The spec of one chat of a queue: arguments of `initiate_chat`, and what the queue itself needs.

    Further keys are the context for callable messages.
    """

    sender: Participant
    recipient: Participant
    message: Message | str | Callable[..., object] | None
    chat_id: Hashable
    prerequisites: Sequence[Hashable]
    carryover: str | list[Any]
    finished_chat_indexes_to_exclude_from_carryover: Sequence[Hashable]
    clear_history: bool
    silent: bool | None
    verbose: bool
    cache: Any
    max_turns: int | None
    max_cost: Limit | None
    max_tokens_total: Limit | None
    on_budget: Literal["stop", "next"] | None
    summary_method: str | Callable[..., object] | None
    summary_args: dict[str, Any] | None
    use_async: bool


ChatQueue: TypeAlias = "Sequence[ChatSpec | Mapping[str, Any]]"
"""A queue of chats, for `initiate_chats`. A program may also build the specs as plain dicts."""


UsageSummary: TypeAlias = dict[str, Any]
"""Usage of models: `total_cost` in USD, and for each model a dict with `cost`, `prompt_tokens`, `completion_tokens` and
`total_tokens`."""


class ChatCost(TypedDict):
    """The usage of a chat, with and without responses from the cache."""

    usage_including_cached_inference: UsageSummary
    usage_excluding_cached_inference: UsageSummary
