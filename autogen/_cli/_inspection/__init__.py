"""The report of `autogen inspect`, as text and as a page."""
