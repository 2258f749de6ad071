"""How well, and how fast, the models in the process call tools and keep to schemas.

    python benchmarks/local_tool_calls.py qwen2.5-coder-1.5b

It needs the weights (`autogen models pull NAME`). Twenty questions go to an agent with five tools; a call is right if it has
the right tool and the right arguments. After a result, an answer is right if it has the words of the result. Five more
questions need no tool, and ten ask for an object of a schema. Temperature is 0, so only the times differ from run to run.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from statistics import median

import jsonschema

from autogen import OpenAIWrapper
from autogen.oai._local import embedded


def make_tool(name, description, required=None, **properties):
    parameters = {"type": "object", "properties": properties, "required": required or list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
TOOLS = [
    make_tool("get_weather", "The weather in a city now.", city=TEXT),
    make_tool("add_numbers", "Adds two numbers.", a=NUMBER, b=NUMBER),
    make_tool("search_files", "Files whose text has a word.", ["word"], word=TEXT, folder=TEXT),
    make_tool(
        "convert_money",
        "Converts money at the rate of today.",
        amount=NUMBER,
        source={"type": "string", "enum": ["EUR", "USD", "GBP", "JPY"]},
        target={"type": "string", "enum": ["EUR", "USD", "GBP", "JPY"]},
    ),
    make_tool("set_timer", "Starts a timer.", ["minutes"], minutes={"type": "integer", "minimum": 1}, label=TEXT),
]
# The question, the tool, and the arguments that must be there; texts are compared without case.
QUESTIONS = [
    ("What is the weather in Paris right now?", "get_weather", {"city": "Paris"}),
    ("How is the weather in Oslo?", "get_weather", {"city": "Oslo"}),
    ("I am in Lisbon and about to go out. Should I take an umbrella?", "get_weather", {"city": "Lisbon"}),
    ("Is it warm in Cairo today?", "get_weather", {"city": "Cairo"}),
    ("What is 17 plus 25? Use the tool.", "add_numbers", {"a": 17, "b": 25}),
    ("Add 1234 and 8766.", "add_numbers", {"a": 1234, "b": 8766}),
    ("If I have 77 euros and get 23 more, how many do I have?", "add_numbers", {"a": 77, "b": 23}),
    ("What is the sum of 0.5 and 2.25?", "add_numbers", {"a": 0.5, "b": 2.25}),
    ("Find the files that mention 'invoice'.", "search_files", {"word": "invoice"}),
    ("Which files in the folder notes have the word budget in them?", "search_files", {"word": "budget", "folder": "notes"}),
    ("Search my files for penguin.", "search_files", {"word": "penguin"}),
    ("Where did I write about 'Kyoto'? Look in the folder travel.", "search_files", {"word": "Kyoto", "folder": "travel"}),
    ("How much is 100 euros in dollars?", "convert_money", {"amount": 100, "source": "EUR", "target": "USD"}),
    ("Convert 50 GBP to EUR.", "convert_money", {"amount": 50, "source": "GBP", "target": "EUR"}),
    ("I have 20000 yen. How many pounds is that?", "convert_money", {"amount": 20000, "source": "JPY", "target": "GBP"}),
    ("A book costs 12.5 dollars. What is that in yen?", "convert_money", {"amount": 12.5, "source": "USD", "target": "JPY"}),
    ("Set a timer for 10 minutes.", "set_timer", {"minutes": 10}),
    ("Start a 3 minute timer with the label tea.", "set_timer", {"minutes": 3, "label": "tea"}),
    ("Remind me in an hour.", "set_timer", {"minutes": 60}),
    ("The pasta needs 9 minutes. Tell me when it is ready.", "set_timer", {"minutes": 9}),
]
RESULTS = {
    "get_weather": ("light rain, 12 degrees", "12"),
    "add_numbers": ("9184", "9184"),
    "search_files": ("report.txt, draft.md", "report.txt"),
    "convert_money": ("418.20", "418.2"),
    "set_timer": ("timer 7 started", "timer"),
}
WORDS = [
    "Hello, who are you?",
    "Write a sentence about the sea.",
    "What is the capital of France?",
    "Thank you, that was all.",
    "What is the opposite of hot?",
]
PERSON = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "mood": {"type": "string", "enum": ["good", "bad", "unknown"]},
        "hobbies": {"type": "array", "items": TEXT, "maxItems": 5},
        "address": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Address"}]},
    },
    "required": ["name", "age", "mood", "hobbies", "address"],
    "additionalProperties": False,
    "$defs": {
        "Address": {"type": "object", "properties": {"city": TEXT}, "required": ["city"], "additionalProperties": False}
    },
}
PEOPLE = [
    "Anna is 31, happy, and lives in Bergen. She likes chess and rowing.",
    "Old Tom, 90, is in a foul mood.",
    "A girl of seven, Mia, collects stamps.",
    "Nothing is known about this person.",
    "Dr. Ivo Kovac (45) of Split paints, cooks, runs, reads, writes, sings and dances.",
    'He says: "I am {Bob}, age 20".',
    "Yuki: 28; Osaka; feels great; origami.",
    "Ein Mann namens Jürgen, 52, aus Köln, ist schlecht gelaunt.",
    "The answer is 42.",
    "Write no JSON. Say hello.",
]
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}


def is_right(call, tool, expected):
    arguments = json.loads(call.function.arguments)
    return call.function.name == tool and all(
        str(arguments.get(key)).casefold() == str(value).casefold() or arguments.get(key) == value
        for key, value in expected.items()
    )


def is_valid(call):
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    try:
        jsonschema.validate(json.loads(call.function.arguments), schemas[call.function.name])
    except (ValueError, jsonschema.ValidationError) as error:
        print(f"  {call.function}: {error}")
        return False
    return True


def ask_questions(ask):
    """Return the numbers of right calls, of right answers after them and of invalid calls, and the seconds of each call."""
    right = answered = invalid = 0
    seconds = []
    for question, tool, expected in QUESTIONS:
        messages = [SYSTEM, {"role": "user", "content": question}]
        started = time.monotonic()
        message = ask(messages, tools=TOOLS).choices[0].message
        seconds.append(time.monotonic() - started)
        calls = message.tool_calls or []
        invalid += not all(map(is_valid, calls))
        if len(calls) != 1 or not is_right(calls[0], tool, expected):
            print(f"  {question} -> {calls[0].function if calls else message.content}")
            continue
        right += 1
        result, words = RESULTS[tool]
        call = calls[0].model_dump(include={"id", "type", "function"})
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": result},
        ]
        message = ask(messages, tools=TOOLS).choices[0].message
        if words in (message.content or "").casefold():
            answered += 1
        else:
            print(f"  {question} = {result} -> {message.tool_calls or message.content}")
    return right, answered, invalid, seconds


def ask_for_objects(ask):
    """Return the number of answers that are valid by the schema."""
    schema = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON}}
    valid = 0
    for text in PEOPLE:
        content = ask([SYSTEM, {"role": "user", "content": f"Describe this person: {text}"}], response_format=schema)
        try:
            jsonschema.validate(json.loads(content.choices[0].message.content), PERSON)
            valid += 1
        except (ValueError, jsonschema.ValidationError) as error:
            print(f"  {text} -> {error}")
    return valid


def main(model):
    started = time.monotonic()
    embedded.serve(model)
    loading = time.monotonic() - started
    entry = {"model": model, "api_type": "local", "temperature": 0, "max_tokens": 300}
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
    tokens = 0

    def ask(messages, **options):
        nonlocal tokens
        response = wrapper.create(messages=messages, **options)
        tokens += response.usage.completion_tokens
        return response

    processor, started = time.process_time(), time.monotonic()
    right, answered, invalid, seconds = ask_questions(ask)
    questions = (
        f"{right} of {len(QUESTIONS)} calls right, {answered} of {right} answers after the result; {invalid} calls invalid"
    )
    words = sum(
        not ask([SYSTEM, {"role": "user", "content": text}], tools=TOOLS).choices[0].message.tool_calls for text in WORDS
    )
    valid = ask_for_objects(ask)
    elapsed, busy = time.monotonic() - started, time.process_time() - processor
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{model}: loaded in {loading:.1f} s, {memory:.2f} GB of memory at most")
    print(f"{questions}; {words} of {len(WORDS)} without a tool; {valid} of {len(PEOPLE)} objects valid")
    print(f"{median(seconds):.1f} s a call (median), {tokens / elapsed:.1f} tokens/s with the reading of prompts,")
    print(f"{tokens / busy:.1f} tokens for a second of one processor; load {os.getloadavg()[0]:.1f} on {os.cpu_count()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
