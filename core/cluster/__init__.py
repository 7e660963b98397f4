"""Engine tasks run elsewhere: as Ray tasks, on this computer or on a cluster."""
