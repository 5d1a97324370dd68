"""What models say of windows, and how right they are by labels."""
