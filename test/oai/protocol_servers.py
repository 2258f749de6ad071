"""The servers of the contract suite: one for each protocol, with the rules that its vendor enforces."""

from importlib.util import find_spec

from autogen.testing import AnthropicServer, ConverseServer, GeminiServer, OpenAIServer, ResponsesServer

SERVERS = {"chat": OpenAIServer, "responses": ResponsesServer, "anthropic": AnthropicServer, "google": GeminiServer}
# boto3 and current kubernetes want different dateutils: an environment of its own has it.
if find_spec("boto3") is not None:
    SERVERS["converse"] = ConverseServer


def get_tools(request):
    """Return the tools of a request."""
    return request.get("tools") or request["toolConfig"]["tools"]
