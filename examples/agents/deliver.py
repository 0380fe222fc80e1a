"""Delivers each item to an address, once, over as many sessions as it takes: the standard library on Purser's control API.

    purser task submit -- python3 /path/to/examples/agents/deliver.py http://localhost:9000/inbox "first item" "second item"
"""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request

address, items = sys.argv[1], sys.argv[2:]
control = os.environ["PURSER_CONTROL_URL"]
wrap_up = False


def on_sigterm(_signal, _frame):
    global wrap_up
    wrap_up = True


def ask(path, body=None):
    """One question to Purser. None when there is nothing to tell."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{control}/{path}", data=data), timeout=15) as response:
        text = response.read()
        return json.loads(text) if text else None


def deliver(item):
    """False: nothing was delivered. Any other trouble is raised, since it may have been."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data=item.encode()), timeout=30):
            return True
    except urllib.error.HTTPError:
        return False
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return False
        raise


signal.signal(signal.SIGTERM, on_sigterm)
state = ask("checkpoint") or {"next": 0}

while state["next"] < len(items):
    if wrap_up:
        sys.exit(75)  # a fresh session goes on from the checkpoint
    number = state["next"] + 1
    effect = {"key": f"deliver-{number}"}
    begun = ask("effects/begin", effect)
    if begun["state"] == "begun":
        if not deliver(items[state["next"]]):
            ask("effects/withdraw", effect)
            time.sleep(1)
            continue
        ask("effects/finish", {**effect, "result": "delivered"})
    elif begun["state"] == "unknown":
        print(f"nobody knows whether item {number} was delivered: look at the other side", file=sys.stderr, flush=True)
    state["next"] = number
    ask("checkpoint", state)
    wrap_up = ask("progress", {"done": number, "total": len(items)})["wrap"] or wrap_up

path = os.path.join(os.environ["PURSER_STATE_DIR"], "result.json")
with open(path + ".new", "w", encoding="utf-8") as file:
    json.dump({"delivered": len(items)}, file)
os.replace(path + ".new", path)
