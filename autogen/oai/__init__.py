"""Models: a wrapper over OpenAI-compatible endpoints, with fallback, caching and cost accounting."""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# Editors and type checkers read this block, the interpreter the table below.
if TYPE_CHECKING:
    from ..cache.cache import Cache as Cache
    from ._config.entries import AnthropicLLMConfigEntry as AnthropicLLMConfigEntry
    from ._config.entries import AzureOpenAILLMConfigEntry as AzureOpenAILLMConfigEntry
    from ._config.entries import BedrockLLMConfigEntry as BedrockLLMConfigEntry
    from ._config.entries import CerebrasLLMConfigEntry as CerebrasLLMConfigEntry
    from ._config.entries import CohereLLMConfigEntry as CohereLLMConfigEntry
    from ._config.entries import DeepSeekLLMConfigEntry as DeepSeekLLMConfigEntry
    from ._config.entries import GeminiLLMConfigEntry as GeminiLLMConfigEntry
    from ._config.entries import GroqLLMConfigEntry as GroqLLMConfigEntry
    from ._config.entries import MistralLLMConfigEntry as MistralLLMConfigEntry
    from ._config.entries import OllamaLLMConfigEntry as OllamaLLMConfigEntry
    from ._config.entries import OpenAILLMConfigEntry as OpenAILLMConfigEntry
    from ._config.entries import OpenAIResponsesLLMConfigEntry as OpenAIResponsesLLMConfigEntry
    from ._config.entries import OpenAIV2LLMConfigEntry as OpenAIV2LLMConfigEntry
    from ._config.entries import TogetherLLMConfigEntry as TogetherLLMConfigEntry
    from .client import ModelClient as ModelClient
    from .client import OpenAIWrapper as OpenAIWrapper
    from .completion import ChatCompletion as ChatCompletion
    from .completion import Completion as Completion
    from .errors import InvalidResponse as InvalidResponse
    from .errors import MissingCredentials as MissingCredentials
    from .openai_utils import config_list_from_dotenv as config_list_from_dotenv
    from .openai_utils import config_list_from_json as config_list_from_json
    from .openai_utils import config_list_from_models as config_list_from_models
    from .openai_utils import config_list_gpt4_gpt35 as config_list_gpt4_gpt35
    from .openai_utils import config_list_openai_aoai as config_list_openai_aoai
    from .openai_utils import filter_config as filter_config
    from .openai_utils import get_config_list as get_config_list
    from .openai_utils import get_first_llm_config as get_first_llm_config
    from .providers import Provider as Provider
    from .providers import register_provider as register_provider

_ENTRIES = (
    *("AnthropicLLMConfigEntry", "AzureOpenAILLMConfigEntry", "BedrockLLMConfigEntry", "CerebrasLLMConfigEntry"),
    *("CohereLLMConfigEntry", "DeepSeekLLMConfigEntry", "GeminiLLMConfigEntry", "GroqLLMConfigEntry"),
    *("MistralLLMConfigEntry", "OllamaLLMConfigEntry", "OpenAILLMConfigEntry", "OpenAIResponsesLLMConfigEntry"),
    *("OpenAIV2LLMConfigEntry", "TogetherLLMConfigEntry"),
)
_HOME = {
    **dict.fromkeys(_ENTRIES, "_config.entries"),
    "Cache": ".cache.cache",
    "ChatCompletion": "completion",
    "Completion": "completion",
    "InvalidResponse": "errors",
    "MissingCredentials": "errors",
    "ModelClient": "client",
    "OpenAIWrapper": "client",
    "Provider": "providers",
    "config_list_from_dotenv": "openai_utils",
    "config_list_from_json": "openai_utils",
    "config_list_from_models": "openai_utils",
    "config_list_gpt4_gpt35": "openai_utils",
    "config_list_openai_aoai": "openai_utils",
    "filter_config": "openai_utils",
    "get_config_list": "openai_utils",
    "get_first_llm_config": "openai_utils",
    "register_provider": "providers",
}

_SUBMODULES = ("client", "client_utils", "completion", "errors", "openai_utils", "providers", "rate_limiters")
__getattr__, __dir__, __all__ = _lazy(globals(), _HOME, _SUBMODULES)
