"""Scikit-learn logs by itself. Prints what it found, one line each.

usage: autolog.py TRACKING_URI RECORD
"""
import sys
import warnings

import recording

import mlflow
import numpy
import pandas
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

warnings.simplefilter("ignore")
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("autolog")
client = mlflow.MlflowClient()
mlflow.sklearn.autolog(log_input_examples=True, log_model_signatures=True)

generator = numpy.random.default_rng(1)
features = pandas.DataFrame(generator.normal(size=(200, 3)), columns=["a", "b", "c"])
labels = (features["a"] + features["b"] > 0).astype(int)

with mlflow.start_run(run_name="fit") as run:
    model = LogisticRegression(C=0.5).fit(features, labels)
    mlflow.log_metric("held_out", model.score(features, labels))
read = client.get_run(run.info.run_id)
print("params", read.data.params["C"], len(read.data.params))
print("metrics", sorted(read.data.metrics))
print("inputs", [(i.dataset.name, [t.value for t in i.tags]) for i in read.inputs.dataset_inputs])
print("artifacts", sorted(f.path for f in client.list_artifacts(run.info.run_id)))
models = client.search_logged_models([run.info.experiment_id])
print("models", [(m.status.value, sorted({x.key for x in m.metrics})) for m in models])
loaded = mlflow.pyfunc.load_model(models[0].model_uri)
print("same", (loaded.predict(features) == model.predict(features)).all())
print("signature", loaded.metadata.signature.inputs.input_names())

with mlflow.start_run(run_name="search") as parent:
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(features, labels)
children = client.search_runs([run.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
print("children", len(children), sorted(child.data.params["C"] for child in children))
print("best", client.get_run(parent.info.run_id).data.params["best_C"])

recording.save(sys.argv[2])
