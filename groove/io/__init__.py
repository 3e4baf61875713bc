"""Files written whole or not at all, and several processes at once."""
