"""The peers: one program each, which differ only in how they add readings up. `stream` is what they share."""
