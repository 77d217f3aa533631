//! The program: see [`bootstone::cli`].

fn main() -> std::process::ExitCode {
    bootstone::cli::run(std::env::args())
}
