"""`autogen bench`."""
