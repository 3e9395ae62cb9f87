"""PyTorch Lightning logs by itself. Prints what it found, one line each.

usage: autolog_pytorch.py TRACKING_URI RECORD
"""
import logging
import sys
import warnings

import recording

import lightning
import mlflow
import torch

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("autolog of PyTorch")
client = mlflow.MlflowClient()
mlflow.pytorch.autolog(log_every_n_epoch=1, log_every_n_step=4, checkpoint=True, checkpoint_save_best_only=False)


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, features):
        return self.layer(features)

    def training_step(self, batch, _):
        features, labels = batch
        loss = torch.nn.functional.mse_loss(self(features), labels)
        self.log("loss", loss, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


torch.manual_seed(1)
features = torch.linspace(-1, 1, 64).unsqueeze(1)
examples = torch.utils.data.TensorDataset(features, 2 * features + 1)
model = Line()
with mlflow.start_run(run_name="fit") as run:
    lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        logger=False,
    ).fit(model, torch.utils.data.DataLoader(examples, batch_size=8))

read = client.get_run(run.info.run_id)
print("params", sorted(read.data.params.items()))
for key in sorted(read.data.metrics):
    history = client.get_metric_history(run.info.run_id, key)
    print("metric", key, [(point.step, round(point.value, 6)) for point in history])
print("artifacts", sorted(f.path for f in client.list_artifacts(run.info.run_id)))
print("checkpoints", sorted(f.path for f in client.list_artifacts(run.info.run_id, "checkpoints")))
models = client.search_logged_models([run.info.experiment_id])
print("models", [(m.status.value, m.model_type, sorted({x.key for x in m.metrics})) for m in models])
loaded = mlflow.pytorch.load_model(models[0].model_uri)
with torch.no_grad():
    print("same", torch.equal(loaded(features), model(features)))

recording.save(sys.argv[2])
