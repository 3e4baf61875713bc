"""A trained model applied to charts and libraries."""
