"""The library as a map in one HTML file."""
