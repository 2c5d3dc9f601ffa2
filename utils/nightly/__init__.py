"""The four scripts one after another, unattended: one run at a time, with a log and a status file."""
