"""The console, with real pipes and a real terminal."""

import os
import subprocess
import sys

import pytest

ASK = """
import sys
from autogen.io import IOConsole
console = IOConsole()
def ask(seconds):
    try:
        return console.input("? ") if seconds is None else console.input_within(seconds, "? ")
    except (TimeoutError, EOFError) as error:
        return type(error).__name__
"""


def output_of(program, typed):
    """What a program prints whose standard input is a pipe."""
    done = subprocess.run([sys.executable, "-c", ASK + program], input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seconds", [None, 30])
def test_a_line_is_read(seconds):
    assert output_of(f"print(repr(ask({seconds})))", "hello\n") == "? 'hello'\n"


def test_lines_that_came_together_answer_one_question_after_another():
    assert output_of("print([ask(30), ask(30), ask(30)])", "a\n\nb") == "? ? ? ['a', '', 'b']\n"


def test_the_end_of_the_input_is_no_answer():
    assert output_of("print(ask(30))", "").endswith("EOFError\n")


@pytest.fixture
def conversation():
    """Start a program at a terminal; gives what it prints, and a function to type with."""
    pty = pytest.importorskip("pty", reason="there are no terminals of this kind on Windows")
    master, slave = pty.openpty()
    started = []

    def start(program):
        command = [sys.executable, "-c", ASK + program]
        started.append(subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE, text=True, bufsize=1))
        return started[0].stdout, lambda text: os.write(master, text.encode())

    yield start
    with started[0] as process:
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()
    os.close(master)
    os.close(slave)


def test_a_line_that_answered_the_last_question_does_not_answer_the_next(conversation):
    printed, type_in = conversation("""
from autogen.io._stdin import STDIN
print(ask(0.05), flush=True)
STDIN.pending_line.result()  # the late line is there
print(ask(30), flush=True)
print(ask(None), flush=True)
""")
    assert printed.readline() == "? CallTimeout\n"
    type_in("late\n")
    assert printed.read(2) == "? "
    type_in("in time\n")
    assert printed.readline() == "in time\n"
    type_in("later\n")
    assert printed.readline().endswith("later\n")


def test_a_question_without_a_limit_takes_over_what_an_earlier_one_waits_for(conversation):
    printed, type_in = conversation("print(ask(0.05), flush=True)\nprint(ask(None), flush=True)")
    assert printed.readline() == "? CallTimeout\n"
    assert printed.read(2) == "? "
    type_in("hello\n")
    assert printed.readline() == "hello\n"


def test_a_program_can_end_while_a_question_is_open(conversation):
    printed, _ = conversation("print(ask(0.05), flush=True)")
    assert printed.readline() == "? CallTimeout\n"
