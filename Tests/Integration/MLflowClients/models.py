"""Logged models (clients from 3.0 on). Prints what it found, one line each.

usage: models.py TRACKING_URI RECORD
"""
import sys

import recording

import mlflow
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("models").experiment_id


class Adder(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[float]) -> list[float]:
        return [x + 1 for x in model_input]


with mlflow.start_run(run_name="maker") as run:
    model = mlflow.pyfunc.log_model(name="adder", python_model=Adder(), pip_requirements=[], params={"size": 1})
    mlflow.log_metric("score", 0.5, model_id=model.model_id)
    mlflow.log_metric("score", 0.75, step=1, model_id=model.model_id)

read = mlflow.get_logged_model(model.model_id)
print("status", read.status.value, read.name, read.params, [(m.key, m.value) for m in read.metrics])
print("outputs", [o.model_id == model.model_id for o in client.get_run(run.info.run_id).outputs.model_outputs])
client.set_logged_model_tags(model.model_id, {"stage": "tried", "note": "x"})
client.delete_logged_model_tag(model.model_id, "note")
print("tags", sorted(k for k in client.get_logged_model(model.model_id).tags if not k.startswith("mlflow.")))
second = client.create_logged_model(experiment, name="second", params={"size": "2"}, tags={"stage": "none"})
print("pending", second.status.value)
client.finalize_logged_model(second.model_id, "FAILED")


def found(text, **options):
    try:
        models = client.search_logged_models([experiment], filter_string=text, **options)
        print("search", repr(text), [m.name for m in models])
    except MlflowException as error:
        print("search", repr(text), error.error_code)


found("")
found("name = 'adder'")
found("params.size = '2'")
found("tags.stage = 'tried'")
found("metrics.score > 0.6")
found("nothing.at = 'all'")
found("", order_by=[{"field_name": "metrics.score", "ascending": False}])
found("", max_results=1)
loaded = mlflow.pyfunc.load_model(model.model_uri)
print("loaded", loaded.predict([1.0, 2.0]))
client.delete_logged_model(second.model_id)
found("")
try:
    client.get_logged_model(second.model_id)
except MlflowException as error:
    print("deleted", error.error_code)

recording.save(sys.argv[2])
