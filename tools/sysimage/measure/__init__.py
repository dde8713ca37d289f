"""Phase measure: what a verifier has to expect of a confidential VM's launch, and in which form."""
