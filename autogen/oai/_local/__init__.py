"""The model that runs inside the process."""
