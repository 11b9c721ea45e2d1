//! What the twin does as a whole.
