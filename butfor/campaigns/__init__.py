"""Launch gate and runs: deliver what decide allowed, keep a control group, read the result."""

from butfor.campaigns.launch import CampaignRun, launch
from butfor.campaigns.readouts import read_experiment

__all__ = ["CampaignRun", "launch", "read_experiment"]
