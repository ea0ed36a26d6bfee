//! ConnectWise PSA and Petra Security, played on loopback over real TLS.
//!
//! A client written for the real services does not notice: hosts, certificates, keys, errors, paging and limits are as
//! documented. A request goes through the modules in this order:
//!
//! - [`tls`]: a certificate authority of the run's own, a certificate for each host;
//! - [`gate`]: a test's own place in front of Petra, where requests and answers can be held or lost;
//! - [`counts`]: what was asked, without secrets;
//! - [`faults`]: failures to order;
//! - `connectwise`, [`petra`]: the two services;
//! - [`world`]: the tenants, from a [`scenario`], changeable while they run;
//! - [`admin`]: a plain HTTP port for tests and people.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use simulators::{Options, Scenario, Simulators};
//!
//! let simulators = Simulators::start(Scenario::demo(), Options::default()).await?;
//! println!("https://na.myconnectwise.localhost:{}", simulators.connectwise_port());
//! simulators.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod admin;
mod connectwise;
pub mod counts;
pub mod faults;
mod front;
pub mod gate;
pub mod petra;
pub mod scenario;
mod serve;
mod simulators;
pub mod tls;
pub mod world;

pub use counts::{Counts, Filter, Service};
pub use faults::{Bulk, Effect, Faults, Rule};
pub use gate::{Forward, Gate, NoAnswer, Passage};
pub use scenario::Scenario;
pub use simulators::{Options, PETRA_HOSTS, Simulators, StartError};
pub use world::World;
