//! companyinfo, hosts and certificates.

use serde_json::{Value, json};
use simulators::scenario::SiteUrl;
use simulators::tls::CertificateKind;
use simulators::world::{CompanyChange, SiteChange};

use crate::client::{CLOUD, CLOUD_API, ON_PREMISE, Run, json_of};

async fn info(run: &Run, host: &str, company: &str) -> Value {
    let path = format!("/login/companyinfo/{company}");
    json_of(run.get(host, &path).send().await.expect("an answer comes")).await
}

#[tokio::test]
async fn companyinfo_names_the_api_host_with_the_port_and_needs_no_keys() {
    let run = Run::start().await;
    let port = run.simulators.connectwise_port();
    let expected = json!({
        "CompanyName": "Acme Managed Services",
        "Codebase": "v2025_1/",
        "VersionCode": "v2025.1",
        "VersionNumber": "v2025.1.113045",
        "CompanyID": "acme",
        "IsCloud": true,
        "SiteUrl": format!("api-na.myconnectwise.localhost:{port}"),
    });
    assert_eq!(info(&run, CLOUD, "acme").await, expected);
}

#[tokio::test]
async fn a_company_is_found_in_any_case_and_shown_in_its_canonical_spelling() {
    let run = Run::start().await;
    assert_eq!(info(&run, "mycompany.connectwise.localhost", "FOXTROT").await["CompanyID"], "Foxtrot");
    assert_eq!(info(&run, CLOUD_API, "foxtrot").await["CompanyID"], "Foxtrot");
}

#[tokio::test]
async fn a_company_may_have_another_name_than_its_login_company() {
    let run = Run::start().await;
    let change = CompanyChange { canonical_id: Some("CW".to_owned()), ..CompanyChange::default() };
    run.simulators.world().change_company("foxtrot", change).expect("the company is there");
    assert_eq!(info(&run, CLOUD, "foxtrot").await["CompanyID"], "CW");
    assert_eq!(info(&run, CLOUD, "CW").await, Value::Null, "nobody logs in to that name");
}

#[tokio::test]
async fn an_unknown_company_is_200_null_and_so_is_one_of_another_site() {
    let run = Run::start().await;
    let response = run.get(CLOUD, "/login/companyinfo/nobody").send().await.expect("an answer comes");
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.expect("the body is text"), "null");
    assert_eq!(info(&run, CLOUD, "golf").await, Value::Null);
    assert_eq!(info(&run, ON_PREMISE, "golf").await["IsCloud"], false);
}

#[tokio::test]
async fn site_url_can_be_absent_or_any_text() {
    let run = Run::start().await;
    assert_eq!(info(&run, CLOUD, "delta").await.get("SiteUrl"), None);
    let hostile = SiteUrl::Text("evil.example".to_owned());
    let change = CompanyChange { site_url: Some(hostile), ..CompanyChange::default() };
    run.simulators.world().change_company("delta", change).expect("the company is there");
    assert_eq!(info(&run, CLOUD, "delta").await["SiteUrl"], "evil.example");
}

#[tokio::test]
async fn a_renamed_company_is_unknown_under_its_old_name() {
    let run = Run::start().await;
    let change = CompanyChange { id: Some("echo2".to_owned()), ..CompanyChange::default() };
    run.simulators.world().change_company("echo", change).expect("the company is there");
    assert_eq!(info(&run, CLOUD, "echo").await, Value::Null);
    assert_eq!(info(&run, CLOUD, "echo2").await["CompanyID"], "echo2");
}

#[tokio::test]
async fn a_name_that_no_site_has_gets_no_certificate() {
    let run = Run::start().await;
    let error = run.get("other.localhost", "/login/companyinfo/acme").send().await.expect_err("no such host");
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn a_host_can_show_a_bad_certificate_of_each_kind() {
    for kind in [CertificateKind::Expired, CertificateKind::OtherName, CertificateKind::SelfSigned] {
        let run = Run::start().await;
        let change = SiteChange { certificate: Some(kind), ..SiteChange::default() };
        run.simulators.world().change_site(CLOUD, change).expect("the site is there");
        let error =
            run.get(CLOUD, "/login/companyinfo/acme").send().await.expect_err("the certificate is bad");
        assert!(error.is_connect(), "{kind:?}: {error:?}");
        assert_eq!(info(&run, CLOUD_API, "acme").await["CompanyID"], "acme", "{kind:?} is for one host only");
    }
}
