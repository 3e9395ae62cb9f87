"""Writes down what a client and its server say to each other: statuses, and the shapes of the answers.

A shape is the answer with every value replaced by the name of its kind, so that two servers can be compared that give
out other identifiers and times.
"""
import json

import requests

exchanges = []


def shape(value):
    if isinstance(value, dict):
        return {key: shape(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        # Of many alike one is enough; their order is compared by the script itself.
        shapes = []
        for item in value:
            if shape(item) not in shapes:
                shapes.append(shape(item))
        return sorted(shapes, key=json.dumps)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "null" if value is None else "text"


def without_workspaces(answer):
    """Cairn has projects where MLflow's server, from 3.10 on, names a workspace of each experiment."""
    if isinstance(answer, dict):
        return {key: without_workspaces(value) for key, value in answer.items() if key != "workspace"}
    if isinstance(answer, list):
        return [without_workspaces(item) for item in answer]
    return answer


def endpoint(url):
    path = url.split("?")[0].replace("/ajax-api/", "/api/").split("/api/", 1)[-1]
    parts = []
    for part in path.split("/"):
        is_identifier = len(part) >= 32 or part.isdigit()
        parts.append("*" if is_identifier else part)
        # Files are fetched by several threads, in any order.
        if "mlflow-artifacts" in parts and parts.count("artifacts") == 2:
            return "/".join(parts) + "/*"
    return "/".join(parts)


_send = requests.Session.send


def send(session, request, **options):
    response = _send(session, request, **options)
    if "/api/" in request.url or "/ajax-api/" in request.url:
        kind = response.headers.get("Content-Type", "").split(";")[0]
        entry = {
            "request": f"{request.method} {endpoint(request.url)}",
            "status": response.status_code,
        }
        # The bytes of an artifact are compared by the script.
        if kind == "application/json" and "mlflow-artifacts/artifacts/" not in request.url:
            answer = response.json()
            if response.status_code >= 400:
                entry["error"] = answer.get("error_code")
            else:
                entry["answer"] = shape(without_workspaces(answer))
        exchanges.append(entry)
    return response


requests.Session.send = send


def save(path):
    with open(path, "w") as file:
        json.dump(exchanges, file, indent=1, sort_keys=True)
