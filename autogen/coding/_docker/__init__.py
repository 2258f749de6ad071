"""Docker engines, containers, and the programs that run in them."""
