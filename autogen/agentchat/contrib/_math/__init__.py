"""MathChat: its prompts, the queries in Python and their interpreter, and the queries to Wolfram Alpha."""
