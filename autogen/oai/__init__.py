"""Models: one wrapper over every OpenAI-compatible endpoint, with fallback, caching and the count of what it cost."""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

if TYPE_CHECKING:  # read by editors and type checkers
    from ..cache.cache import Cache as Cache
    from .client import ModelClient as ModelClient
    from .client import OpenAIWrapper as OpenAIWrapper
    from .completion import ChatCompletion as ChatCompletion
    from .completion import Completion as Completion
    from .openai_utils import config_list_from_dotenv as config_list_from_dotenv
    from .openai_utils import config_list_from_json as config_list_from_json
    from .openai_utils import config_list_from_models as config_list_from_models
    from .openai_utils import config_list_gpt4_gpt35 as config_list_gpt4_gpt35
    from .openai_utils import config_list_openai_aoai as config_list_openai_aoai
    from .openai_utils import filter_config as filter_config
    from .openai_utils import get_config_list as get_config_list

_HOME = {  # read by the interpreter, when a name is first used
    "Cache": ".cache.cache",  # one level up
    "ChatCompletion": "completion",
    "Completion": "completion",
    "ModelClient": "client",
    "OpenAIWrapper": "client",
    "config_list_from_dotenv": "openai_utils",
    "config_list_from_json": "openai_utils",
    "config_list_from_models": "openai_utils",
    "config_list_gpt4_gpt35": "openai_utils",
    "config_list_openai_aoai": "openai_utils",
    "filter_config": "openai_utils",
    "get_config_list": "openai_utils",
}

_ROOMS = ("client", "client_utils", "completion", "openai_utils", "rate_limiters")
__getattr__, __dir__, __all__ = _lazy(globals(), _HOME, _ROOMS)
