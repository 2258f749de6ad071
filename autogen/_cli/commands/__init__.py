"""Commands that have commands of their own: their arguments. The implementations are beside this package."""
