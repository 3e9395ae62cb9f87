"""Runs in a job's container: logs, and prints what it was told.

usage: in_a_job.py
"""
import os
import sys

import mlflow

with mlflow.start_run(run_name="in a job") as run:
    mlflow.log_metric("loss", 0.5)
    mlflow.log_text("hello", "notes/hello.txt")
    directory = run.info.artifact_uri.removeprefix("file://")
    print("uri", directory.rsplit("/", 2)[0].rsplit("/", 1)[0])
    print("file", open(directory + "/notes/hello.txt").read())
    print("listed", [file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)])
    print("tags", run.data.tags["cairn.job_id"] == os.environ["CAIRN_JOB_ID"])

if len(sys.argv) > 1:
    # What is left open is the supervisor's to close.
    mlflow.start_run(run_name="left open")
    print("open", flush=True)
    os.kill(os.getpid(), 9)
