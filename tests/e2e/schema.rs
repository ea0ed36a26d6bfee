//! What the API server refuses by the schema alone, and in which words. No operator is needed for that.

use harness::{Cluster, Link, Result, Sims};
use serde_json::{Value, json};

use crate::stage::cluster;

/// A namespace in which no operator works.
fn unwatched(namespace: &str) -> Result<(&'static Cluster, Sims)> {
    let cluster = cluster();
    cluster.create_namespace(namespace)?;
    Ok((cluster, Sims::start_demo()?))
}

/// What the API server says to a manifest, without storing it; empty where it takes it.
fn refusal(cluster: &Cluster, link: &Link) -> Result<String> {
    let output = cluster.try_kubectl(&["create", "--dry-run=server", "--filename=-"], Some(&link.yaml()))?;
    assert_eq!(output.success, output.stderr.is_empty(), "{output:?}");
    Ok(output.stderr)
}

fn invalid(field_and_message: &str) -> String {
    format!("The ConnectWiseLink \"acme\" is invalid: {field_and_message}")
}

#[test]
fn refusals_are_sentences_that_say_what_is_allowed() -> Result<()> {
    let (cluster, sims) = unwatched("refusals")?;
    let link = || Link::new("acme", &sims);
    let company = "companyId must begin with a letter or digit and contain only printable ASCII characters, no white \
                   space and none of + : / ? # @ % \\";
    let form = "interval must be a duration of hours, minutes and seconds, such as 30m or 1h30m";
    let bounds = "interval must be between 5m and 24h";
    for (link, expected) in [
        (link().company("a b"), format!("spec.companyId: Invalid value: \"a b\": {company}")),
        (link().field("interval", json!("1d")), format!("spec.interval: Invalid value: \"1d\": {form}")),
        (link().field("interval", json!("4m")), format!("spec.interval: Invalid value: \"4m\": {bounds}")),
        (link().field("interval", json!("25h")), format!("spec.interval: Invalid value: \"25h\": {bounds}")),
        (
            link().adopt_from("unowned"),
            "spec: Invalid value: registration.adoptFrom requires an explicit deletionPolicy".to_owned(),
        ),
        (
            link().adopt_from("unowned").mode("Portal").field("deletionPolicy", json!("Orphan")),
            "spec: Invalid value: registration.adoptFrom requires registration.mode Api: in mode Portal a person saves \
             the link"
                .to_owned(),
        ),
        (
            link().secret(""),
            "spec.credentialsSecretRef.name: Invalid value: \"\": spec.credentialsSecretRef.name in body should be at \
             least 1 chars long"
                .to_owned(),
        ),
    ] {
        assert_eq!(refusal(cluster, &link)?, invalid(&expected));
    }
    Ok(())
}

#[test]
fn values_outside_their_bounds_are_refused_and_those_at_bounds_work() -> Result<()> {
    let (cluster, sims) = unwatched("bounds")?;
    let link = || Link::new("acme", &sims);
    let company = |text: &str| link().company(text);
    let interval = |text: &str| link().field("interval", json!(text));
    let longest = "a".repeat(64);
    for taken in [
        company("0"),
        company("Acme_1.2-3!"),
        company(&longest),
        link().site(&"a".repeat(255)),
        interval("5m"),
        interval("300s"),
        interval("24h"),
        interval("23h59m60s"),
        link().adopt_from("unowned").field("deletionPolicy", json!("Orphan")),
        link().adopt_from("unowned").mode("Api").field("deletionPolicy", json!("Orphan")),
    ] {
        assert_eq!(refusal(cluster, &taken)?, "", "{taken:?}");
    }
    let too_long = format!("{longest}a");
    let companies = [
        "", "-a", ".a", "a+b", "a:b", "a/b", "a?b", "a#b", "a@b", "a%b", "a\\b", "a\tb", "ä", "aä", &too_long,
    ];
    let intervals =
        ["", "30", "m", "4m59s", "24h1s", "1.5h", "-5m", "5m ", "1d", "1000000m", "999999h999999h"];
    for (field, refused) in companies
        .map(|text| ("companyId", company(text)))
        .into_iter()
        .chain(intervals.map(|text| ("interval", interval(text))))
    {
        let said = refusal(cluster, &refused)?;
        assert!(said.contains(&format!("spec.{field}: ")), "{refused:?}: {said}");
        // The words of a parser are for nobody.
        assert!(!said.contains("duration") || said.contains("interval must be a duration of"), "{said}");
    }
    Ok(())
}

/// By field, how a text of this length is put there, and the longest that there may be.
type Bound = (&'static str, fn(Link, &str) -> Link, usize);

const BOUNDS: [Bound; 7] = [
    ("companyId", |link, text| link.company(text), 64),
    ("siteUrl", |link, text| link.site(text), 255),
    ("credentialsSecretRef.name", |link, text| link.secret(text), 253),
    ("permissionProfile", |link, text| link.field("permissionProfile", json!(text)), 63),
    ("serviceBoard", |link, text| link.field("serviceBoard", json!(text)), 100),
    ("registration.acknowledged", |link, text| link.field("registration", json!({"acknowledged": text})), 64),
    ("registration.adoptFrom", |link, text| link.field("registration", json!({"adoptFrom": text})), 640),
];

#[test]
fn every_text_has_a_longest_length_that_is_taken_and_one_more_is_refused() -> Result<()> {
    let (cluster, sims) = unwatched("lengths")?;
    for (field, put, longest) in BOUNDS {
        let link = || Link::new("acme", &sims).field("deletionPolicy", json!("Orphan"));
        assert_eq!(refusal(cluster, &put(link(), &"a".repeat(longest)))?, "", "{field} of {longest}");
        for (text, words) in [
            (
                "a".repeat(longest + 1),
                format!("spec.{field}: Too long: may not be more than {longest} bytes"),
            ),
            (
                String::new(),
                format!(
                    "spec.{field}: Invalid value: \"\": spec.{field} in body should be at least 1 chars long"
                ),
            ),
        ] {
            let said = refusal(cluster, &put(link(), &text))?;
            assert!(said.contains(&words), "{field} of {}: {said}", text.len());
        }
    }
    Ok(())
}

#[test]
fn a_field_that_there_is_not_is_named() -> Result<()> {
    let (cluster, sims) = unwatched("unknown-fields")?;
    for (link, field) in [
        (Link::new("acme", &sims).field("companyID", json!("acme")), "spec.companyID"),
        // Another namespace's Secret cannot even be named.
        (
            Link::new("acme", &sims)
                .field("credentialsSecretRef", json!({"name": "keys", "namespace": "other"})),
            "spec.credentialsSecretRef.namespace",
        ),
    ] {
        let said = refusal(cluster, &link)?;
        assert!(said.ends_with(&format!("strict decoding error: unknown field \"{field}\"")), "{said}");
    }
    Ok(())
}

#[test]
fn a_status_of_null_becomes_the_one_that_nobody_has_looked_at() -> Result<()> {
    let (cluster, sims) = unwatched("null-status")?;
    cluster.apply("null-status", &Link::new("acme", &sims).yaml())?;
    let unseen = json!({"observedGeneration": -1});
    for (kind, patch) in [
        ("merge", json!({"status": null})),
        ("json", json!([{"op": "replace", "path": "/status", "value": null}])),
        ("json", json!([{"op": "remove", "path": "/status"}])),
    ] {
        // Something to take away.
        patch_status(cluster, "null-status", "merge", &json!({"status": {"observedGeneration": 1}}))?;
        assert_eq!(*cluster.status("null-status", "acme")?.field("/observedGeneration"), 1);
        patch_status(cluster, "null-status", kind, &patch)?;
        assert_eq!(*cluster.status("null-status", "acme")?.value(), unseen, "{patch}");
    }
    Ok(())
}

#[test]
fn company_and_site_can_change_until_there_is_a_link_and_then_not() -> Result<()> {
    let namespace = "frozen";
    let (cluster, sims) = unwatched(namespace)?;
    cluster.apply(namespace, &Link::new("acme", &sims).company("acmee").yaml())?;
    let company = json!({"spec": {"companyId": "acme"}});
    let site = json!({"spec": {"siteUrl": "eu.myconnectwise.net"}});
    cluster.patch(namespace, "acme", &company)?;
    cluster.patch(namespace, "acme", &site)?;

    patch_status(cluster, namespace, "merge", &json!({"status": {"link": {"id": "cw-1"}}}))?;
    let frozen = invalid(
        "<nil>: Invalid value: companyId and siteUrl cannot change once the link exists: delete this resource and create \
         a new one",
    );
    for spec in [json!({"companyId": "bravo"}), json!({"siteUrl": "na.myconnectwise.net"})] {
        let patch = format!("--patch={}", json!({"spec": spec}));
        let patched = ["patch", "cwlink", "acme", "--namespace", namespace, "--type=merge", &patch];
        assert_eq!(cluster.try_kubectl(&patched, None)?.stderr, frozen);
    }
    let apply = ["apply", "--server-side", "--force-conflicts", "--namespace", namespace, "--filename=-"];
    let by_server = cluster.try_kubectl(&apply, Some(&Link::new("acme", &sims).company("bravo").yaml()))?;
    assert_eq!(by_server.stderr, frozen);
    let drafts = tempfile::tempdir().expect("a folder");
    let edited = cluster
        .kubectl_command()
        .args(["edit", "cwlink", "acme", "--namespace", namespace])
        .env("KUBE_EDITOR", "sed -i s/eu.myconnectwise.net/na.myconnectwise.net/")
        .env("TMPDIR", drafts.path())
        .output()
        .expect("kubectl runs");
    let said = String::from_utf8_lossy(&edited.stderr);
    assert!(!edited.status.success() && said.contains("no valid changes were saved"), "{said}");
    // One of the drafts that kubectl keeps is what the person saw when the editor opened again.
    let drafts =
        std::fs::read_dir(drafts.path()).expect("a folder").map(|draft| draft.expect("a file").path());
    let drafts: String = drafts.map(|draft| std::fs::read_to_string(draft).expect("a text")).collect();
    assert!(drafts.contains("companyId and siteUrl cannot change once the link exists"), "{drafts}");

    // The rest stays free, and so does the whole once the link is gone.
    cluster.patch(namespace, "acme", &json!({"spec": {"interval": "1h", "suspend": true}}))?;
    patch_status(cluster, namespace, "merge", &json!({"status": {"link": null}}))?;
    cluster.patch(namespace, "acme", &json!({"spec": {"companyId": "bravo"}}))?;
    Ok(())
}

#[test]
fn applying_the_same_twice_changes_nothing() -> Result<()> {
    let namespace = "twice";
    let (cluster, sims) = unwatched(namespace)?;
    // Everything that the schema might be tempted to fill in is absent, or is there.
    let bare = Link::new("bare", &sims).yaml();
    let full = Link::new("full", &sims)
        .mode("Portal")
        .acknowledged("00000000-00000000")
        .field("permissionProfile", json!("GuideV1"))
        .field("serviceBoard", json!("Help Desk"))
        .field("interval", json!("1h30m"))
        .field("suspend", json!(false))
        .field("deletionPolicy", json!("Unlink"))
        .yaml();
    for (name, yaml) in [("bare", bare), ("full", full)] {
        let apply = ["apply", "--namespace", namespace, "--filename=-"];
        cluster.kubectl(&apply, Some(&yaml))?;
        let again = cluster.kubectl(&apply, Some(&yaml))?;
        assert_eq!(again, format!("connectwiselink.integrations.petrasecurity.com/{name} unchanged"));
        cluster.kubectl(&["delete", "cwlink", name, "--namespace", namespace], None)?;

        cluster.apply_server_side(namespace, &yaml, "flux")?;
        // The default of status is added when a created object is read; the first write of any kind stores it.
        cluster.apply_server_side(namespace, &yaml, "flux")?;
        let version = |link: &Value| link["metadata"]["resourceVersion"].clone();
        let before = version(&cluster.link(namespace, name)?);
        cluster.apply_server_side(namespace, &yaml, "flux")?;
        assert_eq!(version(&cluster.link(namespace, name)?), before);
    }
    Ok(())
}

fn patch_status(cluster: &Cluster, namespace: &str, kind: &str, patch: &Value) -> Result<()> {
    let (kind, patch) = (format!("--type={kind}"), format!("--patch={patch}"));
    let arguments =
        ["patch", "cwlink", "acme", "--namespace", namespace, "--subresource=status", &kind, &patch];
    cluster.kubectl(&arguments, None).map(drop)
}
