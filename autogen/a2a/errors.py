"""Errors of remote agents."""


class A2aClientError(Exception):
    """Raised if a remote agent can't be reached, breaks the protocol, or does not answer in time."""


class A2aAgentNotFoundError(A2aClientError):
    """Raised if there is no agent card at an address."""


class A2aTaskError(A2aClientError):
    """Raised if a remote agent ends a task without a result.

    Attributes:
        state: State of the task: `failed`, `rejected`, `canceled` or `auth_required`.
    """

    def __init__(self, text: str, state: str) -> None:
        super().__init__(text)
        self.state = state

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.state)
