//! Both services from outside: over real TLS, by an ordinary HTTP client.

mod admin;
mod binary;
mod client;
mod discovery;
mod errors;
mod failures;
mod permissions;
mod queries;
mod registration;
