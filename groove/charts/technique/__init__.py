"""What the feet do: stances, moves, and what is counted of them."""
