"""Trains a small classifier of digits and writes it as ONNX, by joblib, and as MLflow has it, each into a directory.

models.py ONNX SKLEARN MLFLOW
"""

import sys

import joblib
import mlflow.sklearn
import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

data, labels = load_digits(return_X_y=True)
model = LogisticRegression(max_iter=200).fit(data, labels)
with open(f"{sys.argv[1]}/model.onnx", "wb") as file:
    file.write(to_onnx(
        model, data[:1].astype(np.float32), options={"zipmap": False}).SerializeToString())
joblib.dump(model, f"{sys.argv[2]}/model.joblib")
mlflow.sklearn.save_model(model, sys.argv[3], serialization_format="cloudpickle")
