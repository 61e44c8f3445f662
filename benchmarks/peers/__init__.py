"""Other ways to get from floods to scenes, on the same items in the same run."""
