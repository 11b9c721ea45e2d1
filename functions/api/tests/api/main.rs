//! The API as callers see it: over the router, with the store in memory.

mod auth;
mod definitions;
mod document;
mod hub;
mod records;
mod runs;
mod tenants;
