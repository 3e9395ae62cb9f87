"""What a training script does with MLflow's client, and what people do afterwards. Prints what it found, one line each.

usage: everyday.py TRACKING_URI RECORD
"""
import os
import sys
import tempfile

import recording

import mlflow
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()


def say(*things):
    print(*things)


def refused(what, call):
    try:
        call()
        say(what, "was not refused")
    except MlflowException as error:
        say(what, error.error_code)


# Experiments.
experiment = mlflow.set_experiment("everyday").experiment_id
say("default", client.get_experiment("0").name)
refused("the same name", lambda: client.create_experiment("everyday"))
refused("no name", lambda: client.create_experiment(""))
refused("no experiment", lambda: client.get_experiment("987654"))
client.set_experiment_tag(experiment, "team", "vision")
other = client.create_experiment("other", tags={"team": "text"})
say("found", sorted(e.name for e in client.search_experiments(filter_string="tags.team = 'text'")))
say("found", sorted(e.name for e in client.search_experiments(filter_string="name LIKE 'ever%'")))
say("found", [e.name for e in client.search_experiments(order_by=["name ASC"])])
client.rename_experiment(other, "renamed")
client.delete_experiment(other)
say("deleted", [e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)])
refused("a name that was deleted", lambda: client.create_experiment("renamed"))
client.restore_experiment(other)
say("restored", client.get_experiment(other).lifecycle_stage, client.get_experiment_by_name("renamed").name)

# A run.
with mlflow.start_run(run_name="first", tags={"kind": "test"}, description="A run.") as run:
    mlflow.log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "empty": "", "name": "größer"})
    for step in range(5):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"accuracy": 0.5, "auc": 0.75}, step=1)
    mlflow.log_metric("bad", float("nan"))
    mlflow.set_tag("note", "first try")
    mlflow.set_tags({"a": 1, "b": "x"})
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_dict({"a": [1, 2]}, "config.json")
    with tempfile.TemporaryDirectory() as directory:
        os.makedirs(directory + "/deep/er")
        with open(directory + "/deep/er/file.bin", "wb") as file:
            file.write(bytes(range(256)) * 5000)
        mlflow.log_artifacts(directory, "all")
identifier = run.info.run_id

read = client.get_run(identifier)
say("status", read.info.status, read.info.run_name, read.info.lifecycle_stage)
say("params", sorted(read.data.params.items()))
say("metrics", sorted(read.data.metrics.items()))
say("tags", sorted(k for k in read.data.tags if not k.startswith("mlflow.source")))
say("history", [(m.step, round(m.value, 3)) for m in client.get_metric_history(identifier, "loss")])
say("no history", client.get_metric_history(identifier, "never"))
say("artifacts", [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(identifier)])
say("artifacts", [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(identifier, "all/deep/er")])
say("nothing there", client.list_artifacts(identifier, "nowhere"))
with tempfile.TemporaryDirectory() as directory:
    path = client.download_artifacts(identifier, "all", directory)
    say("downloaded", os.path.getsize(path + "/deep/er/file.bin"))
    say("text", mlflow.artifacts.load_text(f"runs:/{identifier}/notes/hello.txt"))

# What is refused.
refused("another value", lambda: client.log_param(identifier, "lr", 0.2))
client.log_param(identifier, "lr", 0.1)
refused("a bad key", lambda: client.log_metric(identifier, "a//b", 1))
refused("no such run", lambda: client.get_run("0" * 32))
refused("a tag that is not there", lambda: client.delete_tag(identifier, "nothing"))
client.delete_tag(identifier, "note")

# A batch; a resumed run; a nested one.
client.log_batch(
    identifier,
    metrics=[Metric("batch", i / 7, 1_700_000_000_000 + i, i) for i in range(100)],
    params=[Param("p%d" % i, str(i)) for i in range(10)],
    tags=[RunTag("t%d" % i, str(i)) for i in range(10)],
)
with mlflow.start_run(run_id=identifier):
    mlflow.log_metric("later", 1)
    with mlflow.start_run(nested=True, run_name="child") as child:
        mlflow.log_metric("loss", 0.01)
say("parent", client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == identifier)
refused("two values of one parameter",
        lambda: client.log_batch(identifier, params=[Param("twice", "1"), Param("twice", "2")]))

# Ends of runs.
killed = client.create_run(experiment)
client.update_run(killed.info.run_id, name="made by hand")
client.set_terminated(killed.info.run_id, "KILLED")
say("killed", client.get_run(killed.info.run_id).info.status)
try:
    with mlflow.start_run(run_name="broken"):
        raise RuntimeError("on purpose")
except RuntimeError:
    pass
client.update_run(killed.info.run_id, name="was killed")
say("renamed", client.get_run(killed.info.run_id).data.tags["mlflow.runName"])
client.delete_run(killed.info.run_id)
refused("a deleted run", lambda: client.log_metric(killed.info.run_id, "x", 1))


# Searches.
def found(text, **options):
    try:
        runs = client.search_runs([experiment], text, **options)
        say("search", repr(text).replace(identifier, "RUN"), [r.info.run_name for r in runs])
    except MlflowException as error:
        say("search", repr(text), error.error_code)


found("")
found("metrics.loss < 0.1")
found("metrics.loss >= 0.2 and params.lr = '0.1'")
found("params.lr != '0.1'")
found("tags.kind LIKE 'te%' AND attributes.status = 'FINISHED'")
found("tags.kind ILIKE 'TE%'")
found("tags.kind LIKE 'TE%'")
found("params.\"name\" = 'größer'")
found("tags.kind IS NULL")
found("tags.kind IS NOT NULL")
found("attributes.run_name = 'child'")
found(f"attributes.run_id IN ('{identifier}', 'x')")
found(f"run_id NOT IN ('{identifier}')")
found("start_time > 0")
found("status = 'FAILED'")
found("", run_view_type=ViewType.DELETED_ONLY)
found("", order_by=["metrics.loss ASC"])
found("", order_by=["params.lr DESC", "attributes.run_name ASC"])
found("", order_by=["start_time ASC"])
found("metrics.loss = 'text'")
found("nonsense")
found("params.lr = 0.1")
found("attributes.nothing = 'x'")
found("metrics.loss < 1 OR metrics.loss > 2")
page = client.search_runs([experiment], max_results=2, order_by=["attributes.run_name ASC"])
names = [r.info.run_name for r in page]
while page.token:
    page = client.search_runs([experiment], max_results=2, page_token=page.token, order_by=["attributes.run_name ASC"])
    names += [r.info.run_name for r in page]
say("pages", names)
refused("a page token of nowhere", lambda: client.search_runs([experiment], page_token="nonsense"))
say("pandas" if hasattr(mlflow, "search_runs") else "", len(client.search_runs([experiment, other])))

# Inputs.
try:
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.data.http_dataset_source import HTTPDatasetSource

    with mlflow.start_run(run_name="with inputs") as run:
        dataset = MetaDataset(HTTPDatasetSource("http://example.com/x.csv"), name="numbers", digest="abc123")
        mlflow.log_input(dataset, context="training")
        mlflow.log_input(dataset, context="training")
    given = client.get_run(run.info.run_id).inputs.dataset_inputs
    say("inputs", [(i.dataset.name, i.dataset.digest, sorted((t.key, t.value) for t in i.tags)) for i in given])
    found("dataset.name = 'numbers' AND dataset.context = 'training'")
    found("dataset.digest = 'other'")
except ImportError:
    say("this client has no datasets")

# Without waiting.
with mlflow.start_run(run_name="async") as run:
    pending = [mlflow.log_metric("async", i, step=i, synchronous=False) for i in range(50)] \
        if mlflow.__version__ >= "2.10" else []
    for operation in pending:
        operation.wait()
say("async", len(client.get_metric_history(run.info.run_id, "async")) in (0, 50))

recording.save(sys.argv[2])
