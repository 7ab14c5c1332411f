"""What did they print? The published tables, ours beside theirs, and verdicts."""
