"""Where captures are found."""
