"""Runs in a job's container, and ends without ending its last run.

usage: ends.py WAY
"""
import signal
import sys
import time

import mlflow

way = sys.argv[1]
with mlflow.start_run(run_name="first"):
    mlflow.log_metric("loss", 0.5)
mlflow.start_run(run_name="last")
if way == "exit":
    sys.exit(3)
if way == "raise":
    raise RuntimeError("nobody catches this")
if way == "stop":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("waits", flush=True)
    time.sleep(600)
