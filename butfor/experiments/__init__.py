"""Design, assign, check and analyse tests and holdouts, from per-arm moments alone."""
