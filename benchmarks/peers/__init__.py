"""Other programs that count linear regions, run beside ours in an environment of their own."""
