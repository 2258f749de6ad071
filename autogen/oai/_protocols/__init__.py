"""The protocols of vendors, beside chat completions: requests, answers and streams in their forms."""
