"""Every speed claim, as a ratio against a floor measured in the same run; and every coverage claim."""
