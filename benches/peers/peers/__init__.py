"""The peers: one program each, alike but for how they add readings up. `stream` is what they share."""
