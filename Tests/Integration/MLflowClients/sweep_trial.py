"""A trial of a sweep: logs a loss that its argument decides, by MLflow's client or for TensorBoard.

usage: sweep_trial.py mlflow|tensorboard --level=LEVEL
"""
import sys
import time

level = float(sys.argv[2].split("=")[1])
losses = [level + 1 / epoch for epoch in range(1, 10)]
if sys.argv[1] == "mlflow":
    import mlflow

    with mlflow.start_run():
        for loss in losses:
            # Without steps, as many programs do.
            mlflow.log_metric("loss", loss)
            time.sleep(0.05)
else:
    from tensorboardX import SummaryWriter

    with SummaryWriter("/artifacts/tb") as writer:
        for epoch, loss in enumerate(losses):
            writer.add_scalar("loss", loss, epoch)
