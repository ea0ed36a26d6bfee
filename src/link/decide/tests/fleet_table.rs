//! The page `tests/data/fleet-rule.md`: what the rules decide about refused keys, and what comes of whole fleets.

mod herd;

use super::world::{Tenancy, World, client_id_version};
use crate::connectwise::{CompanyAnswer, Inconclusive};
use crate::link::client_id::AcceptedClientId;
use crate::link::origin::Origin;
use crate::testing::markdown::table;
use herd::{Herd, MINUTE, self_hosted};

const PAGE: &str = include_str!("../../../../tests/data/fleet-rule.md");

/// A Ready link, or a new one, whose keys were or were not accepted with this clientId.
fn accepted_with(client_id: &str, site: &str) -> World {
    let mut world = if site == "cloud" { World::new() } else { self_hosted("psa.example.com") };
    if client_id == "never" {
        return world;
    }
    let mut accepted = AcceptedClientId::default();
    accepted.accept(client_id_version("A"), Origin::Cloud);
    world.client_id = accepted.view(client_id_version("A"));
    world.become_ready();
    if client_id == "not recorded" {
        world.status.inputs.as_mut().expect("judged").client_id_version = None;
    }
    world.restart();
    world
}

#[test]
fn every_row_of_the_page_about_refused_keys_is_what_the_rules_say() {
    let head = [
        "keys accepted with",
        "clientId in use",
        "accepted since the start by",
        "refused by",
        "person",
        "the refusal is evidence against",
    ];
    let rows = table(PAGE, "Refused API keys and the clientId", head);
    assert!(rows.len() > 10);
    for row @ [accepted, used, by, refused_by, person, expected] in rows {
        let mut world = accepted_with(accepted, refused_by);
        let mut known = AcceptedClientId::default();
        match by {
            "-" => false,
            "cloud" => known.accept(client_id_version(used), Origin::Cloud),
            host => known.accept(client_id_version(used), Origin::SelfHosted(host.parse().expect("a host"))),
        };
        world.client_id = known.view(client_id_version(used));
        world.tenancy.keys = Tenancy::refusing().keys;
        if person == "yes" {
            world.requested_at = Some("now".to_owned());
        }
        for _ in 0..3 {
            world.wait(31 * MINUTE);
            world.visit();
        }
        let accused = world.ready_reason() == "False/CredentialsRejected";
        assert_eq!(if accused { "the keys" } else { "the clientId" }, expected, "{row:?}");
    }
}

/// The name of a row of the page, and what is arranged for it: a fleet, and what happens to it.
type Row = (&'static str, fn() -> Herd);

const ROWS: &[Row] = &[
    ("the clientId is replaced by a wrong one", || cloud(34).then(Herd::use_wrong_client_id)),
    ("the same, with one link", || cloud(1).then(Herd::use_wrong_client_id)),
    ("the operator restarts with a wrong clientId", || {
        cloud(12).then(Herd::use_wrong_client_id).then(Herd::restart)
    }),
    ("the clientId is wrong for three hours", || {
        let broken = cloud(12).then(Herd::use_wrong_client_id);
        broken.after(3 * 60, |herd| herd.client_id = "good")
    }),
    ("the clientId is replaced by another good one", || cloud(12).then(|herd| herd.client_id = "as good")),
    ("a wrong clientId, and self-hosted servers that accept any", || {
        cloud(8).with(self_hosted_links("psa.example.com", 4)).then(Herd::use_wrong_client_id)
    }),
    ("ConnectWise disables the clientId", || cloud(34).then(refuse_all)),
    ("the same, with an interval of 24 h", || daily(34).then(refuse_all)),
    ("every role loses a permission", || {
        cloud(12).then(|herd| herd.answer(.., &super::rules::lacking("Contacts")))
    }),
    ("three links lose their API keys", || cloud(34).then(|herd| herd.answer(..3, &Tenancy::refusing()))),
    ("six links lose their API keys", || cloud(34).then(|herd| herd.answer(..6, &Tenancy::refusing()))),
    ("twelve links lose their API keys", || cloud(34).then(|herd| herd.answer(..12, &Tenancy::refusing()))),
    ("twelve links lose their API keys, one gets them back", || {
        let broken = cloud(34).then(|herd| herd.answer(..12, &Tenancy::refusing()));
        broken.after(3 * 60, |herd| herd.answer(11..12, &Tenancy::good()))
    }),
    ("twelve links lose their API keys, a person asks for one", || {
        let broken = cloud(34).then(|herd| herd.answer(..12, &Tenancy::refusing()));
        broken.after(3 * 60, |herd| herd.ask_for(11))
    }),
    ("four links lose their API keys, all others are suspended", || {
        cloud(24).then(|herd| herd.suspend(4..)).then(|herd| herd.answer(..4, &Tenancy::refusing()))
    }),
    ("a tenant's 20 links and one of another tenant lose their API keys", || {
        let namespaces = [("tenant", 20), ("other", 1), ("team", 6)];
        let worlds =
            namespaces.iter().flat_map(|(namespace, links)| (0..*links).map(|_| in_namespace(namespace)));
        Herd::of(worlds.collect()).then(|herd| herd.answer(..21, &Tenancy::refusing()))
    }),
    ("the name server answers private addresses for the cloud", || {
        let private = Tenancy { company: CompanyAnswer::PrivateAddress, ..Tenancy::good() };
        cloud(11).then(|herd| herd.answer(.., &private))
    }),
    ("no host name resolves", || {
        cloud(11).then(|herd| herd.answer(.., &Tenancy::out(Inconclusive::NoSuchName)))
    }),
    ("no certificate is trusted", || {
        cloud(11).then(|herd| herd.answer(.., &Tenancy::out(Inconclusive::BadCertificate)))
    }),
    ("the certificate of one server is not trusted", || {
        cloud(11).then(|herd| herd.answer(..1, &Tenancy::out(Inconclusive::BadCertificate)))
    }),
    ("the operator restarts without --allow-site", || {
        Herd::of(self_hosted_links("psa.example.com", 11)).then(Herd::lose_allow_site).then(Herd::restart)
    }),
    ("the same, with one link", || {
        Herd::of(self_hosted_links("psa.example.com", 1)).then(Herd::lose_allow_site).then(Herd::restart)
    }),
    ("the same, with acknowledged links", || {
        let links = self_hosted_links("psa.example.com", 11).into_iter().map(World::by_portal);
        Herd::of(links.collect()).then(Herd::lose_allow_site).then(Herd::restart)
    }),
    ("the operator restarts with another --allow-company", || {
        cloud(11).then(Herd::lose_allow_company).then(Herd::restart)
    }),
    ("no company is known any more", || {
        let unknown = Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() };
        cloud(11).then(|herd| herd.answer(.., &unknown))
    }),
    ("the operator restarts with another --installation-id", || {
        cloud(11).then(Herd::take_another_installation_id).then(Herd::restart)
    }),
    ("every link is missing at Petra", || cloud(11).then(|herd| herd.lose_at_petra(11))),
    ("two links are missing at Petra", || cloud(11).then(|herd| herd.lose_at_petra(2))),
];

fn cloud(links: usize) -> Herd {
    Herd::of((0..links).map(|_| World::new()).collect())
}

fn in_namespace(namespace: &str) -> World {
    let mut world = World::new();
    namespace.clone_into(&mut world.key.namespace);
    world
}

fn daily(links: usize) -> Herd {
    let daily = |mut world: World| {
        world.spec.interval = Some("24h".to_owned());
        world
    };
    Herd::of((0..links).map(|_| daily(World::new())).collect())
}

fn self_hosted_links(host: &str, links: usize) -> Vec<World> {
    (0..links).map(|_| self_hosted(host)).collect()
}

fn refuse_all(herd: &mut Herd) {
    herd.answer(.., &Tenancy::refusing());
}

#[test]
fn every_fleet_of_the_page_ends_as_the_page_says() {
    let rows = table(PAGE, "What comes of it", ["what happens", "links", "after 1 h", "after 1 d"]);
    let named: Vec<_> = rows.iter().map(|[name, ..]| *name).collect();
    let arranged: Vec<_> = ROWS.iter().map(|(name, _)| *name).collect();
    let mut seen = Vec::new();
    for (name, arrange) in ROWS {
        let mut herd = arrange();
        let links = herd.links().to_string();
        herd.run(60 * MINUTE);
        let hour = herd.census();
        herd.run(23 * 60 * MINUTE);
        seen.push(format!("| {name} | {links} | {hour} | {} |", herd.census()));
    }
    let written: Vec<_> = rows.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
    assert_eq!(seen, written, "\n{}\n", seen.join("\n"));
    assert_eq!(arranged, named);
}
