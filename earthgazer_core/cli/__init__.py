"""The command line `earthgazer`."""
