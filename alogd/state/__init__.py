"""What survives a restart, in one SQLite file and one transaction: positions, learned state, alerts and the outbox."""
