//! The published timetable, as ConnectWise sees it.

use std::time::Duration;

use cwlink::timings::Timings;
use harness::simulators::{Effect, Rule, Service};
use harness::{Link, Result, wait_for};
use serde_json::json;

use crate::ledger::{COMPANYINFO, MY_SECURITY};
use crate::linked::{RARELY, private_key};
use crate::stage::{SPEED, Stage};

/// How ConnectWise answers while it is out.
const OUT: u16 = 503;

/// How often a link is looked at.
struct Pace {
    company: &'static str,
    /// The one request that every look makes.
    route: &'static str,
    /// The answer by which a look is known, where others came before.
    answer: Option<u16>,
    /// From one look to the next, before chance shortens or lengthens it.
    delays: Vec<Duration>,
}

impl Pace {
    /// When ConnectWise was asked, in milliseconds.
    fn looks(&self, stage: &Stage) -> Vec<u64> {
        let log = stage.sims.counts().log();
        let of_company = log.iter().filter(|it| it.company.as_deref() == Some(self.company));
        let on_route = of_company.filter(|it| it.route == self.route);
        let looks = on_route.filter(|it| self.answer.is_none() || it.status == self.answer);
        looks.map(|it| it.at_ms).collect()
    }
}

#[test]
fn links_are_looked_at_by_the_published_timetable() -> Result<()> {
    let stage = Stage::set("timetable")?;
    let out = |company| Rule::on(Service::ConnectWise, Effect::Html { status: OUT }).company(company);
    let order = |rule| stage.sims.faults().add(rule).expect("the rule can be carried out");
    // Its routine check meets the outage, and the verdict is held long enough to see the longest delay.
    stage.linked("bravo", |link| link.field("interval", json!("20m")))?;
    order(out("bravo"));
    order(out("delta"));
    stage.apply_link("delta", |link| link)?;
    stage.apply_link("acme", |link| link.field("serviceBoard", json!("Nowhere")))?;
    stage.apply_link("charlie", |link| link.field("interval", json!(RARELY)))?;
    stage.apply_keys("golf", &private_key("golf"))?;
    let nobody =
        Link::new("golf", &stage.sims).company("nobody").site(&stage.sims.host("psa.golf.localhost"));
    stage.cluster.apply(&stage.namespace, &nobody.yaml())?;

    let Timings { floor, recheck, refused, retry, retry_max, held_retry, held_retry_max, jitter, .. } =
        Timings::scaled(SPEED);
    let doubling = |first: Duration, most: Duration, count| -> Vec<_> {
        (0..count).map(|nth| (first * 2_u32.pow(nth)).min(most).max(floor)).collect()
    };
    let paces = [
        // A board and a role that somebody has to fix.
        Pace { company: "acme", route: COMPANYINFO, answer: None, delays: vec![recheck; 8] },
        Pace { company: "charlie", route: MY_SECURITY, answer: None, delays: vec![recheck; 8] },
        // A company that ConnectWise does not know.
        Pace {
            company: "nobody",
            route: COMPANYINFO,
            answer: None,
            delays: doubling(refused, Duration::MAX, 3),
        },
        // An outage without a verdict, and with one that is held.
        Pace {
            company: "delta",
            route: COMPANYINFO,
            answer: Some(OUT),
            delays: doubling(retry, retry_max, 7),
        },
        Pace {
            company: "bravo",
            route: MY_SECURITY,
            answer: Some(OUT),
            delays: doubling(held_retry, held_retry_max, 6),
        },
    ];
    wait_for("all are looked at often enough", || {
        let short = paces.iter().find(|pace| pace.looks(&stage).len() <= pace.delays.len());
        short.map_or(Ok(()), |pace| Err(format!("{} is not yet", pace.company)))
    })?;
    for pace in &paces {
        let looks = pace.looks(&stage);
        let gaps: Vec<_> = looks.windows(2).map(|pair| Duration::from_millis(pair[1] - pair[0])).collect();
        for (gap, delay) in gaps.iter().zip(&pace.delays) {
            // The simulator counts whole milliseconds.
            let least = delay.mul_f64(1.0 - jitter).saturating_sub(Duration::from_millis(2));
            assert!(*gap >= least, "{}: {gaps:?} instead of {:?}", pace.company, pace.delays);
        }
    }
    // Nor too seldom: whoever comes every minute comes far oftener than each fifth of those fifteen in which another one
    // came after five and ten.
    let [first, .., last] = paces[2].looks(&stage)[..3] else { unreachable!("three of them") };
    for pace in &paces[..2] {
        let meanwhile = pace.looks(&stage).into_iter().filter(|at| (first..last).contains(at)).count();
        assert!(meanwhile >= 5, "{}: {meanwhile} looks in fifteen minutes", pace.company);
    }
    Ok(())
}
