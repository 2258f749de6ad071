"""The request pipeline: cache, budget, retries, response schema, cost."""
