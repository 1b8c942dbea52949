"""The provisioners' part of a pass: what they would do, and having it done."""
