//! The rules, tested without I/O: [`world`] plays everything outside, `table` reads like the design's condition table,
//! `rules` takes one rule a test, `classification` takes every published error body through client and rules, `messages`
//! reads what each reason tells a person, and `histories` checks the promises after every step of generated sequences. What
//! takes more than one link or one process is played on [`stage`].

mod books;
mod classification;
mod fleet_table;
mod histories;
mod messages;
mod rules;
mod secret;
mod soak;
mod stage;
mod table;
mod tenancy;
mod world;

/// The subject of a new world.
pub(super) fn subject() -> super::Subject {
    world::World::new().subject()
}

/// The status of a link whose keys were refused.
pub(super) fn rejected_status() -> crate::crd::LinkStatus {
    let mut world = world::World::new();
    world.tenancy = tenancy::Tenancy::refusing();
    world.visit();
    world.status
}
