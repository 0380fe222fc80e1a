"""A complete agent in Python, standard library only: asks a model one question after the other, saves each answer, and
can be stopped at any moment.

    purser task submit -- python3 /path/to/examples/agents/agent.py "First question" "Second question"
"""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request

state_dir = os.environ["PURSER_STATE_DIR"]
questions = sys.argv[1:]
wrap_up = False


def on_sigterm(_signal, _frame):
    global wrap_up
    wrap_up = True


def save(name, value):
    """Another file first, renamed when it is whole: Purser never sees half a checkpoint."""
    path = os.path.join(state_dir, name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


def ask(question):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        data=json.dumps({"model": "code_generation", "messages": [{"role": "user", "content": question}]}).encode(),
        headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=600) as response:
            return json.load(response)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        print(f"the gateway answers {error.code}: {error.read().decode()}", file=sys.stderr, flush=True)
        # 403 is an emergency: we are about to be asked to stop. 429 and 5xx pass by themselves. The rest does not.
        if error.code not in (403, 429) and error.code < 500:
            sys.exit(1)
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
    return None


signal.signal(signal.SIGTERM, on_sigterm)
state = {"answers": []}
if os.environ["PURSER_RESUME"] == "1":
    with open(os.path.join(state_dir, "checkpoint.json"), encoding="utf-8") as file:
        state = json.load(file)

while len(state["answers"]) < len(questions):
    if wrap_up:
        sys.exit(75)  # a fresh session goes on from the checkpoint
    answer = ask(questions[len(state["answers"])])
    if answer is None:
        time.sleep(1)
        continue
    state["answers"].append(answer)
    save("checkpoint.json", state)
    save("progress.json", {"done": len(state["answers"]), "total": len(questions)})
    print(f"{len(state['answers'])}: {answer}", flush=True)

save("result.json", state)
