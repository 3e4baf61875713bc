"""The verdict: indicators, thresholds, rules and hints."""
