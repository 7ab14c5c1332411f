"""What was run before? Records, sweeps and weights."""
