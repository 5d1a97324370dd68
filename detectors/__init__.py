"""What is unusual: one file a detector."""
