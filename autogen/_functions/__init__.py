"""Parts of `autogen.function_utils`: signatures and docstrings of tools, conversion of their arguments and results."""
