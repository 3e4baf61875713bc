"""The simfile format: from bytes to charts."""
