"""Facts about models: abilities, prices, context lengths."""
