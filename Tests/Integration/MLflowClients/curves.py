"""Curves as MLflow's web page asks for them. Prints what it was told, one line each.

usage: curves.py TRACKING_URI RECORD
"""
import math
import sys

import recording

import mlflow
from mlflow.entities import Metric
from mlflow.utils.rest_utils import http_request

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = client.create_experiment("curves")
runs = [client.create_run(experiment, start_time=time).info.run_id for time in (1, 2, 3)]
names = {run: f"run {number}" for number, run in enumerate(runs)}


def log(run, key, points):
    points = list(points)
    for start in range(0, len(points), 1000):
        client.log_batch(
            runs[run], metrics=[Metric(key, value, 10 + step, step) for step, value in points[start : start + 1000]]
        )


log(0, "loss", ((step, 1 / (step + 1)) for step in range(3000)))
log(1, "loss", ((step * 7, step * 0.5) for step in range(40)))
# No infinite values: MLflow's server makes the largest finite ones of them, and Cairn keeps them.
log(2, "loss", [(5, 1.0), (5, 2.0), (3, math.nan), (9, -1.0)])
log(0, "odd/key with spaces", [(0, 1.5)])


def ask(what, **parameters):
    response = http_request(
        client._tracking_client.store.get_host_creds(), f"/ajax-api/2.0/mlflow/metrics/{what}", "GET", params=parameters
    )
    answer = response.json()
    print(what, {key: value for key, value in parameters.items() if "run_id" not in key}, response.status_code)
    if response.status_code != 200:
        print("  ", answer["error_code"])
        return
    points = [
        (names[point["run_id"]], point["key"], point["step"], point["timestamp"], str(point["value"]))
        for point in answer.get("metrics", [])
    ]
    # Which run comes first depends on identifiers that are given out at random.
    print("  ", len(points), sorted(points))


# Not the run with a value that is no number: MLflow's server answers that with what is no JSON.
ask("get-history-bulk", run_id=[runs[1], runs[1]], metric_key="loss")
ask("get-history-bulk", run_id=runs[:2], metric_key="loss")
ask("get-history-bulk", run_id=runs[:1], metric_key="loss", max_results=7)
ask("get-history-bulk", run_id=runs[:1], metric_key="odd/key with spaces")
ask("get-history-bulk", run_id=runs, metric_key="nobody's")
ask("get-history-bulk", metric_key="loss")
ask("get-history-bulk", run_id=runs)
ask("get-history-bulk", run_id=runs * 40, metric_key="loss")
interval = "get-history-bulk-interval"
ask(interval, run_ids=runs, metric_key="loss", max_results=10)
ask(interval, run_ids=runs, metric_key="loss", max_results=320)
ask(interval, run_ids=runs[:1], metric_key="loss", start_step=100, end_step=200, max_results=20)
ask(interval, run_ids=runs[1:2], metric_key="loss", start_step=8, end_step=9, max_results=20)
ask(interval, run_ids=runs[:2], metric_key="loss", start_step=21, end_step=21)
ask(interval, run_ids=runs, metric_key="nobody's")
ask(interval, run_ids=runs, metric_key="loss", start_step=5)
ask(interval, run_ids=runs, metric_key="loss", start_step=5, end_step=4)
ask(interval, run_ids=runs, metric_key="loss", max_results=0)
ask(interval, run_ids=runs, metric_key="loss", max_results=2501)
ask(interval, run_ids=runs, metric_key="loss", max_results="many")
ask(interval, run_ids=runs * 40, metric_key="loss")
ask(interval, metric_key="loss")
ask(interval, run_ids=runs)

recording.save(sys.argv[2])
