#!/usr/bin/env python3
"""Trains a small neural network to tell the clothes of Fashion-MNIST apart.

Reads the data set from /storage, writes a checkpoint and a line of metrics to /artifacts after each
epoch and result.json at the end. Started again on the same /artifacts, it goes on from the newest
checkpoint. On SIGTERM it saves what it has and leaves.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import time

import numpy as np

CLASSES = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]


def read_idx(path):
    """Reads an IDX file: two zero bytes, type 8 (bytes), the number of dimensions, their sizes, the bytes."""
    data = path.read_bytes()
    if data[:3] != b"\0\0\x08":
        sys.exit(f"{path} is no IDX file of bytes")
    dimensions = data[3]
    shape = np.frombuffer(data, ">u4", dimensions, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def load(directory, part):
    images = read_idx(directory / f"{part}-images-idx3-ubyte")
    labels = read_idx(directory / f"{part}-labels-idx1-ubyte")
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels


class Network:
    """Two layers with a rectifier between them, trained by stochastic gradient descent with momentum."""

    def __init__(self, inputs, hidden, outputs, random):
        self.weights = {
            "w1": random.normal(0, np.sqrt(2 / inputs), (inputs, hidden)).astype(np.float32),
            "b1": np.zeros(hidden, np.float32),
            "w2": random.normal(0, np.sqrt(2 / hidden), (hidden, outputs)).astype(np.float32),
            "b2": np.zeros(outputs, np.float32),
        }
        self.momentum = {name: np.zeros_like(value) for name, value in self.weights.items()}

    def forward(self, images):
        hidden = np.maximum(images @ self.weights["w1"] + self.weights["b1"], 0)
        logits = hidden @ self.weights["w2"] + self.weights["b2"]
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        return hidden, odds / odds.sum(axis=1, keepdims=True)

    def step(self, images, labels, rate):
        """One update; returns the mean cross-entropy before it."""
        hidden, odds = self.forward(images)
        rows = np.arange(len(labels))
        loss = -np.log(odds[rows, labels] + 1e-9).mean()
        error = odds
        error[rows, labels] -= 1
        error /= len(labels)
        back = (error @ self.weights["w2"].T) * (hidden > 0)
        gradients = {
            "w1": images.T @ back,
            "b1": back.sum(axis=0),
            "w2": hidden.T @ error,
            "b2": error.sum(axis=0),
        }
        for name, gradient in gradients.items():
            self.momentum[name] = 0.9 * self.momentum[name] - rate * gradient
            self.weights[name] += self.momentum[name]
        return float(loss)

    def predict(self, images):
        return np.concatenate([self.forward(part)[1].argmax(axis=1) for part in np.array_split(images, 20)])


def save_checkpoint(path, network, epoch, best):
    """Writes under another name, syncs, renames: a checkpoint is whole or not there."""
    partial = path.with_suffix(".partial")
    arrays = {f"weights_{name}": value for name, value in network.weights.items()}
    arrays |= {f"momentum_{name}": value for name, value in network.momentum.items()}
    with open(partial, "wb") as file:
        np.savez(file, epoch=epoch, best=best, **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def load_checkpoint(path, network):
    with np.load(path) as saved:
        for name in network.weights:
            if saved[f"weights_{name}"].shape != network.weights[name].shape:
                sys.exit(f"{path} was made with another --hidden")
            network.weights[name] = saved[f"weights_{name}"]
            network.momentum[name] = saved[f"momentum_{name}"]
        return int(saved["epoch"]), float(saved["best"])


class Stop:
    """Set by SIGTERM; looked at between batches, so that no update is cut in half."""

    asked = False

    def __init__(self):
        signal.signal(signal.SIGTERM, self.ask)

    def ask(self, *_):
        self.asked = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default="/storage/datasets/fashion-mnist")
    parser.add_argument("--output", type=pathlib.Path, default="/artifacts")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    stop = Stop()
    if not options.data.is_dir():
        sys.exit(f"{options.data} is missing: run prepare.py first")
    images, labels = load(options.data, "train")
    test_images, test_labels = load(options.data, "t10k")
    print(f"{len(images):,} images to learn from, {len(test_images):,} to test with", flush=True)

    random = np.random.default_rng(options.seed)
    network = Network(images.shape[1], options.hidden, len(CLASSES), random)
    checkpoints = options.output / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    done, best = 0, 0.0
    saved = sorted(checkpoints.glob("epoch-*.npz"))
    if saved:
        done, best = load_checkpoint(saved[-1], network)
        print(f"going on from {saved[-1]}, {done} epochs done", flush=True)

    started = time.monotonic()
    for epoch in range(done + 1, options.epochs + 1):
        began = time.monotonic()
        # An order of its own for each epoch, the same however often the run was interrupted.
        order = np.random.default_rng([options.seed, epoch]).permutation(len(images))
        losses = []
        for start in range(0, len(order), options.batch_size):
            batch = order[start : start + options.batch_size]
            losses.append(network.step(images[batch], labels[batch], options.learning_rate))
            if stop.asked:
                # Named apart: the epoch is not done, and is repeated from its start on the next run.
                save_checkpoint(checkpoints / "interrupted.npz", network, epoch - 1, best)
                print(f"asked to stop: saved {checkpoints / 'interrupted.npz'}", flush=True)
                sys.exit(128 + signal.SIGTERM)

        accuracy = float((network.predict(test_images) == test_labels).mean())
        checkpoint = checkpoints / f"epoch-{epoch:03}.npz"
        is_best = accuracy > best
        best = max(best, accuracy)
        save_checkpoint(checkpoint, network, epoch, best)
        if is_best:
            shutil.copyfile(checkpoint, options.output / "best.npz")
        line = {
            "epoch": epoch,
            "loss": round(float(np.mean(losses)), 4),
            "accuracy": round(accuracy, 4),
            "seconds": round(time.monotonic() - began, 2),
        }
        with open(options.output / "metrics.jsonl", "a") as metrics:
            metrics.write(json.dumps(line) + "\n")
        print("epoch {epoch}  loss {loss:.4f}  accuracy {accuracy:.2%}  {seconds:.1f} s".format(**line), flush=True)

    predicted = network.predict(test_images)
    result = {
        "accuracy": round(float((predicted == test_labels).mean()), 4),
        "best_accuracy": round(best, 4),
        "accuracy_by_class": {
            name: round(float((predicted[test_labels == label] == label).mean()), 4)
            for label, name in enumerate(CLASSES)
        },
        "epochs": options.epochs,
        "hidden": options.hidden,
        "learning_rate": options.learning_rate,
        "batch_size": options.batch_size,
        "seed": options.seed,
        "job": os.environ.get("CAIRN_JOB_ID"),
        "seconds": round(time.monotonic() - started, 2),
    }
    (options.output / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"accuracy {result['accuracy']:.2%}, written to {options.output / 'result.json'}", flush=True)


if __name__ == "__main__":
    main()
