"""Everything that touches the world: figures in, issues frozen, answers out."""
