"""The generated library in its wide variety: charts as people write them, placed foot by foot."""
