"""The networks as PyTorch modules, one file each; alogd/detectors runs what is exported from them."""
