//! servicenow.
