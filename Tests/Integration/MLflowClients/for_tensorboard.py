"""Writes scalars for TensorBoard, as most training programs do, and says when half of them are written.

usage: for_tensorboard.py
"""
import sys
import time

from tensorboardX import SummaryWriter

# A thread of the writer's own writes what there is once a second; its flush() doesn't wait for that.
with SummaryWriter("/artifacts/logs/train", flush_secs=1) as train, \
        SummaryWriter("/artifacts/logs/test", flush_secs=1) as test:
    for step in range(200):
        train.add_scalar("loss", 1 / (step + 1), step)
        train.add_histogram("weights", list(range(100)), step)
        if step % 10 == 0:
            test.add_scalar("accuracy", step / 200, step)
        if step == 100:
            print("half", flush=True)
            time.sleep(15)
sys.exit(0)
