"""What the scripted fleet is made of, a subject each."""
