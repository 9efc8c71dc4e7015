"""The tests, in folders that mirror the packages; ``fixtures`` holds what several of them share."""
