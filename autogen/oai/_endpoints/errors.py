"""The error for an endpoint that answers with something that is no answer."""

from __future__ import annotations


def invalid_answer(what: str) -> Exception:
    """An error of a kind of `openai.APIError`, so that programs that know those know it."""
    import openai

    class InvalidAnswer(openai.APIError):
        """An endpoint answered with something else than a completion."""

        def __init__(self, text: str) -> None:
            Exception.__init__(self, text)
            self.message = text
            self.body = self.code = self.param = self.type = None

    return InvalidAnswer(f"The endpoint sent {what}.")
