"""OpenAPI documents: their operations, schemas and parameters. Nothing in them is trusted."""
