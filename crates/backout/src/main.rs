//! One binary: the service (`serve`, `worker`, `admin`) and the everyday commands that speak to it.

mod admin;
mod cli;
mod data_directory;
mod database;
mod embedded;
mod failure;
mod io_error;
mod keyed;
mod keys;
mod serve;
mod settings;
mod shutdown;
mod telemetry;

fn main() -> std::process::ExitCode {
    cli::main()
}
