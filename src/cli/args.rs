//! Flags as they are typed. The doc comments are the help text.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{ArgAction, Args, Parser, Subcommand};

use crate::crd::RegistrationMode;
use crate::logging::LogFormat;

/// Links ConnectWise PSA with Petra Security from Kubernetes
#[derive(Debug, Parser)]
#[command(name = "cwlink", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator
    Run(Box<RunArgs>),
    /// Print the CRD as YAML
    Crd,
}

/// Flags of `cwlink run`.
#[derive(Args, Clone, Debug)]
#[command(next_line_help = true)]
pub struct RunArgs {
    /// Name of this installation at Petra, the first part of every link's owner. It must survive a rebuilt cluster and
    /// differ from every other installation of your organisation. Required with --petra-url: 1 to 63 lower-case letters,
    /// digits and hyphens
    #[arg(long, env = "CWLINK_INSTALLATION_ID", value_name = "NAME", hide_env_values = true)]
    pub installation_id: Option<String>,

    /// Namespaces whose links are looked at, or `*` for all. Who may create a link there may send a company's tickets to
    /// your Petra organisation [default: the operator's own namespace]
    #[arg(
        long,
        env = "CWLINK_WATCH_NAMESPACES",
        value_name = "NAMESPACE,…",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub watch_namespaces: Vec<String>,

    /// The operator's own namespace [default: `POD_NAMESPACE`, else that of the pod's service account]
    #[arg(long, env = "CWLINK_NAMESPACE", value_name = "NAMESPACE", hide_env_values = true)]
    pub namespace: Option<String>,

    /// How links are registered that do not say so themselves: by the operator over Petra's link routes, or by a person in
    /// Petra's portal [default: Api with --petra-url, else Portal]
    #[arg(
        long,
        env = "CWLINK_REGISTRATION",
        value_name = "MODE",
        hide_env_values = true,
        value_parser = PossibleValuesParser::new(["Api", "Portal"]).map(|text| match text.as_str() {
            "Api" => RegistrationMode::Api,
            _ => RegistrationMode::Portal,
        })
    )]
    pub registration: Option<RegistrationMode>,

    /// The server that links are registered with, `https://HOST[:PORT]`. Keys are sent there: it has no default
    #[arg(long, env = "CWLINK_PETRA_URL", value_name = "URL", hide_env_values = true)]
    pub petra_url: Option<String>,

    /// File with the operator's Petra API key. Read again when it changes. Required with --petra-url; without, the key only
    /// proves the account
    #[arg(long, env = "CWLINK_PETRA_KEY_FILE", value_name = "FILE", hide_env_values = true)]
    pub petra_key_file: Option<PathBuf>,

    /// File with the ConnectWise clientId of your integration, from developer.connectwise.com. Read again when it changes.
    /// Required
    #[arg(long, env = "CWLINK_CONNECTWISE_CLIENT_ID_FILE", value_name = "FILE", hide_env_values = true)]
    pub connectwise_client_id_file: Option<PathBuf>,

    /// ConnectWise server besides ConnectWise's own cloud that keys may be sent to, such as one that you host. It may have a
    /// private address and a port of its own. May be given several times
    #[arg(
        long,
        env = "CWLINK_ALLOW_SITE",
        value_name = "HOST[:PORT]",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub allow_site: Vec<String>,

    /// ConnectWise company that may be linked; no other then. May be given several times [default: any]
    #[arg(
        long,
        env = "CWLINK_ALLOW_COMPANY",
        value_name = "ID",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub allow_company: Vec<String>,

    /// YAML file with permission profiles of your own, besides the built-in ones
    #[arg(long, env = "CWLINK_PROFILES", value_name = "FILE", hide_env_values = true)]
    pub profiles: Option<PathBuf>,

    /// PEM file with certificates to trust for ConnectWise and Petra, besides the system's
    #[arg(long, env = "CWLINK_CA_BUNDLE", value_name = "FILE", hide_env_values = true)]
    pub ca_bundle: Option<PathBuf>,

    /// Proxy for calls to ConnectWise and Petra, `http(s)://HOST:PORT`. It resolves the names, so that private addresses
    /// behind a public name are its matter. The usual proxy variables of the environment are not used for these calls
    #[arg(long, env = "CWLINK_EGRESS_PROXY", value_name = "URL", hide_env_values = true)]
    pub egress_proxy: Option<String>,

    /// Whether to watch the metadata of Secrets. With `false` the right to get the Secrets that links name is enough, and
    /// changed keys are found at the next check
    #[arg(
        long,
        env = "CWLINK_WATCH_SECRETS",
        value_name = "BOOL",
        default_value_t = true,
        action = ArgAction::Set,
        hide_env_values = true
    )]
    pub watch_secrets: bool,

    /// Links that are looked at at the same time. Where several namespaces are watched, one of them takes half at most
    #[arg(
        long,
        env = "CWLINK_CONCURRENCY",
        value_name = "NUMBER",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=256),
        hide_env_values = true
    )]
    pub concurrency: u16,

    /// Calls a minute to one ConnectWise host, 1 to 1000
    #[arg(
        long,
        env = "CWLINK_CONNECTWISE_REQUESTS_PER_MINUTE",
        value_name = "NUMBER",
        default_value = "600",
        hide_env_values = true
    )]
    pub connectwise_requests_per_minute: NonZeroU32,

    /// Whether to act only while holding a Lease in the operator's own namespace, so that of several replicas one acts.
    /// `false` is for an operator that surely runs alone
    #[arg(
        long,
        env = "CWLINK_LEADER_ELECT",
        value_name = "BOOL",
        default_value_t = true,
        action = ArgAction::Set,
        hide_env_values = true
    )]
    pub leader_elect: bool,

    /// Name of that Lease. Installations that share a namespace need different ones
    #[arg(
        long,
        env = "CWLINK_LEASE_NAME",
        value_name = "NAME",
        default_value = "cwlink",
        hide_env_values = true
    )]
    pub lease_name: String,

    /// Address of /livez, /readyz and /metrics
    #[arg(
        long,
        env = "CWLINK_ADMIN_ADDRESS",
        value_name = "ADDRESS",
        default_value = "[::]:8080",
        hide_env_values = true
    )]
    pub admin_address: SocketAddr,

    /// Form of the log on stderr: `auto` is text on a terminal, else JSON
    #[arg(
        long,
        env = "CWLINK_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value = "auto",
        hide_env_values = true
    )]
    pub log_format: LogFormat,

    /// What is logged: error, warn, info, debug or trace, also by module, such as `info,cwlink::link=debug`. It selects among
    /// the operator's own lines: of the libraries beneath it only errors are ever logged, because their other lines hold
    /// what passes through them, answers with Secrets too
    #[arg(
        long,
        env = "CWLINK_LOG_LEVEL",
        value_name = "FILTER",
        default_value = "info",
        hide_env_values = true
    )]
    pub log_level: String,

    /// Configuration of the cluster to work in [default: `KUBECONFIG`, else ~/.kube/config, else the pod's service account]
    #[arg(long, env = "CWLINK_KUBECONFIG", value_name = "FILE", hide_env_values = true)]
    pub kubeconfig: Option<PathBuf>,

    /// For tests: run the timetable this many times faster
    #[arg(long, env = "CWLINK_TIME_SPEED", value_name = "FACTOR", default_value_t = 1.0, hide = true)]
    pub time_speed: f64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_help_is_what_the_documentation_shows() {
        let mut command = Cli::command().term_width(100);
        insta::assert_snapshot!("help", command.render_long_help());
        let run = command.find_subcommand_mut("run").expect("a subcommand").clone();
        insta::assert_snapshot!("help_run", run.bin_name("cwlink run").term_width(100).render_long_help());
    }

    #[test]
    fn no_flag_takes_a_secret_itself() {
        let command = Cli::command();
        let run = command.find_subcommand("run").expect("a subcommand");
        for flag in run.get_arguments().filter_map(|argument| argument.get_long()) {
            let secret = ["key", "client-id", "password", "token"].iter().any(|word| flag.contains(word));
            assert!(!secret || flag.ends_with("-file"), "--{flag}");
        }
    }

    #[test]
    fn flags_that_cannot_be_read_are_named() {
        for (arguments, named) in [
            (&["--concurrency", "0"][..], "--concurrency"),
            (&["--concurrency", "many"], "--concurrency"),
            (&["--registration", "api"], "--registration"),
            (&["--watch-secrets", "perhaps"], "--watch-secrets"),
            (&["--admin-address", "8080"], "--admin-address"),
            (&["--log-format", "xml"], "--log-format"),
            (&["--connectwise-requests-per-minute", "0"], "--connectwise-requests-per-minute"),
            (&["--unknown"], "--unknown"),
        ] {
            let error = Cli::try_parse_from(["cwlink", "run"].iter().chain(arguments)).expect_err("refused");
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
