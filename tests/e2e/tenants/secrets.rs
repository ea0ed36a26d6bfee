//! Secrets as nobody should make them.

use cwlink::connectwise::Keys;
use harness::{Result, Status};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::stage::{Stage, cluster};
use harness::admin_api as api;

/// What a Secret holds, in base64 as the API takes any bytes, and what is said of it; nothing where it is good.
fn cases() -> Vec<(&'static str, Value, Option<&'static str>)> {
    let keys =
        |public: &[u8], private: &[u8]| json!({"publicKey": base64(public), "privateKey": base64(private)});
    let (public, private) = (b"acme-public".as_slice(), b"CANARY-acme-private".as_slice());
    let mut crowded = keys(public, private);
    for nth in 0..400 {
        crowded[format!("other-{nth}")] = json!(base64(b"CANARY-of-somebody-else"));
    }
    let mut heavy = keys(public, private);
    // With the two keys and their names, a little less than the mebibyte that the API server takes.
    heavy["ballast"] = json!(base64(&vec![b'x'; (1 << 20) - 64]));
    vec![
        (
            "with-nul",
            keys(public, b"CANARY-acme\0private"),
            Some("`privateKey` contains a line break or another control"),
        ),
        (
            "with-crlf",
            keys(b"acme\r\npublic", private),
            Some("`publicKey` contains a line break or another control"),
        ),
        ("not-text", keys(public, b"CANARY-\xff\xfe"), Some("`privateKey` is not text")),
        ("one-large-key", keys(public, &vec![b'k'; 900_000]), Some("`privateKey` is longer than 256 bytes")),
        (
            "a-byte-too-long",
            keys(public, &[b'k'; Keys::MAX_BYTES + 1]),
            Some("`privateKey` is longer than 256 bytes"),
        ),
        ("blank", keys(public, b" \r\n\t "), Some("`privateKey` is empty")),
        ("absent", json!({"public": base64(public)}), Some("`publicKey` is missing")),
        ("colon", keys(b"acme:public", private), Some("`publicKey` contains a colon")),
        ("crowded", crowded, None),
        ("heavy", heavy, None),
        ("padded", keys(b"\n acme-public\r\n", b"\tCANARY-acme-private\n\n"), None),
    ]
}

fn base64(bytes: &[u8]) -> String {
    serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()))
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .expect("bytes have a base64")
}

#[test]
fn odd_secrets_are_named_by_field_and_fault_and_large_ones_work() -> Result<()> {
    let stage = Stage::set("tenant-secrets")?;
    stage.linked("acme", |link| link)?;
    let path = format!("{}/secrets", api::namespace(&stage.namespace));
    for (name, data, fault) in cases() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data});
        cluster().api().create(&path, secret.to_string())?;
        let spec = json!({"spec": {"credentialsSecretRef": {"name": name}}});
        stage.cluster.patch(&stage.namespace, "acme", &spec)?;
        let is_judged = |status: &Status| match fault {
            Some(fault) => {
                status.is("Ready", "False", "SecretInvalid") && status.message("Ready").contains(fault)
            }
            None => status.is("Ready", "True", "Linked") && status.text("/inputs/secretName") == name,
        };
        let status = stage.cluster.wait_until(&stage.namespace, "acme", name, is_judged)?;
        assert!(!status.to_string().contains("CANARY"), "{status}");
        assert_ne!(status.state("AuthFailed"), "True", "nobody was asked, so nobody refused: {status}");
    }
    stage.wait_for("acme", LINKED[0])?;
    // A name is part of a path at the API server.
    for name in [
        "../secrets/acme-keys",
        "acme-keys/..",
        "acme-keys?x=y",
        "acme-keys#",
        "..",
        "Acme-Keys",
        " acme-keys",
    ] {
        let spec = json!({"spec": {"credentialsSecretRef": {"name": name}}});
        stage.cluster.patch(&stage.namespace, "acme", &spec)?;
        let refused = stage.wait_for("acme", ("Ready", "False", "SpecInvalid"))?;
        assert!(refused.message("Ready").contains("spec.credentialsSecretRef.name"), "{refused}");
    }
    let links = stage.sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    let log = stage.operator.log();
    assert!(!log.contains("CANARY"), "a key is in the log");
    Ok(())
}
