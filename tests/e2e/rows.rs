//! Every row of the design's condition table, reached from outside: a spec, a Secret, a tenant and a Petra are arranged,
//! and the real operator says in `status` what the row says.

#[path = "../data/condition_rows.rs"]
mod condition_rows;
mod connectwise;
mod early;
mod gallery;
mod ownership;
mod petra;
mod rights;
mod scene;
mod suspend;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use harness::{Error, OperatorOptions, Result, Rights, Sims};
use serde_json::json;

use crate::stage::SPEED;
use condition_rows::{assert_each_row_is_arranged_once, condition_rows};
use scene::{Actor, Scene};
pub use scene::{host_name, scenario};
use table::{ARRANGEMENTS, Arrangement, COMPANY_NOT_ALLOWED, UNREACHED};

/// A row: what is arranged, and the five columns of the table.
struct Row {
    /// As in the data file.
    name: &'static str,
    /// The operator that it takes.
    setting: Setting,
    expected: [&'static str; 5],
    arrange: fn(&Actor) -> Result<()>,
}

/// How the operator is configured. Rows of one setting are played at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    /// With Petra, the shipped Role, and a profiles file.
    Common,
    /// Without `--petra-url`.
    WithoutPetra,
    /// Petra refuses the operator's key.
    WrongPetraKey,
    /// Petra's server has no link routes.
    PetraWithoutContract,
    /// Petra goes away while a row is played, for everybody.
    PetraOut,
    /// The right to get other Secrets than those of the rows, and to list none.
    NamedSecretsAlone,
}

impl Row {
    /// The name as Kubernetes, DNS and ConnectWise allow it.
    fn slug(&self) -> String {
        let letters = self.name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let words: Vec<_> = letters.split('-').filter(|word| !word.is_empty()).collect();
        let mut slug = words.join("-");
        // A company has at most 64 characters, and some names get a prefix.
        slug.truncate(48);
        slug.trim_end_matches('-').to_owned()
    }
}

/// Every row that is arranged, with its columns.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    // `GuideV1` has an Allow list, which the API does not show.
    let columns: BTreeMap<_, _> = condition_rows("False/GrantedAsFarAsVisible").into_iter().collect();
    let row = |&(name, setting, arrange): &Arrangement| {
        Some(Row { name, setting, expected: *columns.get(name)?, arrange })
    };
    ARRANGEMENTS.iter().filter_map(row).collect()
});

fn rows_of(setting: Setting) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| row.setting == setting).collect()
}

/// Plays the rows of a setting in a namespace of this name.
fn play(setting: Setting, namespace: &str) -> Result<()> {
    let rows = rows_of(setting);
    let prepare = |sims: &Sims| match setting {
        Setting::PetraWithoutContract => sims.petra().set(&json!({"hasContract": false})),
        _ => Ok(()),
    };
    let scene = Scene::set(&options(setting, namespace)?, &rows, prepare)?;
    let failures = scene.play(&rows);
    if setting == Setting::PetraWithoutContract {
        assert_eq!(scene.sims().petra_requests(Some("PUT"), None), 0, "no key is sent where nobody takes it");
    }
    assert!(failures.is_empty(), "{} of {} rows:\n{}", failures.len(), rows.len(), failures.join("\n"));
    Ok(())
}

fn options(setting: Setting, namespace: &str) -> Result<OperatorOptions> {
    let mut options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) };
    let profiles = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("profiles-{namespace}.yaml"));
    fs::write(&profiles, petra::PROFILES).map_err(|source| Error::Io {
        action: "writing",
        path: profiles.clone(),
        source,
    })?;
    options.extra_args.push(format!("--profiles={}", profiles.display()));
    match setting {
        Setting::Common => {
            options.extra_args.push(format!("--allow-site={}", connectwise::NOWHERE));
            let allowed = rows_of(setting).into_iter().filter(|row| row.name != COMPANY_NOT_ALLOWED);
            options.extra_args.extend(allowed.map(|row| format!("--allow-company={}", row.slug())));
        }
        Setting::WithoutPetra => options.petra = false,
        Setting::WrongPetraKey => options.petra_key = Some("not-the-key".to_owned()),
        Setting::PetraWithoutContract | Setting::PetraOut => {}
        Setting::NamedSecretsAlone => {
            options.rights = Rights::NamedSecrets(vec!["another-secret".to_owned()]);
            options.extra_args.push("--watch-secrets=false".to_owned());
        }
    }
    Ok(options)
}

#[test]
fn rows_of_a_common_operator_are_reached() -> Result<()> {
    play(Setting::Common, "rows")
}

#[test]
fn rows_of_an_operator_without_petra_are_reached() -> Result<()> {
    play(Setting::WithoutPetra, "rows-without-petra")
}

#[test]
fn rows_of_an_operator_whose_petra_key_is_refused_are_reached() -> Result<()> {
    play(Setting::WrongPetraKey, "rows-wrong-key")
}

#[test]
fn rows_of_a_petra_without_link_routes_are_reached() -> Result<()> {
    play(Setting::PetraWithoutContract, "rows-no-contract")
}

#[test]
fn rows_of_a_petra_that_goes_away_are_reached() -> Result<()> {
    play(Setting::PetraOut, "rows-petra-out")
}

#[test]
fn rows_of_an_operator_that_may_not_read_a_secret_are_reached() -> Result<()> {
    play(Setting::NamedSecretsAlone, "rows-forbidden")
}

#[test]
fn every_row_of_the_data_file_is_reached_or_says_why_not() {
    let reached = ARRANGEMENTS.iter().map(|(name, ..)| *name);
    let unreached = UNREACHED.iter().map(|(name, _)| *name);
    assert_each_row_is_arranged_once(reached.chain(unreached), "tests/e2e/rows/table.rs");
    let slugs: BTreeSet<_> = ROWS.iter().map(Row::slug).collect();
    assert_eq!(slugs.len(), ARRANGEMENTS.len(), "two rows would share a link");
}
