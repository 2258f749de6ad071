"""The servers of the contract suite: one for each protocol, with the rules that its vendor enforces."""

from autogen.testing import AnthropicServer, GeminiServer, OpenAIServer, ResponsesServer

SERVERS = {"chat": OpenAIServer, "responses": ResponsesServer, "anthropic": AnthropicServer, "google": GeminiServer}
