//! Places between the operator and the servers that it changes, where a test sees and decides everything that passes.
//!
//! - [`Gate`]: what decides; Petra's simulator asks one of its own accord ([`simulators::Options::petra_gate`]).
//! - [`ApiServerGate`]: a proxy that asks one in front of a real API server.
//! - [`Lens`]: the gate that lets the operator see the API server otherwise than it is.
//! - [`Fuse`]: the gate that numbers every change and ends the operator at a chosen one.

mod fuse;
mod lens;
mod proxy;
mod write;

pub use fuse::{Fuse, Moment, Point};
pub use lens::{Events, Lens, Retelling, Tell, View};
pub use proxy::ApiServerGate;
pub use simulators::{Forward, Gate, NoAnswer, Passage};
pub use write::Write;
