"""Asks a deployment of digits with tritonclient: client.py HOST:PORT/serve/NAME NAME INPUT DATATYPE OUTPUT

Prints how many of a hundred digits were told right.
"""

import sys

import numpy as np
import tritonclient.http
from sklearn.datasets import load_digits

address, name, input_name, datatype, output_name = sys.argv[1:]
client = tritonclient.http.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(name)
assert client.get_server_metadata()["name"]
metadata = client.get_model_metadata(name)
assert metadata["inputs"][0]["name"] == input_name, metadata
data, labels = load_digits(return_X_y=True)
kind = {"FP32": np.float32, "FP64": np.float64}[datatype]
results = []
for binary in (True, False):
    value = tritonclient.http.InferInput(input_name, [100, 64], datatype)
    value.set_data_from_numpy(data[:100].astype(kind), binary_data=binary)
    output = tritonclient.http.InferRequestedOutput(output_name, binary_data=binary)
    answer = client.infer(name, [value], outputs=[output], request_id="1")
    assert answer.get_response()["id"] == "1"
    results.append(answer.as_numpy(output_name))
assert (results[0] == results[1]).all()
try:
    value = tritonclient.http.InferInput(input_name, [1, 3], datatype)
    value.set_data_from_numpy(np.zeros((1, 3), dtype=kind))
    client.infer(name, [value])
    raise SystemExit("a wrong shape was taken")
except tritonclient.http.InferenceServerException:
    pass
print((results[0] == labels[:100]).sum())
