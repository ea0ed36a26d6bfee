//! The command line. The doc comments are the help texts.

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
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator
    Run(Box<RunArgs>),
    /// Print the CustomResourceDefinition as YAML
    Crd,
}

/// Flags of `cwlink run`.
#[derive(Args, Clone, Debug)]
#[command(next_line_help = true)]
pub struct RunArgs {
    /// Name of this installation at Petra: the first part of the owner of every link. Keep the name when you rebuild the
    /// cluster. Choose a name that no other installation of your organisation uses. 1 to 63 lowercase letters, digits and
    /// hyphens. Required with --petra-url
    #[arg(long, env = "CWLINK_INSTALLATION_ID", value_name = "NAME", hide_env_values = true)]
    pub installation_id: Option<String>,

    /// Namespaces to watch for links, or `*` for all namespaces. Anyone who can create a link in a watched namespace can
    /// send the tickets of a company to your Petra organisation [default: the operator's own namespace]
    #[arg(
        long,
        env = "CWLINK_WATCH_NAMESPACES",
        value_name = "NAMESPACE,…",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub watch_namespaces: Vec<String>,

    /// Namespace of the operator itself [default: `POD_NAMESPACE`, or the namespace of the pod's service account]
    #[arg(long, env = "CWLINK_NAMESPACE", value_name = "NAMESPACE", hide_env_values = true)]
    pub namespace: Option<String>,

    /// Registration mode of links that do not set one. `Api`: the operator registers links through the link API.
    /// `Portal`: a person saves links in Petra's portal [default: Api with --petra-url, otherwise Portal]
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

    /// Server that the operator registers links with, as `https://HOST[:PORT]`. There is no default, because the operator
    /// sends API keys to this server
    #[arg(long, env = "CWLINK_PETRA_URL", value_name = "URL", hide_env_values = true)]
    pub petra_url: Option<String>,

    /// File with the operator's Petra API key. The operator reads the file again when it changes. Required with
    /// --petra-url. Without --petra-url, the key is only used to verify your Petra account
    #[arg(long, env = "CWLINK_PETRA_KEY_FILE", value_name = "FILE", hide_env_values = true)]
    pub petra_key_file: Option<PathBuf>,

    /// File with the ConnectWise clientId of your integration, from developer.connectwise.com. The operator reads the file
    /// again when it changes. Required
    #[arg(long, env = "CWLINK_CONNECTWISE_CLIENT_ID_FILE", value_name = "FILE", hide_env_values = true)]
    pub connectwise_client_id_file: Option<PathBuf>,

    /// ConnectWise server outside the production hosts of the ConnectWise cloud that API keys may be sent to, such as a
    /// server that you host, or ConnectWise's staging host. This also allows `api-HOST` on the same port, which serves the
    /// API of most versions. Both can have private addresses and any port. Can be repeated
    #[arg(
        long,
        env = "CWLINK_ALLOW_SITE",
        value_name = "HOST[:PORT]",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub allow_site: Vec<String>,

    /// ConnectWise company that may be linked. If set, only these companies may be linked. Can be repeated [default: any]
    #[arg(
        long,
        env = "CWLINK_ALLOW_COMPANY",
        value_name = "ID",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub allow_company: Vec<String>,

    /// YAML file with your own permission profiles, in addition to the built-in profiles
    #[arg(long, env = "CWLINK_PROFILES", value_name = "FILE", hide_env_values = true)]
    pub profiles: Option<PathBuf>,

    /// PEM file with CA certificates to trust for ConnectWise and Petra, in addition to the system's certificates
    #[arg(long, env = "CWLINK_CA_BUNDLE", value_name = "FILE", hide_env_values = true)]
    pub ca_bundle: Option<PathBuf>,

    /// Proxy for calls to ConnectWise and Petra, as `http(s)://HOST:PORT`. The proxy resolves host names, so the proxy must
    /// block private addresses. The operator ignores the usual proxy environment variables for these calls
    #[arg(long, env = "CWLINK_EGRESS_PROXY", value_name = "URL", hide_env_values = true)]
    pub egress_proxy: Option<String>,

    /// Watch the metadata of Secrets. With `false`, the operator only needs permission to get the Secrets that links name. It
    /// then finds changed keys at the next check, and within a minute if the previous keys were rejected
    #[arg(
        long,
        env = "CWLINK_WATCH_SECRETS",
        value_name = "BOOL",
        default_value_t = true,
        action = ArgAction::Set,
        hide_env_values = true
    )]
    pub watch_secrets: bool,

    /// Number of links to reconcile at the same time. One ConnectWise host uses at most half. If the operator watches several
    /// namespaces, one namespace also uses at most half
    #[arg(
        long,
        env = "CWLINK_CONCURRENCY",
        value_name = "NUMBER",
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=256),
        hide_env_values = true
    )]
    pub concurrency: u16,

    /// Calls per minute to one ConnectWise host, from 1 to 1000
    #[arg(
        long,
        env = "CWLINK_CONNECTWISE_REQUESTS_PER_MINUTE",
        value_name = "NUMBER",
        default_value = "600",
        hide_env_values = true
    )]
    pub connectwise_requests_per_minute: NonZeroU32,

    /// Elect a leader with a Lease in the operator's own namespace, so that only one of several replicas acts. Set `false`
    /// only if no other replica can run
    #[arg(
        long,
        env = "CWLINK_LEADER_ELECT",
        value_name = "BOOL",
        default_value_t = true,
        action = ArgAction::Set,
        hide_env_values = true
    )]
    pub leader_elect: bool,

    /// Name of the Lease. With the operator's namespace, it names the operator in `status.operator` of the links that it serves.
    /// Installations that share a namespace need different names
    #[arg(
        long,
        env = "CWLINK_LEASE_NAME",
        value_name = "NAME",
        default_value = "cwlink",
        hide_env_values = true
    )]
    pub lease_name: String,

    /// Listen address of /livez, /readyz and /metrics
    #[arg(
        long,
        env = "CWLINK_ADMIN_ADDRESS",
        value_name = "ADDRESS",
        default_value = "[::]:8080",
        hide_env_values = true
    )]
    pub admin_address: SocketAddr,

    /// Format of the log on stderr. `auto` is text on a terminal, otherwise JSON
    #[arg(
        long,
        env = "CWLINK_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value = "auto",
        hide_env_values = true
    )]
    pub log_format: LogFormat,

    /// Log level: error, warn, info, debug or trace. Can be set for a module, such as `info,cwlink::link=debug`. The level
    /// applies to the operator's own log lines. Libraries only log errors, because their other lines can contain Secrets
    #[arg(
        long,
        env = "CWLINK_LOG_LEVEL",
        value_name = "FILTER",
        default_value = "info",
        hide_env_values = true
    )]
    pub log_level: String,

    /// Kubeconfig file of the cluster [default: `KUBECONFIG`, then ~/.kube/config, then the pod's service account]
    #[arg(long, env = "CWLINK_KUBECONFIG", value_name = "FILE", hide_env_values = true)]
    pub kubeconfig: Option<PathBuf>,

    /// For tests: run all intervals this many times faster
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
