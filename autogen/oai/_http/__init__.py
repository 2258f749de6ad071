"""The HTTP below the SDK: clients, pools, the clock of a request, and the words for failures."""
