"""A folder of packs: walked, scanned, its songs identified, its radars indexed."""
