//! `backout completions SHELL`: a script that completes commands and options.

use clap::Args;
use clap_complete::Shell;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::{help, output};

#[derive(Debug, Args)]
pub(crate) struct Completions {
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, context: &Context) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut help::command(context.language), "backout", &mut script);
        output::line(String::from_utf8_lossy(&script).trim_end());
        Exit::Done
    }
}
