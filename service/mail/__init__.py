"""The weekly email and early warnings: content, rendering, sending and subscribers."""
