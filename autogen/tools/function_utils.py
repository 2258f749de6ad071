"""AG2's path for `autogen.function_utils`."""

from __future__ import annotations

from .._functions.signatures import get_default_values as get_default_values
from .._functions.signatures import get_missing_annotations as get_missing_annotations
from .._functions.signatures import get_param_annotations as get_param_annotations
from .._functions.signatures import get_required_params as get_required_params
from .._functions.signatures import get_typed_return_annotation as get_typed_return_annotation
from ..function_utils import Function as Function
from ..function_utils import Parameters as Parameters
from ..function_utils import ToolFunction as ToolFunction
from ..function_utils import get_function_schema as get_function_schema
from ..function_utils import get_load_param_if_needed_function as get_load_param_if_needed_function
from ..function_utils import get_parameter_json_schema as get_parameter_json_schema
from ..function_utils import get_parameters as get_parameters
from ..function_utils import get_typed_annotation as get_typed_annotation
from ..function_utils import get_typed_signature as get_typed_signature
from ..function_utils import load_basemodels_if_needed as load_basemodels_if_needed
from ..function_utils import serialize_to_str as serialize_to_str
