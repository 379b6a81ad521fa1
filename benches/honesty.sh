#!/bin/sh
# Writes the honesty table of docs/truths.md to stdout: sh benches/honesty.sh [SEED]
set -e
cd "$(dirname "$0")/.."
cargo build --release
exec python3 benches/honesty.py target/release/odp --markdown --seed "${1:-1}"
