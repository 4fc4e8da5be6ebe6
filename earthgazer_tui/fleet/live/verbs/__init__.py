"""The verbs over real services, a subject each."""
