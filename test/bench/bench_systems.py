"""Systems under test, for processes that import them."""

import json
import os
import signal
import subprocess
import sys
import time

from autogen import ConversableAgent
from autogen.testing import ScriptedModel


def answer_by_chat(case, context):
    """Answer by a chat with a model whose words depend on the case and the seed."""
    (context.work_dir / "note.txt").write_text(case.id)
    with ScriptedModel(lambda messages: f"{messages[-1]['content']} is {len(case.id) + context.seed % 3}") as model:
        assistant = ConversableAgent("assistant", llm_config=model.llm_config, human_input_mode="NEVER", silent=True)
        user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER", silent=True)
        return user.initiate_chat(assistant, message=case.input, max_turns=1, silent=True)


def misbehave(case, context):
    """Do what the case says: hang, die, leave a program behind, show the environment."""
    if case.input == "hang":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(context.work_dir)])
        time.sleep(600)
    if case.input == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if case.input == "raise":
        raise KeyError("sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD")
    return json.dumps({"files": sorted(path.name for path in context.work_dir.iterdir()), "target": case.target})


if __name__ == "__main__":
    from autogen.bench import evaluate

    folder, isolation = sys.argv[1:]
    cases = [{"id": f"case-{number}", "input": f"number {number}", "target": number} for number in range(5)]
    evaluate(
        cases, "bench_systems:answer_by_chat", ["number"], repeats=2, jobs=2, isolation=isolation, out=folder, name="sums"
    )
