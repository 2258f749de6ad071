"""What goes over a websocket comes out as it went in."""

import queue

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from autogen.io import IOWebsockets

TEXTS = st.text(st.characters(), max_size=50)  # halves of surrogate pairs included
VALID = st.text(max_size=50)


@pytest.fixture(scope="module")
def repeated():
    """A client of a server that prints what it was sent, and one to which it prints what is in a queue."""
    to_print = queue.Queue()

    def repeat(stream):
        while True:
            stream.print(stream.input(), end="")

    def print_them(stream):
        while (text := to_print.get()) is not None:
            stream.print(text, end="")

    serving = IOWebsockets.run_server_in_thread
    with (
        serving(on_connect=repeat, port=0) as uri,
        serving(on_connect=print_them, port=0) as other,
        connect(uri) as client,
        connect(other) as reader,
    ):
        yield client, to_print, reader
        to_print.put(None)


@given(VALID)
def test_texts_come_through_unchanged(repeated, text):
    client, _, _ = repeated
    client.send(text)
    assert client.recv() == text


@given(TEXTS)
def test_what_no_encoding_can_carry_is_replaced(repeated, text):
    _, to_print, reader = repeated
    to_print.put(text)
    assert reader.recv() == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(st.lists(VALID, min_size=1, max_size=5))
def test_an_answer_in_fragments_is_one_answer(repeated, pieces):
    client, _, _ = repeated
    client.send(iter(pieces))
    assert client.recv() == "".join(pieces)


@given(VALID)
def test_bytes_are_read_as_utf_8(repeated, text):
    client, _, _ = repeated
    client.send(text.encode())
    assert client.recv() == text
