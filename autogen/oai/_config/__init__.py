"""Config lists: where they come from and how old keys are translated."""
