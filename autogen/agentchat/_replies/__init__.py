"""The built-in reply functions, and the registry that calls them."""
