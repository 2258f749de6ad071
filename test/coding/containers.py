"""Shorthands for the tests of Docker containers."""

from autogen.coding import CodeBlock


def run(executor, *blocks):
    return executor.execute_code_blocks([CodeBlock(language=language, code=code) for language, code in blocks])


def sh(executor, code):
    return run(executor, ("sh", code))


def names(client):
    return {container["Names"][0].removeprefix("/") for container in client.api.containers(all=True)}
