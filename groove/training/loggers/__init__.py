"""What a run is logged with beside its own files: one class for each file of ``conf/logger``."""
