//! `make bench`: the control plane beside bare limits and peers, all measured in one run on one machine.
//!
//! Only the ratios of one run mean anything: limits and peers are measured beside the product, on the same servers
//! and under the same load. Arguments choose groups (`queue`, `takeover`, `rollback`, `migration`, `preservation`,
//! `api`); without any, all are measured.

mod api;
mod bare;
mod compose;
mod load;
mod machine;
mod migration;
mod peer;
mod plane;
mod preservation;
mod program;
mod queue;
mod report;
mod rollback;
mod sample;
mod takeover;
mod tools;

use anyhow::{Result, bail};

use crate::report::Report;

const GROUPS: [&str; 6] = ["queue", "takeover", "rollback", "migration", "preservation", "api"];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, listen, url] = arguments.as_slice()
        && first == bare::SUBCOMMAND
    {
        return bare::serve(listen, url).await;
    }
    if let Some(unknown) = arguments.iter().find(|word| !GROUPS.contains(&word.as_str())) {
        bail!("'{unknown}' is none of {}", GROUPS.join(", "));
    }
    let wanted = |group: &str| arguments.is_empty() || arguments.iter().any(|word| word == group);
    let mut report = Report::new(&machine::describe());
    for group in GROUPS.into_iter().filter(|group| wanted(group)) {
        let measured = match group {
            "queue" => queue::measure(&mut report).await,
            "takeover" => takeover::measure(&mut report).await,
            "rollback" => rollback::measure(&mut report).await,
            "migration" => migration::measure(&mut report).await,
            "preservation" => preservation::measure(&mut report).await,
            _ => api::measure(&mut report).await,
        };
        // The other groups are worth having all the same.
        if let Err(error) = measured {
            report.note(&format!("{group}: broken off: {error:#}"));
        }
    }
    report.print();
    Ok(())
}
