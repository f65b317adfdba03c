"""The weekly email: edition, rendering, sending and subscribers."""
