//! The rules of the house that need nothing deployed, so that they are told of in a second.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod layout;
