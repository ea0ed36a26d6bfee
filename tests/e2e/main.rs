//! The real binary, under the shipped rights, on a real control plane, against simulated services.
//!
//! One control plane serves the whole binary; every test has a namespace, an operator and simulators of its own. libtest
//! begins tests by name: the longest are in `api_views` and `crash`, so that no core idles behind them at the end.

mod conditions;
mod ledger;
mod linked;
mod stage;
mod stored;

mod admission;
mod ambiguity;
mod api_views;
mod check_now;
mod crash;
mod deletion;
mod fleet;
mod histories;
mod hostile;
mod idle;
mod kubectl;
mod leadership;
mod leaks;
mod lists;
mod modes;
mod namespaces;
mod operators;
mod outage;
mod outcomes;
mod pacing;
mod process;
mod replicas;
mod restart;
mod rivals;
mod roles;
mod rotation;
mod rows;
mod schema;
mod status_history;
mod tenants;
