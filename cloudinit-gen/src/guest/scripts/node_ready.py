"""Says whether one node is Ready: reads the answer of `kubectl get nodes -o json`, exits 0 if it is.

If it is not, one line says why.
"""

import json
import sys


def main(name):
    try:
        nodes = json.load(sys.stdin).get("items") or []
    except (ValueError, AttributeError) as error:
        return f"kubectl's answer is not a list of nodes: {error}"
    node = next((n for n in nodes if n.get("metadata", {}).get("name") == name), None)
    if node is None:
        return f"the node {name} has not registered yet"
    conditions = node.get("status", {}).get("conditions") or []
    ready = next((c for c in conditions if c.get("type") == "Ready"), None)
    if ready is None:
        return f"the node {name} has not reported its conditions yet"
    if ready.get("status") != "True":
        return f"{ready.get('reason') or 'NotReady'}: {ready.get('message') or 'no message'}"
    return None


if __name__ == "__main__":
    problem = main(sys.argv[1])
    if problem:
        print(problem)
        sys.exit(1)
