"""Splits, radar scaler, triplets, batches."""
