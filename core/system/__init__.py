"""Files, journal, logs, hardware and start-up of this machine and process."""
