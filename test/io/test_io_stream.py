"""Where agents print to, and which stream is in use."""

import asyncio
import subprocess
import sys
import threading

import pytest

from autogen.io import InputStream, IOConsole, IOStream, OutputStream


class Recorder(IOStream):
    """Remembers what is printed."""

    def __init__(self):
        self.printed = []

    def print(self, *objects, sep=" ", end="\n", flush=False):
        self.printed.append(sep.join(map(str, objects)) + end)

    def input(self, prompt="", *, password=False):
        return "typed"

    def __len__(self):
        return len(self.printed)


@pytest.fixture
def restored():
    """The stream of the process, which is put back after the test."""
    before = IOStream.get_global_default()
    yield before
    IOStream.set_global_default(before)


def test_a_console_is_the_first_stream_of_the_process(restored):
    assert isinstance(restored, IOConsole)


def test_without_any_stream_it_is_an_error(restored):
    IOStream.set_global_default(None)
    with pytest.raises(RuntimeError, match="No global default IOStream has been set"):
        IOStream.get_default()


def test_the_stream_of_the_process_can_be_set(restored):
    stream = Recorder()
    IOStream.set_global_default(stream)
    assert IOStream.get_global_default() is stream
    assert IOStream.get_default() is stream


def test_the_stream_of_a_context_is_restored_also_after_an_error():
    outside, outer, inner = IOStream.get_default(), Recorder(), Recorder()

    def fail():
        assert IOStream.get_default() is inner
        raise ZeroDivisionError

    with IOStream.set_default(outer) as nothing:
        assert nothing is None
        with pytest.raises(ZeroDivisionError), IOStream.set_default(inner):
            fail()
        assert IOStream.get_default() is outer
        with IOStream.set_default(None):
            assert IOStream.get_default() is outside
    assert IOStream.get_default() is outside


def test_setting_it_without_with_does_nothing():
    before = IOStream.get_default()
    IOStream.set_default(Recorder())
    assert IOStream.get_default() is before


def test_threads_see_the_stream_of_the_process_and_tasks_that_of_the_context():
    seen = []

    async def look():
        seen.append(IOStream.get_default())

    stream = Recorder()
    with IOStream.set_default(stream):
        thread = threading.Thread(target=lambda: seen.append(IOStream.get_default()))
        thread.start()
        thread.join()
        asyncio.run(look())
    assert seen == [IOStream.get_global_default(), stream]


def test_the_protocols_are_checked_by_structure():
    assert isinstance(Recorder(), (IOStream, InputStream, OutputStream))
    duck = type("Duck", (), {"print": Recorder.print, "input": Recorder.input})()
    assert isinstance(duck, InputStream)
    assert isinstance(duck, OutputStream)
    assert not isinstance(duck, IOStream)
    with IOStream.set_default(duck):
        assert IOStream.get_default() is duck


def test_the_console_prints(capsys):
    IOConsole().print("a", 1, sep="-", end="!", flush=True)
    assert capsys.readouterr().out == "a-1!"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({"prompt": "Name: "}, "input('Name: ')"),
        ({}, "input('')"),
        ({"password": True}, "getpass('Password: ')"),
        ({"prompt": "Key: ", "password": True}, "getpass('Key: ')"),
    ],
)
def test_the_console_asks(monkeypatch, arguments, asked):
    monkeypatch.setattr("builtins.input", lambda prompt: f"input({prompt!r})")
    monkeypatch.setattr("getpass.getpass", lambda prompt: f"getpass({prompt!r})")
    assert IOConsole().input(**arguments) == asked


def test_the_console_needs_no_other_package():
    probe = "import autogen.io, sys; print('websockets' in sys.modules, 'pydantic' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True) == "False False\n"
