"""Models: one wrapper over every OpenAI-compatible endpoint, with fallback, caching and the count of what it cost."""

from typing import TYPE_CHECKING

from .._front_door import lazy as _lazy

if TYPE_CHECKING:  # read by editors and type checkers
    from ..cache.cache import Cache as Cache
    from .client import ModelClient as ModelClient
    from .client import OpenAIWrapper as OpenAIWrapper
    from .openai_utils import config_list_from_json as config_list_from_json
    from .openai_utils import filter_config as filter_config
    from .openai_utils import get_config_list as get_config_list

_HOME = {  # read by the interpreter, when a name is first used
    "Cache": ".cache.cache",  # one level up
    "ModelClient": "client",
    "OpenAIWrapper": "client",
    "config_list_from_json": "openai_utils",
    "filter_config": "openai_utils",
    "get_config_list": "openai_utils",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME, ("client", "openai_utils", "rate_limiters"))
