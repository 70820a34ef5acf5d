"""What training reports: the history, progress while it runs, logs and other callbacks."""
