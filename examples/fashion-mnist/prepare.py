#!/usr/bin/env python3
"""Unpacks the Fashion-MNIST images of Debian's package dataset-fashion-mnist for training."""

import argparse
import gzip
import os
import pathlib
import shutil

FILES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--destination", type=pathlib.Path, default="/storage/datasets/fashion-mnist")
    options = parser.parse_args()

    options.destination.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        target = options.destination / name
        if target.exists():
            print(f"{target} is there already")
            continue
        packed = options.source / f"{name}.gz"
        if not packed.exists():
            parser.error(f"{packed} is missing: apt-get install dataset-fashion-mnist")
        # Under its real name only when whole, so that an interrupted run is not taken for a data set.
        partial = target.with_suffix(".partial")
        with gzip.open(packed, "rb") as source, open(partial, "wb") as destination:
            shutil.copyfileobj(source, destination, 1 << 20)
            destination.flush()
            os.fsync(destination.fileno())
        partial.rename(target)
        print(f"{target}  {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
