"""Linear programs, exact linear algebra and proofs; nothing here knows about neurons."""
