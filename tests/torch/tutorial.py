"""The network of PyTorch's tutorial on spatial transformers, as it stands there."""

import pytest

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional


class Net(nn.Module):
    """The tutorial's network without dropout, which would need the same random numbers everywhere."""

    def __init__(self, channels=1, align_corners=False):
        super().__init__()
        self.align_corners = align_corners
        self.conv1 = nn.Conv2d(channels, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)
        self.localization = nn.Sequential(
            nn.Conv2d(channels, 8, kernel_size=7), nn.MaxPool2d(2, stride=2), nn.ReLU(True),
            nn.Conv2d(8, 10, kernel_size=5), nn.MaxPool2d(2, stride=2), nn.ReLU(True),
        )  # fmt: skip
        self.fc_loc = nn.Sequential(nn.Linear(10 * 3 * 3, 32), nn.ReLU(True), nn.Linear(32, 3 * 2))
        self.fc_loc[2].weight.data.zero_()
        self.fc_loc[2].bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))

    def theta(self, x):
        return self.fc_loc(self.localization(x).view(-1, 10 * 3 * 3))

    def stn(self, x):
        grid = functional.affine_grid(self.theta(x).view(-1, 2, 3), x.size(), align_corners=self.align_corners)
        return functional.grid_sample(x, grid, align_corners=self.align_corners)

    def forward(self, x):
        x = self.stn(x)
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        x = functional.relu(functional.max_pool2d(self.conv2(x), 2))
        x = functional.relu(self.fc1(x.view(-1, 320)))
        return functional.log_softmax(self.fc2(x), dim=1)
