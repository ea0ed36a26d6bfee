//! A port that nobody may call: an address inside the cluster, as far as the operator knows.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Counts who comes. It listens until the test process ends.
pub struct Trap {
    /// The port on loopback.
    pub port: u16,
    visits: Arc<AtomicUsize>,
}

impl Trap {
    /// Opens it.
    pub fn set() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let visits = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&visits);
        thread::spawn(move || {
            for _ in listener.incoming() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, visits }
    }

    /// How many connections were made.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}
