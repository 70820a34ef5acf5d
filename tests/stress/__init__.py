"""Threads, processes and cold starts; ``make stress`` runs the long form."""
