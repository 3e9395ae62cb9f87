"""What people do with MLflow's model registry. Prints what it found, one line each.

usage: registry.py TRACKING_URI RECORD
"""
import os
import sys
import tempfile

import recording

import mlflow
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


# Models.
client.create_registered_model("digits", tags={"team": "vision"}, description="Handwritten digits.")
client.create_registered_model("words")
refused("the same name", lambda: client.create_registered_model("digits"))
refused("an empty name", lambda: client.create_registered_model(""))
refused("no model", lambda: client.get_registered_model("nothing"))
client.update_registered_model("words", "All words.")
client.set_registered_model_tag("words", "team", "text")
client.set_registered_model_tag("words", "empty", "")
client.set_registered_model_tag("words", "note", "x")
client.delete_registered_model_tag("words", "note")
client.delete_registered_model_tag("words", "never")
read = client.get_registered_model("words")
say("model", read.name, read.description, sorted(read.tags.items()), read.latest_versions, read.aliases)

# Versions of a run's artifacts.
experiment = mlflow.set_experiment("registry").experiment_id
with mlflow.start_run(run_name="maker") as run:
    mlflow.log_text("first", "export/model.txt")
    mlflow.log_text("deep", "export/sub/other.txt")
identifier = run.info.run_id
first = client.create_model_version(
    "digits", f"runs:/{identifier}/export", identifier, tags={"kind": "text"}, description="The first.")
say("version", first.version, first.status, first.current_stage, first.description, first.tags,
    first.run_id == identifier)
second = client.create_model_version("digits", f"runs:/{identifier}/export", identifier)
refused("another run's source", lambda: client.create_model_version("digits", "runs:/0123/x", identifier))
refused("a local path", lambda: client.create_model_version("digits", "/etc", identifier))
refused("a local address", lambda: client.create_model_version("digits", "file:///etc"))
refused("a way up", lambda: client.create_model_version("digits", f"runs:/{identifier}/../../x", identifier))
refused("a hidden way up", lambda: client.create_model_version("digits", "s3://bucket/%2e%2e/x"))
refused("no such model", lambda: client.create_model_version("nothing", "s3://bucket/x"))
elsewhere = client.create_model_version("words", "s3://bucket/words")
say("elsewhere", elsewhere.version, elsewhere.status, client.get_model_version_download_uri("words", "1"))
with tempfile.TemporaryDirectory() as directory:
    path = mlflow.artifacts.download_artifacts("models:/digits/1", dst_path=directory)
    with open(os.path.join(path, "model.txt")) as file:
        say("content", file.read(), sorted(os.listdir(path)), os.listdir(os.path.join(path, "sub")))

# Stages.
refused("no stage", lambda: client.transition_model_version_stage("digits", "1", "nowhere"))
say("stage", client.transition_model_version_stage("digits", "1", "production").current_stage)
say("stage", client.transition_model_version_stage(
    "digits", "2", "Production", archive_existing_versions=True).current_stage)
say("archived", client.get_model_version("digits", "1").current_stage)
say("latest", [(v.version, v.current_stage) for v in client.get_latest_versions("digits")])
say("latest", [(v.version, v.current_stage) for v in client.get_latest_versions("digits", ["Production"])])

# Aliases.
client.set_registered_model_alias("digits", "champion", "1")
client.set_registered_model_alias("digits", "champion", "2")
client.set_registered_model_alias("digits", "old", "1")
say("alias", client.get_model_version_by_alias("digits", "champion").version)
say("aliases", sorted(client.get_registered_model("digits").aliases.items()))
say("aliases", client.get_model_version("digits", "1").aliases)
refused("an alias like a version", lambda: client.set_registered_model_alias("digits", "v1", "1"))
refused("an alias like latest", lambda: client.set_registered_model_alias("digits", "Latest", "1"))
refused("no such version", lambda: client.set_registered_model_alias("digits", "x", "9"))
refused("no such alias", lambda: client.get_model_version_by_alias("digits", "nothing"))
client.delete_registered_model_alias("digits", "old")
client.delete_registered_model_alias("digits", "never")
say("aliases", sorted(client.get_registered_model("digits").aliases.items()))

# Tags and descriptions of versions.
client.set_model_version_tag("digits", "1", "lr", "0.1")
client.set_model_version_tag("digits", "1", "empty", "")
client.set_model_version_tag("digits", "1", "note", "x")
client.delete_model_version_tag("digits", "1", "note")
client.delete_model_version_tag("digits", "1", "never")
client.update_model_version("digits", "1", "Told again.")
read = client.get_model_version("digits", "1")
say("version", read.description, sorted(read.tags.items()))
refused("no version", lambda: client.get_model_version("digits", "9"))

# Copies.
copied = client.copy_model_version("models:/digits/1", "copies")
say("copied", copied.name, copied.version, client.get_model_version("copies", "1").run_id == identifier)

# Searches.


def models(text, **options):
    try:
        found = client.search_registered_models(text, **options)
        say("models", repr(text), [m.name for m in found])
    except MlflowException as error:
        say("models", repr(text), error.error_code)


def versions(text, **options):
    try:
        found = client.search_model_versions(text, **options)
        say("versions", repr(text).replace(identifier, "RUN"), [(v.name, v.version) for v in found])
    except MlflowException as error:
        say("versions", repr(text), error.error_code)


models(None)
models("name = 'digits'")
models("name LIKE 'd%'")
models("name ILIKE 'D%'")
models("name LIKE 'D%'")
models("name != 'digits'")
models("tags.team = 'text'")
models("tags.team != 'text'")
models("name LIKE '%i%' AND tags.`team` = 'vision'")
models("nothing = 'x'")
models("name = digits")
models("", order_by=["name DESC"])
models("", order_by=["last_updated_timestamp ASC", "name DESC"])
models("", order_by=["nothing ASC"])
refused("too many", lambda: client.search_registered_models(max_results=1001))
versions("name = 'digits'")
versions(f"run_id = '{identifier}' AND name = 'digits'")
versions(f"run_id IN ('{identifier}') AND name = 'digits'")
versions("source_path = 's3://bucket/words'")
versions("tags.kind = 'text' AND name = 'digits'")
versions("name = 'digits' AND version_number > 1")
versions("name = 'digits'", order_by=["version_number ASC"])
versions("nothing = 1")
names = []
page = client.search_registered_models(max_results=2, order_by=["name DESC"])
names += [m.name for m in page]
while page.token:
    page = client.search_registered_models(max_results=2, page_token=page.token, order_by=["name DESC"])
    names += [m.name for m in page]
say("pages", names)
refused("a page token of nowhere", lambda: client.search_registered_models(page_token="nonsense"))

# Other names, and the end.
client.rename_registered_model("words", "sentences")
say("renamed", client.get_registered_model("sentences").description)
say("versions go along", client.get_model_version("sentences", "1").source)
refused("a name that is taken", lambda: client.rename_registered_model("sentences", "digits"))
refused("the old name", lambda: client.get_registered_model("words"))
client.delete_model_version("digits", "2")
refused("a deleted version", lambda: client.get_model_version("digits", "2"))
say("its alias went along", client.get_registered_model("digits").aliases)
third = client.create_model_version("digits", f"runs:/{identifier}/export", identifier)
say("no number comes twice", third.version)
client.delete_registered_model("sentences")
refused("a deleted model", lambda: client.get_registered_model("sentences"))
refused("a deleted model again", lambda: client.delete_registered_model("sentences"))

if hasattr(client, "create_logged_model"):
    class Adder(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input: list[float]) -> list[float]:
            return [x + 1 for x in model_input]

    with mlflow.start_run():
        logged = mlflow.pyfunc.log_model(
            name="adder", python_model=Adder(), pip_requirements=[], registered_model_name="adder")
    say("registered", logged.registered_model_version)
    version = client.get_model_version("adder", "1")
    say("of the logged model", version.model_id == logged.model_id, version.source == f"models:/{logged.model_id}")
    say("known there", client.get_logged_model(logged.model_id).tags.get("mlflow.modelVersions"))
    client.set_registered_model_alias("adder", "best", "1")
    say("loaded", mlflow.pyfunc.load_model("models:/adder@best").predict([1.0, 2.0]))
    say("loaded", mlflow.pyfunc.load_model("models:/adder/latest").predict([3.0]))
    refused("another model's source", lambda: client.create_model_version(
        "adder", f"models:/{logged.model_id}", model_id="m-0123"))

    mlflow.genai.register_prompt("greeting", "Hello {{name}}!", tags={"tone": "kind"})
    say("prompts are no models", [m.name for m in client.search_registered_models("name = 'greeting'")])
    say("prompts", [p.name for p in mlflow.genai.search_prompts("name = 'greeting'")])
    say("prompt", mlflow.genai.load_prompt("prompts:/greeting/1").format(name="you"))
    mlflow.genai.set_prompt_alias("greeting", alias="live", version=1)
    say("prompt", mlflow.genai.load_prompt("prompts:/greeting@live").version)

recording.save(sys.argv[2])
