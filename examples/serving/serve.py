#!/usr/bin/env python3
"""Serves a model by the Open Inference Protocol: what `cairn deploy create --runtime onnx|sklearn` runs.

It needs numpy, and onnxruntime for `onnx` or scikit-learn and joblib for `sklearn`. The model is the one file in
$CAIRN_MODEL_PATH that ends in .onnx, or in .joblib, .pkl or .pickle. It listens on $HOST:$PORT.

A pickle runs what is in it when it is loaded: serve only what you would run.
"""

import http.server
import json
import os
import pathlib
import socket
import socketserver
import sys
import urllib.parse

import numpy as np

DATATYPES = {
    "BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FP16": np.float16, "FP32": np.float32,
    "FP64": np.float64,
}
NAMES = {np.dtype(kind): name for name, kind in DATATYPES.items()}
ONNX_TYPES = {
    "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16", "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64", "tensor(int8)": "INT8", "tensor(int16)": "INT16", "tensor(int32)": "INT32",
    "tensor(int64)": "INT64", "tensor(float16)": "FP16", "tensor(float)": "FP32", "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
LARGEST_BODY = 1 << 30


class BadRequest(Exception):
    pass


def find(suffixes):
    directory = pathlib.Path(os.environ["CAIRN_MODEL_PATH"])
    found = sorted(path for path in directory.rglob("*") if path.suffix in suffixes)
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(directory)) for path in found) or "none"
        sys.exit(f"one file ending in {' or '.join(suffixes)} is expected in {directory}; there is: {names}")
    return found[0]


class OnnxModel:
    platform = "onnx_onnxv1"

    def __init__(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        if threads := os.environ.get("ONNX_THREADS"):
            options.intra_op_num_threads = int(threads)
        self.session = onnxruntime.InferenceSession(
            str(find([".onnx"])), options, providers=onnxruntime.get_available_providers())
        self.inputs = [self.describe(value) for value in self.session.get_inputs()]
        # A classifier's map of probabilities is no tensor.
        self.outputs = [self.describe(value) for value in self.session.get_outputs() if value.type in ONNX_TYPES]

    @staticmethod
    def describe(value):
        shape = [size if isinstance(size, int) else -1 for size in value.shape or []]
        return {"name": value.name, "datatype": ONNX_TYPES.get(value.type, value.type), "shape": shape}

    def run(self, inputs, wanted):
        return dict(zip(wanted, self.session.run(wanted, inputs)))


class SklearnModel:
    platform = "sklearn_joblib"

    def __init__(self):
        import joblib

        self.model = joblib.load(find([".joblib", ".pkl", ".pickle"]))
        columns = int(getattr(self.model, "n_features_in_", -1))
        self.inputs = [{"name": "input", "datatype": "FP64", "shape": [-1, columns]}]
        self.outputs = [{"name": "predict", "datatype": "FP64", "shape": [-1]}]
        classes = getattr(self.model, "classes_", None)
        if classes is not None:
            kind = np.asarray(classes).dtype
            self.outputs[0]["datatype"] = NAMES.get(kind, "BYTES")
        if hasattr(self.model, "predict_proba"):
            count = len(classes) if classes is not None else -1
            self.outputs.append({"name": "predict_proba", "datatype": "FP64", "shape": [-1, count]})

    def run(self, inputs, wanted):
        # Whatever the input is called: there is one only.
        (values,) = inputs.values()
        return {name: np.asarray(getattr(self.model, name)(values)) for name in wanted}


def from_json(value):
    datatype, shape, data = value["datatype"], value["shape"], value["data"]
    if datatype == "BYTES":
        return np.array(data, dtype=object).reshape(shape)
    return np.array(data, dtype=DATATYPES[datatype]).reshape(shape)


def from_bytes(value, raw):
    datatype, shape = value["datatype"], value["shape"]
    if datatype != "BYTES":
        return np.frombuffer(raw, dtype=np.dtype(DATATYPES[datatype]).newbyteorder("<")).reshape(shape)
    texts, position = [], 0
    while position < len(raw):
        length = int.from_bytes(raw[position:position + 4], "little")
        texts.append(raw[position + 4:position + 4 + length].decode())
        position += 4 + length
    return np.array(texts, dtype=object).reshape(shape)


def to_bytes(array):
    if array.dtype in NAMES:
        return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [str(text).encode() for text in array.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def infer(model, name, body, header_length):
    """Answers one request: the JSON and, by the binary tensor extension, what comes after it."""
    request = json.loads(body if header_length is None else body[:header_length])
    raw, position = body[header_length or len(body):], 0
    inputs = {}
    for value in request["inputs"]:
        size = value.get("parameters", {}).get("binary_data_size")
        if size is None:
            inputs[value["name"]] = from_json(value)
        else:
            inputs[value["name"]] = from_bytes(value, raw[position:position + size])
            position += size
    known = [output["name"] for output in model.outputs]
    asked = request.get("outputs") or [{"name": output} for output in known]
    for output in asked:
        if output["name"] not in known:
            raise BadRequest(f"there is no output {output['name']}; there are {', '.join(known)}")
    every = request.get("parameters", {}).get("binary_data_output", False)
    results = model.run(inputs, [output["name"] for output in asked])
    outputs, tail = [], []
    for output in asked:
        array = np.asarray(results[output["name"]])
        answer = {
            "name": output["name"], "datatype": NAMES.get(array.dtype, "BYTES"), "shape": list(array.shape)}
        if output.get("parameters", {}).get("binary_data", every):
            tail.append(to_bytes(array))
            answer["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            answer["data"] = array.ravel().tolist()
        outputs.append(answer)
    answer = {"model_name": name, "outputs": outputs}
    if "id" in request:
        answer["id"] = request["id"]
    return answer, b"".join(tail)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body of an answer in one packet.
    wbufsize = 1 << 16
    model = None
    names = ()
    version = None

    def answer(self, status, value, tail=b""):
        head = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if tail else "application/json")
        if tail:
            self.send_header("Inference-Header-Content-Length", str(len(head)))
        self.send_header("Content-Length", str(len(head) + len(tail)))
        self.end_headers()
        self.wfile.write(head + tail)

    def route(self):
        """The words after /v2, with the model's name and version taken out; None: they are not ours."""
        words = [urllib.parse.unquote(word) for word in self.path.partition("?")[0].split("/") if word]
        if words[:1] != ["v2"]:
            return None
        words = words[1:]
        if words[:1] != ["models"]:
            return words
        if len(words) < 2 or words[1] not in self.names:
            return None
        words = ["model"] + words[2:]
        if words[1:2] == ["versions"]:
            if words[2:3] != [self.version]:
                return None
            words = words[:1] + words[3:]
        return words

    def do_GET(self):
        words = self.route()
        if words == []:
            self.answer(200, {"name": "cairn-serve", "version": "1", "extensions": ["binary_tensor_data"]})
        elif words in (["health", "live"], ["health", "ready"]):
            self.answer(200, {"live": True, "ready": True})
        elif words == ["model", "ready"]:
            self.answer(200, {"name": self.names[0], "ready": True})
        elif words == ["model"]:
            self.answer(200, {
                "name": self.names[0], "versions": [self.version], "platform": self.model.platform,
                "inputs": self.model.inputs, "outputs": self.model.outputs})
        else:
            self.answer(404, {"error": f"there is nothing at {self.path}; the model is {self.names[0]}"})

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self.answer(411, {"error": "a body's length must be given, and be 1 GiB at most"})
            return
        body = self.rfile.read(int(length))
        if self.route() != ["model", "infer"]:
            self.answer(404, {"error": f"there is nothing to post to at {self.path}"})
            return
        try:
            header = self.headers.get("Inference-Header-Content-Length")
            answer, tail = infer(self.model, self.names[0], body, None if header is None else int(header))
        except Exception as error:  # Whatever a request makes the runtime raise is the request's fault.
            self.answer(400, {"error": f"{type(error).__name__}: {error}"})
            return
        self.answer(200, answer, tail)

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    request_queue_size = 512
    daemon_threads = True


def main():
    kinds = {"onnx": OnnxModel, "sklearn": SklearnModel}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: serve.py {'|'.join(kinds)}")
    # Loaded before it listens: who can connect gets answers.
    Handler.model = kinds[sys.argv[1]]()
    # A deployment is asked for by its own name, and by the model's.
    Handler.names = (os.environ["CAIRN_DEPLOYMENT"], os.environ["CAIRN_MODEL"])
    Handler.version = os.environ["CAIRN_MODEL_VERSION"]
    server = Server((os.environ.get("HOST", "0.0.0.0"), int(os.environ["PORT"])), Handler)
    print(f"serving {Handler.names[0]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
