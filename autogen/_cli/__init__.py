"""The command line: `autogen`, also `python -m autogen`."""
