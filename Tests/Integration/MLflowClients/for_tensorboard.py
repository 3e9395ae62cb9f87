"""Writes scalars for TensorBoard, as most training programs do, and says when half of them are written.

usage: for_tensorboard.py
"""
import sys
import time

from tensorboardX import SummaryWriter

with SummaryWriter("/artifacts/logs/train") as train, SummaryWriter("/artifacts/logs/test") as test:
    for step in range(200):
        train.add_scalar("loss", 1 / (step + 1), step)
        train.add_histogram("weights", list(range(100)), step)
        if step % 10 == 0:
            test.add_scalar("accuracy", step / 200, step)
        if step == 100:
            train.flush()
            test.flush()
            print("half", flush=True)
            time.sleep(12)
sys.exit(0)
