//! Certificates, good and bad, made by this crate, by rcgen directly, and by OpenSSL.

mod constraints;
mod made;
mod openssl;
mod ours;

use std::time::{Duration, SystemTime};

use super::panel::Judge;
use super::support::have;

pub(crate) use ours::issue;

/// What we say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    Accept,
    /// With exactly these reasons, by their machine-readable names, in this order.
    Refuse(&'static [&'static str]),
}

/// A server's certificate before a client.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) chain: String,
    pub(crate) trust: String,
    pub(crate) host: String,
    pub(crate) at: SystemTime,
    pub(crate) expect: Expect,
    /// Judges who see it otherwise, and why that is so.
    pub(crate) differs: Vec<(Judge, &'static str)>,
    /// Whether OpenSSL is asked to be strict: for certificates that we made.
    pub(crate) strict: bool,
}

impl Case {
    fn new(name: impl Into<String>, chain: &str, trust: &str, host: &str, expect: Expect) -> Self {
        Self {
            name: name.into(),
            chain: chain.to_owned(),
            trust: trust.to_owned(),
            host: host.to_owned(),
            at: now(),
            expect,
            differs: Vec::new(),
            strict: false,
        }
    }

    /// A case that we accept.
    fn good(name: impl Into<String>, chain: &str, trust: &str, host: &str) -> Self {
        Self::new(name, chain, trust, host, Expect::Accept)
    }

    /// A case that we refuse for one reason.
    fn bad(name: impl Into<String>, chain: &str, trust: &str, host: &str, why: &'static [&'static str]) -> Self {
        Self::new(name, chain, trust, host, Expect::Refuse(why))
    }

    fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }

    fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    fn except(mut self, judges: &[Judge], why: &'static str) -> Self {
        self.differs.extend(judges.iter().map(|judge| (*judge, why)));
        self
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The address that most cases are reached by.
const HOST: &str = "192.168.6.1";

/// 2027-01-15T08:00:00Z: nearly all cases play then, whatever the clock says.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Every case. The certificates are new each time.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = ours::cases();
    all.extend(made::cases());
    all.extend(constraints::cases());
    if have("openssl", "certificates made by OpenSSL") {
        all.extend(openssl::cases());
    }
    all
}
