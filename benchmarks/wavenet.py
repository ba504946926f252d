"""WaveNet on one thread: samples in a second, against the network run again for every sample and against a sampler with
a queue for each layer, written plainly in torch.

    python benchmarks/wavenet.py [--device cuda]
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from paired import paired, timed
from torch import Tensor
from torch.nn import functional as F

import ardsl

BLOCKS, LAYERS, FEATURES, SKIP = 3, 10, 64, 256
SPEC = (
    "observed x[time: {length}] : mulaw(256)\n"
    "p(x[t] | x[<t] within 3070) = categorical via wavenet(blocks = 3, layers = 10, features = 64, skip = 256)\n"
)


class Queues:
    """Paine et al. 2016: each layer remembers its own inputs. The same weights, layer by layer as the paper has it."""

    def __init__(self, model: ardsl.AutoregressiveModel, batch: int) -> None:
        network = model.networks[0]
        weight = {name: layer.weights() for name, layer in network.convolutions.items()}
        bias = {name: layer.bias for name, layer in network.convolutions.items()}
        self.first, self.first_bias = weight["residual_0"][0][:, :, 0], bias["residual_0"]
        self.layers = []
        skips = weight["skip"]
        for number in range(BLOCKS * LAYERS):
            taps = weight[f"dilated_{number + 1}"][0]
            out = weight.get(f"residual_{number + 1}")
            self.layers.append(
                (
                    taps[:, :, 0].contiguous(),
                    taps[:, :, 1].contiguous(),
                    bias[f"dilated_{number + 1}"],
                    None if out is None else out[0][:, :, 0].contiguous(),
                    skips[number][:, :, 0].contiguous(),
                )
            )
        self.skip_bias = bias["skip"]
        self.tail = [(weight[name][0][:, :, 0], bias[name]) for name in ("tail", "output")]
        self.queues = [
            [self.skip_bias.new_zeros(batch, FEATURES) for _ in range(2 ** (number % LAYERS))]
            for number in range(BLOCKS * LAYERS)
        ]
        self.batch, self.device = batch, self.skip_bias.device

    @torch.no_grad()
    def sample(self, length: int) -> Tensor:
        value = torch.zeros(self.batch, 1, device=self.device)
        levels = torch.linspace(-1, 1, 256, device=self.device)
        found = []
        for t in range(length):
            h = F.linear(value, self.first, self.first_bias) if t else self.first_bias.expand(self.batch, -1)
            total = self.skip_bias
            for (past, now, bias, out, skip), queue in zip(self.layers, self.queues, strict=True):
                before = queue[t % len(queue)]
                queue[t % len(queue)] = h
                a, b = (F.linear(before, past) + F.linear(h, now, bias)).chunk(2, 1)
                gate = torch.tanh(a) * torch.sigmoid(b)
                total = total + F.linear(gate, skip)
                if out is not None:
                    h = h + F.linear(gate, out)
            for weight, bias in self.tail:
                total = F.linear(F.relu(total), weight, bias)
            code = torch.multinomial(total.softmax(1), 1)
            value = levels[code]
            found.append(code)
        return torch.cat(found, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    torch.set_num_threads(1)
    print("| batch | the whole network again, samples/s | queues, samples/s | ardsl, samples/s | ÷ queues | ÷ whole |")
    print("| --- | --- | --- | --- | --- | --- |")
    length, rounds = (2000, 5) if device == "cpu" else (500, 3)
    model = ardsl.compile(ardsl.loads(SPEC.format(length=length)), seed=0).to(device).eval()
    for batch in (1, 16) if device == "cpu" else (1, 256):
        queues = Queues(model, batch)
        model.sample(batch, seed=0)  # the sampler is made once
        found = paired(lambda q=queues: q.sample(length), lambda b=batch: model.sample(b, seed=1), rounds)
        x = model.sample(batch, seed=0)
        with torch.no_grad():
            model.log_prob(x)
            whole = 1 / timed(partial(model.log_prob, x))
        theirs, ours = length / found.first, length / found.second
        print(f"| {batch} | {whole:.1f} | {theirs:,.0f} | {ours:,.0f} | {1 / found.ratio:.2f} | {ours / whole:,.0f} |")


if __name__ == "__main__":
    main()
