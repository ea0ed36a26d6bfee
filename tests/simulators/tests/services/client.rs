//! A run of the demo scenario and an HTTP client that trusts its authority.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use simulators::{Options, Scenario, Simulators};

pub const CLOUD: &str = "na.myconnectwise.localhost";
pub const CLOUD_API: &str = "api-na.myconnectwise.localhost";
pub const ON_PREMISE: &str = "psa.golf.localhost";
pub const CLIENT_ID: &str = "8d3f0f0e-1111-4222-8333-944455556666";

/// Longer than anything takes that is going to happen at all.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Run {
    pub simulators: Simulators,
    pub http: Client,
}

impl Run {
    pub async fn start() -> Self {
        Self::with(Scenario::demo(), Options::default()).await
    }

    pub async fn with(scenario: Scenario, options: Options) -> Self {
        let simulators = Simulators::start(scenario, options).await.expect("the run starts");
        let http = client(simulators.ca_pem());
        Self { simulators, http }
    }

    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.simulators.connectwise_port())
    }

    pub fn get(&self, host: &str, path: &str) -> RequestBuilder {
        self.http.get(self.url(host, path))
    }

    /// A call with a company's good keys at the API host of its site.
    pub fn call(&self, company: &str, route: &str) -> RequestBuilder {
        let company_lower = company.to_ascii_lowercase();
        self.call_with(company, &format!("CANARY-{company_lower}-private"), route)
    }

    /// The same with another private key.
    pub fn call_with(&self, company: &str, private: &str, route: &str) -> RequestBuilder {
        let company_lower = company.to_ascii_lowercase();
        let (host, codebase) =
            if company_lower == "golf" { (ON_PREMISE, "v4_6_release") } else { (CLOUD_API, "v2025_1") };
        let user = format!("{company}+{company_lower}-public");
        self.get(host, &format!("/{codebase}/apis/3.0{route}"))
            .basic_auth(user, Some(private))
            .header("clientId", CLIENT_ID)
    }

    pub async fn json(&self, company: &str, route: &str) -> Value {
        let response = self.call(company, route).send().await.expect("an answer comes");
        assert_eq!(response.status(), StatusCode::OK, "{route}");
        response.json().await.expect("the body is JSON")
    }

    /// All ids or names of a list.
    pub async fn column(&self, company: &str, route: &str, name: &str) -> Vec<Value> {
        let rows = self.json(company, route).await;
        rows.as_array().expect("the body is a list").iter().map(|row| row[name].clone()).collect()
    }

    pub fn admin(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.simulators.admin_port())
    }

    /// Posts to the admin port and wants success.
    pub async fn change(&self, path: &str, body: Value) {
        let response = self.http.post(self.admin(path)).json(&body).send().await.expect("an answer comes");
        assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap_or_default());
    }
}

/// Status and body.
pub async fn outcome(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.expect("an answer comes");
    let status = response.status().as_u16();
    (status, response.text().await.expect("the body is text"))
}

pub async fn json_of(response: Response) -> Value {
    response.json().await.expect("the body is JSON")
}

pub fn client(ca_pem: &str) -> Client {
    // Another test may have been first; the provider is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = Certificate::from_pem(ca_pem.as_bytes()).expect("the authority is PEM");
    Client::builder()
        .tls_certs_only([ca])
        .dns_resolver(Arc::new(Loopback))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .user_agent("test-client/1.0")
        .build()
        .expect("the client can be built")
}

/// Every name is loopback; the port is that of the address.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}
