//! What every request passes before a service sees it: it is counted, its fate is decided, then it is delivered.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, header};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;

use crate::connectwise;
use crate::counts::{Arrival, Counts, Service};
use crate::faults::{Ending, Fate, Faults, Subject, instead, truncated, twice};
use crate::gate::{Gate, NoAnswer, Passage};
use crate::tls::ResetSwitch;

/// The largest request body that is taken; requests of this field are small.
const BODY_LIMIT: usize = 1 << 20;

/// A service with what stands before it.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) service: Service,
    pub(crate) router: Router,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    pub(crate) latency: Duration,
    /// What a request has to pass before it counts as arrived.
    pub(crate) gate: Option<Arc<dyn Gate>>,
}

impl Front {
    /// Answers one request.
    ///
    /// # Errors
    /// [`NoAnswer`] where the connection is to end instead.
    pub(crate) async fn handle<B>(self, request: Request<B>, reset: ResetSwitch) -> Result<Response, NoAnswer>
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| NoAnswer)?.to_bytes();
        let request = Request::from_parts(parts, body);
        let Some(gate) = self.gate.clone() else { return self.admit(request, reset).await };
        let forward = move |request| {
            let (front, reset) = (self.clone(), reset.clone());
            Box::pin(front.admit(request, reset)) as Passage
        };
        gate.pass(request, Arc::new(forward)).await
    }

    async fn admit(self, request: Request<Bytes>, reset: ResetSwitch) -> Result<Response, NoAnswer> {
        let (parts, body) = request.into_parts();
        let arrival = self.arrival(&parts, &body);
        let fate = self.faults.fate(&Subject {
            service: self.service,
            host: &arrival.host,
            method: &arrival.method,
            path: parts.uri.path(),
            company: arrival.company.as_deref(),
        });
        let under_way = self.counts.arrived(arrival);
        let latency = self.latency + fate.latency;
        // No await between the count and a held request's own task: whoever saw it counted may go, it is on its way.
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let answer = self.deliver(parts, body, fate, &reset).await?;
        under_way.answered(answer.status().as_u16());
        Ok(answer)
    }

    async fn deliver(
        self,
        parts: Parts,
        body: Bytes,
        fate: Fate,
        reset: &ResetSwitch,
    ) -> Result<Response, NoAnswer> {
        let request = Request::from_parts(parts, Body::from(body));
        match fate.ending {
            Ending::Hang => std::future::pending().await,
            Ending::Reset => {
                reset.arm();
                Err(NoAnswer)
            }
            Ending::Instead(effect) => {
                tokio::time::sleep(fate.hold).await;
                instead(&effect, request.uri()).map_err(|error| {
                    tracing::error!(%error, "a fault could not be carried out");
                    NoAnswer
                })
            }
            Ending::AsUsual => self.ask(request, fate.hold).await,
            Ending::Truncate(keep) => Ok(truncated(self.ask_whole(request, fate.hold).await?, keep)),
            Ending::Twice(key, value) => Ok(twice(self.ask_whole(request, fate.hold).await?, &key, &value)),
        }
    }

    /// Lets the service answer, and waits for the whole body.
    async fn ask_whole(self, request: Request<Body>, hold: Duration) -> Result<Response<Bytes>, NoAnswer> {
        let (parts, body) = self.ask(request, hold).await?.into_parts();
        let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Lets the service answer. A held request goes on in a task of its own: it arrives although its client has gone.
    async fn ask(self, request: Request<Body>, hold: Duration) -> Result<Response, NoAnswer> {
        let call = self.router.oneshot(request);
        let answer: Result<Response, Infallible> = if hold.is_zero() {
            call.await
        } else {
            let late = async move {
                tokio::time::sleep(hold).await;
                call.await
            };
            tokio::spawn(late).await.map_err(|_| NoAnswer)?
        };
        answer.map_err(|never| match never {})
    }

    fn arrival(&self, parts: &Parts, body: &[u8]) -> Arrival {
        let (route, company) = match self.service {
            Service::ConnectWise => connectwise::identify(parts),
            Service::Petra => (petra_route(parts.uri.path()), company_in(body)),
        };
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Arrival {
            service: self.service,
            method: parts.method.to_string(),
            host: connectwise::host_of(parts).to_owned(),
            route,
            company: company.map(|company| company.to_ascii_lowercase()),
            agent: agent.and_then(|agent| agent.split(['/', ' ']).next()).map(str::to_owned),
        }
    }
}

/// Petra's routes with the link id as a placeholder.
fn petra_route(path: &str) -> String {
    const LINKS: &str = "/v1/integrations/connectwise";
    match path.strip_prefix(LINKS) {
        Some(rest) if rest.len() > 1 => format!("{LINKS}/{{linkId}}"),
        Some(_) => LINKS.to_owned(),
        None if ["/v1/tenants", "/v1/usage", "/v1/incidents"].contains(&path) => path.to_owned(),
        None => "other".to_owned(),
    }
}

/// The company that a body to Petra is about; nothing else is taken from it.
fn company_in(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct About {
        company_id: String,
    }
    serde_json::from_slice::<About>(body).ok().map(|about| about.company_id)
}
