"""Trains two small classifiers of digits and writes them as ONNX and as joblib: models.py ONNX-DIRECTORY SKLEARN-DIRECTORY"""

import sys

import joblib
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
import numpy as np

data, labels = load_digits(return_X_y=True)
model = LogisticRegression(max_iter=200).fit(data, labels)
with open(f"{sys.argv[1]}/model.onnx", "wb") as file:
    file.write(to_onnx(
        model, data[:1].astype(np.float32), options={"zipmap": False}).SerializeToString())
joblib.dump(model, f"{sys.argv[2]}/model.joblib")
