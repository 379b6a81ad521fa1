"""The same training iteration as `cargo bench --bench training`, in PyTorch eager on one thread: CPU milliseconds.

A rollout without gradients, then all steps' rows in one pass, VarGrad, backward, AdamW. Needs `torch`.
"""

import math
import time

import torch

torch.set_num_threads(1)
SIZES = [(8, 64, 20, 256), (32, 128, 25, 512)]
ACTIVATIONS = {
    "relu": torch.nn.functional.relu,
    "silu": torch.nn.functional.silu,
    "gelu": lambda u: torch.nn.functional.gelu(u, approximate="tanh"),
    "gelu (erf)": torch.nn.functional.gelu,
}


class Net(torch.nn.Module):
    def __init__(self, d, width, steps, act):
        super().__init__()
        self.first = torch.nn.Linear(d, width, bias=False)
        self.table = torch.nn.Parameter(torch.randn(steps, 1, width))
        self.hidden = torch.nn.Linear(width, width)
        self.last = torch.nn.Linear(width, 2 * d)
        torch.nn.init.zeros_(self.last.weight)
        torch.nn.init.zeros_(self.last.bias)
        self.act = act

    def forward(self, x, steps):
        h = self.act(self.first(x) + self.table[steps])
        return self.last(self.act(self.hidden(h))).chunk(2, dim=-1)


def schedule(n, high=4.5, low=-9.0):
    snr = [high + (low - high) * (s - 1) / (n - 1) for s in range(1, n)]
    signal = [1.0] + [1 / (1 + math.exp(-v)) for v in snr] + [0.0]
    keep2 = [signal[s + 1] / signal[s] for s in range(n)]
    keep = torch.tensor([math.sqrt(k) for k in keep2])
    noise = torch.tensor([math.sqrt(1 - k) for k in keep2])
    gain = [math.sqrt(signal[s] * (1 - keep2[s]) / (1 - signal[s + 1])) for s in range(n)]
    return keep, noise, torch.tensor(gain)


def kernel(e, v, gain):
    return gain * e, 1.5 * torch.tanh(v / 1.5)


def log_r(x):
    return -0.5 * x.sum(-1) ** 2 / x.shape[-1]


def iteration(net, optimiser, d, steps, batch, levels):
    keep, noise, gain = levels
    states = [torch.zeros(batch, d)]
    with torch.no_grad():
        for s in reversed(range(steps)):
            shift, log_sd = kernel(*net(states[-1], s), gain[s])
            delta = shift + log_sd.exp() * torch.randn(batch, d)
            states.append(keep[s] * states[-1] + noise[s] * delta)
    x = torch.stack(states[::-1])
    calm, noisy = x[:-1], x[1:]
    shift, log_sd = kernel(*net(noisy, slice(None)), gain[:, None, None])
    delta = (calm - keep[:, None, None] * noisy) / noise[:, None, None]
    r = (delta - shift) * (-log_sd).exp()
    ratio = (0.5 * (delta**2 - r**2) - log_sd).sum((0, 2))
    log_w = log_r(x[0]) - ratio
    residual = (log_w.mean() - log_w).detach().clamp(-10, 10)
    loss = (residual * ratio).mean()
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()


for d, width, steps, batch in SIZES:
    for name, act in ACTIVATIONS.items():
        net = Net(d, width, steps, act)
        optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0)
        levels = schedule(steps)
        best = math.inf
        for _ in range(8):
            start = time.process_time()
            for _ in range(20):
                iteration(net, optimiser, d, steps, batch, levels)
            best = min(best, (time.process_time() - start) / 20)
        print(f"d {d}, width {width}, T {steps}, batch {batch}, {name}: {1e3 * best:.2f} ms")
