"""Trains a small network with PyTorch's DistributedDataParallel: each replica on its own share of the data.

Nothing in it knows Cairn: `init_process_group` finds the others by the variables that every launcher sets.
"""

import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

torch.set_num_threads(1)
dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
rank, size = dist.get_rank(), dist.get_world_size()
print(f"rank {rank} of {size}", flush=True)

torch.manual_seed(0)
data = torch.rand(512, 2) * 6 - 3
target = torch.sin(data[:, :1]) * torch.cos(data[:, 1:])
mine = slice(rank, None, size)

model = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
parallel = DistributedDataParallel(model)
optimizer = torch.optim.Adam(parallel.parameters(), lr=0.02)
for step in range(200):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(parallel(data[mine]), target[mine])
    loss.backward()
    optimizer.step()

# Gradients were averaged, so all replicas have the same weights.
weights = torch.cat([parameter.detach().flatten() for parameter in parallel.parameters()])
others = [torch.empty_like(weights) for _ in range(size)]
dist.all_gather(others, weights)
assert all(torch.equal(weights, other) for other in others), "replicas have come apart"
total = loss.detach()
dist.all_reduce(total)
if rank == 0:
    torch.save(model.state_dict(), os.path.join("/artifacts", "model.pt"))
    print(f"loss {total.item() / size:.4f}", flush=True)
dist.destroy_process_group()
