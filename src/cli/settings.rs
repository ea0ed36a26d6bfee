//! Flags, checked.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

use tracing_subscriber::EnvFilter;
use url::Url;

use super::args::RunArgs;
use super::environment::Environment;
use super::errors::SettingsErrors;
use super::files;
use crate::connectwise::CompanyId;
use crate::connectwise::profile::Profiles;
use crate::crd::{OperatorName, RegistrationMode};
use crate::dns_name;
use crate::logging::LogFormat;
use crate::secret_file::SecretFile;
use crate::timings::Timings;
use crate::upstream::allow::AllowList;
use crate::upstream::hosts::{Host, HostPort};
use crate::upstream::limits::Rates;
use crate::upstream::tls;
use crate::watch_scope::WatchNamespaces;

/// The settings of `cwlink run`, read and checked.
#[derive(Debug)]
pub struct Settings {
    /// Where links are registered; `None` without a configured server.
    pub petra: Option<Petra>,
    /// The operator's Petra key. Always there with [`Settings::petra`]; else it only proves the account.
    pub petra_key: Option<SecretFile>,
    /// How links are registered that do not say so themselves.
    pub registration: RegistrationMode,
    /// Whose links are looked at.
    pub watch_namespaces: WatchNamespaces,
    /// Whether the metadata of Secrets is watched.
    pub watch_secrets: bool,
    /// The operator's own namespace, where it is known.
    pub namespace: Option<String>,
    /// The name of this operator, the same for all of its replicas.
    pub operator: OperatorName,
    /// The Lease of the leader; `None` with `--leader-elect=false`.
    pub lease: Option<LeaseName>,
    /// This process, as events and the Lease name it.
    pub instance: String,
    /// The uid of the pod, where it is one and knows it.
    pub pod_uid: Option<String>,
    /// The clientId that goes with every ConnectWise call.
    pub connectwise_client_id: SecretFile,
    /// The hosts that may be called.
    pub allow: AllowList,
    /// The companies that may be linked; `None` for any.
    pub allow_companies: Option<BTreeSet<CompanyId>>,
    /// The permission profiles.
    pub profiles: Profiles,
    /// PEM certificates to trust besides the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Proxy for ConnectWise and Petra.
    pub egress_proxy: Option<Url>,
    /// Calls a minute.
    pub rates: Rates,
    /// Links that are looked at at the same time.
    pub concurrency: u16,
    /// Address of the admin port.
    pub admin_address: SocketAddr,
    /// Form of the log.
    pub log_format: LogFormat,
    /// What is logged, as it was typed.
    pub log_level: String,
    /// The cluster's configuration, where it was given.
    pub kubeconfig: Option<PathBuf>,
    /// All periods.
    pub timings: Timings,
}

/// The server that links are registered with, and who registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Petra {
    /// The server.
    pub host: HostPort,
    /// This installation's name there.
    pub installation: InstallationId,
}

/// Where the Lease of the leader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// The operator's own namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

/// The first part of every owner at Petra: 1 to 63 lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallationId(String);

impl InstallationId {
    /// Reads an installation id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=63).contains(&text.len()) && text.bytes().all(dns_name::is_label_byte);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Settings {
    /// Reads the files that the flags name, and checks everything.
    ///
    /// # Errors
    ///
    /// All that is wrong, each with its flag.
    pub fn check(args: RunArgs, environment: Environment) -> Result<Self, SettingsErrors> {
        let mut errors = SettingsErrors::default();
        let settings = Self::read(args, environment, &mut errors);
        match settings {
            Some(settings) if errors.is_empty() => Ok(settings),
            _ => Err(errors),
        }
    }

    /// `None` only when an error was added.
    fn read(args: RunArgs, environment: Environment, errors: &mut SettingsErrors) -> Option<Self> {
        let petra = petra(&args, errors);
        let registration = registration(&args, errors);
        let petra_key = args.petra_key_file.as_deref().and_then(|path| {
            let flag = "--petra-key-file";
            errors.take(flag, SecretFile::open(flag, path))
        });
        let connectwise_client_id = client_id(&args, errors);
        let sites: Vec<HostPort> = args
            .allow_site
            .iter()
            .filter_map(|text| {
                let entry = AllowList::parse_entry(text).map_err(|problem| format!("{text:?} {problem}"));
                errors.take("--allow-site", entry)
            })
            .collect();
        let allow_companies = allow_companies(&args, errors);
        let namespace =
            args.namespace.or(environment.pod_namespace).or(environment.service_account_namespace);
        let watch_namespaces = watch_namespaces(&args.watch_namespaces, namespace.as_deref(), errors);
        let operator = OperatorName::new(namespace.as_deref(), &args.lease_name);
        let lease = lease(args.leader_elect, &args.lease_name, namespace.as_deref(), errors);
        let profiles = match args.profiles {
            None => Some(Profiles::builtin()),
            Some(path) => {
                let profiles = files::text(&path).and_then(|text| {
                    Profiles::with_file(&text, &path.display().to_string()).map_err(|error| error.to_string())
                });
                errors.take("--profiles", profiles)
            }
        };
        let ca_bundle = args.ca_bundle.and_then(|path| {
            let bundle = files::text(&path).and_then(|pem| match tls::client_config(Some(pem.as_bytes())) {
                Ok(_) => Ok(pem.into_bytes()),
                Err(problem) => Err(format!("{}: {problem}", path.display())),
            });
            errors.take("--ca-bundle", bundle)
        });
        let egress_proxy =
            args.egress_proxy.as_deref().and_then(|text| errors.take("--egress-proxy", proxy(text)));
        if args.connectwise_requests_per_minute.get() > 1000 {
            errors.add(
                "--connectwise-requests-per-minute",
                "is more than 1000; ConnectWise allows about 1000 calls per minute",
            );
        }
        if let Err(problem) = EnvFilter::try_new(&args.log_level) {
            errors.add("--log-level", problem);
        }
        let speed = (0.01..=10_000.0).contains(&args.time_speed).then_some(args.time_speed);
        let speed = errors.take("--time-speed", speed.ok_or("must be a number from 0.01 to 10000"));
        Some(Self {
            allow: AllowList::new(sites, petra.as_ref().map(|petra| petra.host.clone())),
            petra,
            petra_key,
            registration,
            watch_namespaces: watch_namespaces?,
            watch_secrets: args.watch_secrets,
            namespace,
            operator,
            lease,
            instance: environment.pod_name.unwrap_or_else(|| "cwlink".to_owned()),
            pod_uid: environment.pod_uid,
            connectwise_client_id: connectwise_client_id?,
            allow_companies,
            profiles: profiles?,
            ca_bundle,
            egress_proxy,
            rates: Rates { connectwise: args.connectwise_requests_per_minute, ..Rates::default() },
            concurrency: args.concurrency,
            admin_address: args.admin_address,
            log_format: args.log_format,
            log_level: args.log_level,
            kubeconfig: args.kubeconfig,
            timings: Timings::scaled(speed?),
        })
    }
}

fn petra(args: &RunArgs, errors: &mut SettingsErrors) -> Option<Petra> {
    let installation = args.installation_id.as_deref().and_then(|text| {
        let id = InstallationId::parse(text).ok_or("must be 1 to 63 lowercase letters, digits and hyphens");
        errors.take("--installation-id", id)
    });
    let url = args.petra_url.as_deref()?;
    if args.installation_id.is_none() {
        errors.add(
            "--installation-id",
            "is required with --petra-url; choose a name and do not change it later",
        );
    }
    if args.petra_key_file.is_none() {
        errors.add("--petra-key-file", "is required with --petra-url");
    }
    let host = errors.take("--petra-url", petra_host(url))?;
    Some(Petra { host, installation: installation? })
}

/// `https://HOST[:PORT]` and nothing else: the routes below it are the contract's.
fn petra_host(text: &str) -> Result<HostPort, String> {
    let form = "use https://HOST or https://HOST:PORT";
    let bare = text.strip_prefix("https://").ok_or_else(|| format!("must begin with https://; {form}"))?;
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    if bare.contains(['/', '?', '#']) {
        return Err(format!("must not have a path or a query; {form}"));
    }
    bare.parse::<HostPort>().map_err(|problem| problem.to_string())
}

fn registration(args: &RunArgs, errors: &mut SettingsErrors) -> RegistrationMode {
    match (args.registration, &args.petra_url) {
        (Some(RegistrationMode::Api), None) => {
            errors.add(
                "--registration",
                "Api requires --petra-url, the server that the operator sends API keys to",
            );
            RegistrationMode::Api
        }
        (Some(mode), _) => mode,
        (None, Some(_)) => RegistrationMode::Api,
        (None, None) => RegistrationMode::Portal,
    }
}

fn client_id(args: &RunArgs, errors: &mut SettingsErrors) -> Option<SecretFile> {
    let flag = "--connectwise-client-id-file";
    let path = args.connectwise_client_id_file.as_deref();
    let path = path.ok_or("is required: ConnectWise rejects calls without a clientId");
    errors.take(flag, path).and_then(|path| errors.take(flag, SecretFile::open(flag, path)))
}

fn allow_companies(args: &RunArgs, errors: &mut SettingsErrors) -> Option<BTreeSet<CompanyId>> {
    let read = |text: &String| {
        let company = CompanyId::parse(text).map_err(|problem| format!("{text:?}: {problem}"));
        errors.take("--allow-company", company)
    };
    let companies: BTreeSet<_> = args.allow_company.iter().filter_map(read).collect();
    (!args.allow_company.is_empty()).then_some(companies)
}

fn watch_namespaces(
    given: &[String],
    own: Option<&str>,
    errors: &mut SettingsErrors,
) -> Option<WatchNamespaces> {
    let flag = "--watch-namespaces";
    match (given, own) {
        ([], Some(own)) => Some(WatchNamespaces::These([own.to_owned()].into())),
        ([], None) => {
            errors.add(flag, "the operator's own namespace is not known; set this flag or --namespace");
            None
        }
        ([all], _) if all == "*" => Some(WatchNamespaces::All),
        (names, _) => {
            for name in names.iter().filter(|name| !dns_name::is_label(name)) {
                errors.add(flag, format_args!("{name:?} is not a namespace; use names, or only `*`"));
            }
            Some(WatchNamespaces::These(names.iter().cloned().collect()))
        }
    }
}

/// `None` when there shall be none, or when an error was added. Without one, its name still names the operator.
fn lease(
    leader_elect: bool,
    name: &str,
    namespace: Option<&str>,
    errors: &mut SettingsErrors,
) -> Option<LeaseName> {
    if !dns_name::is_label(name) {
        errors.add(
            "--lease-name",
            format_args!("{name:?} is not a valid name; use 1 to 63 lowercase letters, digits and hyphens"),
        );
    }
    if !leader_elect {
        return None;
    }
    let Some(namespace) = namespace else {
        errors.add(
            "--leader-elect",
            "requires the operator's own namespace, which is not known; set --namespace. If no other operator runs for this \
             installation, you can set --leader-elect=false instead",
        );
        return None;
    };
    Some(LeaseName { namespace: namespace.to_owned(), name: name.to_owned() })
}

/// A proxy without a password: that would be a secret in a flag.
fn proxy(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL; use http://HOST:PORT or https://HOST:PORT")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("must be http://HOST:PORT or https://HOST:PORT");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user name or password; flags cannot hold secrets");
    }
    if url.domain().is_some_and(|name| Host::parse(name).is_err()) {
        return Err(
            "must use a fully qualified host name, such as squid.proxy.svc.cluster.local; the operator does not use search \
                    domains",
        );
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a path or a query; use http://HOST:PORT or https://HOST:PORT");
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
