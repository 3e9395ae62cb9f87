"""Fits a curve by gradient descent, with nothing but Python's own library, and logs its loss for each epoch.

Any client of MLflow's tracker would do, and so would TensorBoard's writer: Cairn reads what the program logs anyway.
Here it is MLflow's REST interface itself, so that there is nothing to install.
"""

import argparse
import json
import math
import os
import random
import time
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--momentum", type=float, default=0.0)
parser.add_argument("--epochs", type=int, default=27)
parser.add_argument("--pause", type=float, default=0.05, help="seconds that an epoch takes at least")
args = parser.parse_args()


def call(endpoint, body):
    """Calls the tracker at the address and with the token that Cairn gives each job."""
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + endpoint, json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def now():
    return int(time.time() * 1000)


random.seed(1)
points = [(x / 20, math.sin(x / 20 * 3) + random.gauss(0, 0.05)) for x in range(-20, 21)]
weights, speed = [0.0] * 4, [0.0] * 4

tags = [{"key": key, "value": value} for key, value in json.loads(os.environ["MLFLOW_RUN_CONTEXT"]).items()]
run = call("runs/create", {"experiment_id": "0", "start_time": now(), "tags": tags})["run"]["info"]["run_id"]
for epoch in range(1, args.epochs + 1):
    gradient, loss = [0.0] * 4, 0.0
    for x, y in points:
        error = sum(w * x**i for i, w in enumerate(weights)) - y
        loss += error * error / len(points)
        for i in range(4):
            gradient[i] += 2 * error * x**i / len(points)
    loss = min(loss, 1e6)
    for i in range(4):
        speed[i] = args.momentum * speed[i] - args.lr * max(min(gradient[i], 1e3), -1e3)
        weights[i] += speed[i]
    call("runs/log-metric", {"run_id": run, "key": "loss", "value": loss, "timestamp": now(), "step": epoch})
    time.sleep(args.pause)

with open("/artifacts/weights.json", "w") as file:
    json.dump(weights, file)
call("runs/update", {"run_id": run, "status": "FINISHED", "end_time": now()})
print("loss", loss)
