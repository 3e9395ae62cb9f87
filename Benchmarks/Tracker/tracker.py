"""Measures an MLflow-compatible server over HTTP, without MLflow's client, whose own time would hide the server's.

usage: tracker.py BASE_URL [--token T] [--runs N] [--quick]

Prints lines of a name and a number. Times are in milliseconds.
"""
import argparse
import http.client
import json
import math
import random
import sys
import time
import urllib.parse

arguments = argparse.ArgumentParser()
arguments.add_argument("url")
arguments.add_argument("--token")
arguments.add_argument("--single", type=int, default=1000, help="log_metric calls")
arguments.add_argument("--batches", type=int, default=100, help="batches of 1,000 points")
arguments.add_argument("--history", type=int, default=25_000, help="points of the history that is read")
arguments.add_argument("--runs", type=int, default=0, help="runs, of 500 metrics each, of which a page is read")
arguments.add_argument("--long", type=int, default=0, help="points of a series that is viewed")
options = arguments.parse_args()

url = urllib.parse.urlsplit(options.url)
connection = http.client.HTTPConnection(url.hostname, url.port)
connection.connect()
headers = {"Content-Type": "application/json"}
if options.token:
    headers["Authorization"] = "Bearer " + options.token


def call(method, path, fields=None):
    body = None if fields is None else json.dumps(fields)
    connection.request(method, url.path + "/api/2.0/mlflow/" + path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        sys.exit(f"{method} {path}: {answer.status} {content[:300]}")
    return content


def get(path):
    connection.request("GET", path, None, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        sys.exit(f"GET {path}: {answer.status} {content[:300]}")


def report(name, value):
    print(f"{name} {value:.3f}", flush=True)


def timed(body):
    start = time.perf_counter()
    body()
    return (time.perf_counter() - start) * 1000


def median(values):
    return sorted(values)[len(values) // 2]


now = int(time.time() * 1000)
experiment = json.loads(call("POST", "experiments/create", {"name": f"bench-{random.random()}"}))["experiment_id"]


def new_run():
    return json.loads(call("POST", "runs/create", {"experiment_id": experiment, "start_time": now}))["run"]["info"]["run_id"]


def points(key, first, count):
    return [
        {"key": key, "value": math.exp(-step / 1e5) + random.random() / 10, "timestamp": now + step * 97 + step % 7,
         "step": step}
        for step in range(first, first + count)
    ]


run = new_run()
times = []
for step in range(options.single):
    fields = {"run_id": run, "key": "single", "value": random.random(), "timestamp": now + step, "step": step}
    times.append(timed(lambda: call("POST", "runs/log-metric", fields)))
report("log_metric_p50", median(times))
report("log_metric_p95", sorted(times)[len(times) * 95 // 100])


def log_batches(name, count, batch):
    bodies = [{"run_id": run, "metrics": batch(index)} for index in range(count)]
    # Encoded beforehand: it is the server that is measured.
    encoded = [json.dumps(body) for body in bodies]
    start = time.perf_counter()
    for body in encoded:
        connection.request("POST", url.path + "/api/2.0/mlflow/runs/log-batch", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"log-batch: {answer.status} {content[:300]}")
    report(name, count * 1000 / (time.perf_counter() - start))


log_batches("points_per_second", options.batches, lambda index: points("batch", index * 1000, 1000))
log_batches(
    "points_per_second_1000_keys", max(options.batches // 5, 1),
    lambda index: [{"key": f"key{key}", "value": 0.5, "timestamp": now, "step": index} for key in range(1000)])

series = "history"
for first in range(0, options.history, 1000):
    call("POST", "runs/log-batch", {"run_id": run, "metrics": points(series, first, 1000)})
report(
    "history",
    median([
        timed(lambda: call("GET", f"metrics/get-history?run_id={run}&metric_key={series}&max_results=25000"))
        for _ in range(5)
    ]))
report(
    "bulk_interval_320",
    median([
        timed(lambda: call(
            "GET", f"metrics/get-history-bulk-interval?run_ids={run}&metric_key={series}&max_results=320"))
        for _ in range(5)
    ]))

if options.long:
    for first in range(0, options.long, 1000):
        call("POST", "runs/log-batch", {"run_id": run, "metrics": points("long", first, 1000)})
    report(
        "bulk_interval_320_of_long",
        median([
            timed(lambda: call(
                "GET", f"metrics/get-history-bulk-interval?run_ids={run}&metric_key=long&max_results=320"))
            for _ in range(5)
        ]))
    # Cairn's own way to draw a curve.
    path = f"{url.path}/api/2.0/cairn/metrics/view?run_id={run}&metric_key=long&max_results=320"
    report("view_320", median([timed(lambda: get(path)) for _ in range(5)]))

if options.runs:
    for number in range(options.runs):
        other = new_run()
        call("POST", "runs/log-batch", {
            "run_id": other,
            "metrics": [{"key": f"metric{key}", "value": random.random(), "timestamp": now, "step": 1}
                        for key in range(500)],
        })
    report(
        "first_page_100",
        median([
            timed(lambda: call("POST", "runs/search", {"experiment_ids": [experiment], "max_results": 100}))
            for _ in range(5)
        ]))
