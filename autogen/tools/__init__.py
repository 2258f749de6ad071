"""Tools as objects: functions with a name, a description and a schema, and parameters that no model fills in."""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy

# Not lazy: the module of the same name would be the attribute as soon as anybody imports it.
from .tool import Tool as Tool
from .tool import tool as tool

# For editors and type checkers.
if TYPE_CHECKING:
    from .dependency_injection import BaseContext as BaseContext
    from .dependency_injection import ChatContext as ChatContext
    from .dependency_injection import Depends as Depends
    from .function_utils import get_function_schema as get_function_schema
    from .function_utils import load_basemodels_if_needed as load_basemodels_if_needed
    from .function_utils import serialize_to_str as serialize_to_str
    from .openapi import OpenAPIError as OpenAPIError
    from .openapi import openapi_tools as openapi_tools
    from .toolkit import Toolkit as Toolkit

# For the interpreter: the module of each name, imported when the name is first used.
_HOME = {
    "BaseContext": "dependency_injection",
    "ChatContext": "dependency_injection",
    "Depends": "dependency_injection",
    "OpenAPIError": "openapi",
    "Tool": "tool",
    "Toolkit": "toolkit",
    "get_function_schema": "function_utils",
    "load_basemodels_if_needed": "function_utils",
    "openapi_tools": "openapi",
    "serialize_to_str": "function_utils",
    "tool": "tool",
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME)
