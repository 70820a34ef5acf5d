"""How long a training step takes on many machines, from what was measured on one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

EXCHANGES = 2  # in a step: parameters and images for outputs, slopes for gradients
MOST = 64  # machines


@dataclass(frozen=True)
class Network:
    """What connects the driver to the workers.

    Attributes
    ----------
    latency
        Seconds of an exchange with no data.
    message
        Seconds that each further worker adds to it.
    bandwidth
        Bytes per second through the driver.
    """

    latency: float
    message: float
    bandwidth: float

    def behind(self, latency: float, bandwidth: float) -> Network:
        """Return this network, which is measured inside one machine, with a cable's latency and bandwidth added."""
        return dataclasses.replace(
            self, latency=self.latency + latency, bandwidth=1 / (1 / self.bandwidth + 1 / bandwidth)
        )  # fmt: skip


@dataclass(frozen=True)
class Work:
    """One step of a network and a batch size.

    Attributes
    ----------
    driver
        Seconds of the driver's own work: batch, loss, update.
    part
        Seconds that each part of the batch costs whatever its size, on one thread.
    images
        Seconds of all images, on one thread.
    params, batch, outputs
        Bytes of the parameters, the images and the outputs.
    """

    driver: float
    part: float
    images: float
    params: int
    batch: int
    outputs: int

    def moved(self, machines: int) -> int:
        """Return the bytes that move in a step, in both directions."""
        return 2 * machines * self.params + self.batch + 2 * self.outputs

    def alone(self, speed: float = 1.0) -> float:
        """Return the seconds of a step without a cluster; `speed` is how much faster a machine computes than one thread."""
        return self.driver + (self.part + self.images) / speed

    def seconds(self, machines: int, network: Network, speed: float = 1.0) -> float:
        """Return the seconds of a step on a cluster."""
        computed = (self.part + self.images / machines) / speed
        talked = EXCHANGES * (network.latency + network.message * (machines - 1))
        return self.driver + computed + talked + self.moved(machines) / network.bandwidth

    def efficiency(self, machines: int, network: Network, speed: float = 1.0) -> float:
        """Return how much faster the cluster is than one machine alone, divided by the number of machines."""
        return self.alone(speed) / (machines * self.seconds(machines, network, speed))

    def best(self, network: Network, speed: float = 1.0) -> int:
        """Return the number of machines with the shortest step, at most `MOST`."""
        return min(range(1, MOST + 1), key=lambda machines: self.seconds(machines, network, speed))

    def most_at(self, efficiency: float, network: Network, speed: float = 1.0) -> int:
        """Return the largest number of machines with at least an efficiency; 0 if there is none, at most `MOST`."""
        good = [machines for machines in range(1, MOST + 1) if self.efficiency(machines, network, speed) >= efficiency]
        return max(good, default=0)


CABLES: dict[str, tuple[float, float]] = {
    "1 Gb/s Ethernet": (2e-4, 1.25e8),
    "10 Gb/s Ethernet": (5e-5, 1.25e9),
}
"""Latency of an exchange in seconds, and bytes per second: assumed, not measured."""
